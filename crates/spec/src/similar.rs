//! Names similar to a name: suggestions for misspelt words, and for words of other programs.

/// Keys of other programs (Compose, containerlab, netplan, ip), and those of hallway.
const SYNONYMS: &[(&[&str], &str)] = &[
    (
        &["env", "envs", "environ", "vars", "variables"],
        "environment",
    ),
    (&["cmd", "run", "exec", "entrypoint", "program"], "command"),
    (
        &[
            "ip",
            "ips",
            "addr",
            "addresses",
            "ipv4",
            "ipv6",
            "ipv4_address",
            "ipv6_address",
            "mgmt-ipv4",
        ],
        "address",
    ),
    (&["ip", "addr", "address", "ipv4"], "ipv4_address"),
    (&["ipv6"], "ipv6_address"),
    (&["next_hop", "nexthop", "gateway", "gw", "dev"], "via"),
    (&["mac"], "mac_address"),
    (&["interface"], "interface_name"),
    (&["cidr", "prefix", "range", "ipam", "subnets"], "subnet"),
    (&["gw", "gateway4", "gateway6"], "gateway"),
    (&["cwd", "workdir", "dir"], "working_dir"),
    (&["depends", "needs", "requires", "after"], "depends_on"),
    (
        &["services", "containers", "hosts", "machines", "namespaces"],
        "nodes",
    ),
    (
        &["nets", "bridges", "switches", "lans", "subnets"],
        "networks",
    ),
    (&["cables", "wires"], "links"),
    (&["policy", "rules", "firewall", "acl", "acls"], "policies"),
    (&["hosts", "etc_hosts"], "extra_hosts"),
    (&["tests", "assert", "asserts", "expectations"], "expect"),
    (
        &[
            "nameserver",
            "nameservers",
            "dns_server",
            "dns_servers",
            "resolver",
        ],
        "dns",
    ),
    (&["src", "source", "sources"], "from"),
    (&["dst", "dest", "destination", "destinations"], "to"),
    (&["bw", "speed", "limit"], "bandwidth"),
    (&["latency"], "delay"),
    (&["packet_loss", "drop"], "loss"),
    (&["corruption"], "corrupt"),
    (&["hwaddr", "mac_address", "macaddress"], "mac"),
    (&["iface", "ifname", "interface_name"], "interface"),
    (&["health", "health_check"], "healthcheck"),
    (&["network_mode", "netns", "sharing"], "namespace"),
    (&["wait", "wait_for"], "ready"),
    (&["publish", "published_ports", "expose"], "ports"),
    (&["ip_forward", "router"], "forwarding"),
];

/// The one of `known` keys that is probably intended: the equivalent of a key of another program,
/// else the most similar one.
#[must_use]
pub fn meant<'a>(name: &str, mut known: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let synonym = SYNONYMS
        .iter()
        .filter(|(words, _)| words.contains(&name))
        .find_map(|(_, ours)| known.clone().find(|k| k == ours));
    synonym.or_else(|| nearest(name, &mut known))
}

/// The number of letters that differ, capital or not.
fn distance(name: &str, known: &str) -> usize {
    let small = strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase());
    strsim::damerau_levenshtein(name, known).min(small)
}

/// The most similar of `names`, if any is similar at all. Names that differ only in a number, and names
/// of one or two characters, are similar to no other.
///
/// ```
/// use hallway_spec::nearest;
///
/// assert_eq!(nearest("databse", ["web", "database"].into_iter()), Some("database"));
/// assert_eq!(nearest("DATABASE", ["web", "database"].into_iter()), Some("database"));
/// assert_eq!(nearest("r3", ["r1", "r2"].into_iter()), None);
/// assert_eq!(nearest("router3", ["router1", "router2"].into_iter()), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let letters = |n: &str| n.replace(|c: char| c.is_ascii_digit(), "");
    let only_numbers = |n: &str| letters(n) == letters(name) && n.len() != letters(n).len();
    names
        .filter(|n| n.len().max(name.len()) > 2 && !only_numbers(n))
        .map(|n| (distance(name, n), n))
        .filter(|(distance, n)| *distance <= (n.len().min(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, n)| n)
}
