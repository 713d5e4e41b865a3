//! Names that resemble a name: suggestions for misspelt words, and for words of other programs.

/// Keys as other programs call them (Compose, containerlab, netplan, ip), and ours.
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
    (&["cidr", "prefix", "range", "ipam"], "subnet"),
    (&["gw", "gateway4", "gateway6"], "gateway"),
    (&["cwd", "workdir", "dir"], "working_dir"),
    (&["depends", "needs", "requires", "after"], "depends_on"),
    (
        &["services", "containers", "hosts", "machines", "namespaces"],
        "nodes",
    ),
    (&["nets", "bridges", "switches", "lans"], "networks"),
    (&["cables", "wires"], "links"),
    (&["rules", "firewall", "acl", "acls"], "policies"),
    (&["tests", "assert", "asserts", "expectations"], "expect"),
    (
        &["nameserver", "nameservers", "dns_servers", "resolver"],
        "dns",
    ),
    (&["src", "source", "sources"], "from"),
    (&["dst", "dest", "destination", "destinations"], "to"),
    (&["bw", "rate", "speed", "limit"], "bandwidth"),
    (&["hwaddr", "mac_address", "macaddress"], "mac"),
    (&["iface", "ifname", "interface_name"], "interface"),
    (&["healthcheck", "wait", "wait_for"], "ready"),
    (&["publish", "published_ports", "expose"], "ports"),
    (&["ip_forward", "router"], "forwarding"),
];

/// The one of `known` keys that is probably meant: what another program calls so, else the most
/// similar one.
pub(crate) fn meant<'a>(
    name: &str,
    mut known: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let synonym = SYNONYMS
        .iter()
        .filter(|(words, _)| words.contains(&name))
        .find_map(|(_, ours)| known.clone().find(|k| k == ours));
    synonym.or_else(|| nearest(name, &mut known))
}

/// The most similar of `names`, if any is similar at all.
#[must_use]
pub fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|n| (strsim::damerau_levenshtein(name, n), n))
        .filter(|(distance, n)| *distance <= (n.len().min(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, n)| n)
}
