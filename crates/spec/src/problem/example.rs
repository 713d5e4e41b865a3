//! A value for each kind of value that is expected and whose description contains none.

/// What is expected, and a value of that kind as it is written.
const EXAMPLES: &[(&str, &str)] = &[
    ("NAME=value", "[MODE=production]"),
    ("a MAC address", "02:00:00:00:00:01"),
    ("a directory", "/srv/www"),
    ("a domain", "example.org"),
    ("a host name", "web-1"),
    (
        "a line for a shell, or a list that begins with CMD, CMD-SHELL or NONE",
        "curl -f http://localhost/",
    ),
    ("a list of nodes", "[db]"),
    ("a list or mapping of networks", "[apps]"),
    ("a mapping from names to addresses", "{ db: 10.0.0.7 }"),
    ("a mapping of settings", "{ net.ipv4.tcp_syncookies: 1 }"),
    ("a mapping of variables", "{ MODE: production }"),
    ("a mapping with condition", "{ condition: service_healthy }"),
    ("a mapping with connections", "{ connections: 1000 }"),
    ("a mapping with test", "{ test: pg_isready -q }"),
    ("a mapping", "{ KEY: VALUE }"),
    ("a mapping, or nothing", "{ KEY: VALUE }"),
    ("a name", "web-1"),
    ("a node, a network, host, outside, any or a prefix", "web"),
    ("a number of bytes from 68 to 65535", "1400"),
    ("a number of connections from 1 to 1000000", "1000"),
    ("a number of failures", "3"),
    ("a number of failures from 1 to 1000", "3"),
    ("a number of replicas from 0 to 10000", "2"),
    ("a port", "80"),
    ("a port of tcp or udp", "80/tcp"),
    ("a port with a target", "{ target: 80, published: 8080 }"),
    ("a prefix, an address, or any", "10.9.0.0/16"),
    ("a program with arguments", "nginx -g 'daemon off;'"),
    ("a text like NAME=value", "[MODE=production]"),
    ("a text or a list of words", "nginx -g 'daemon off;'"),
    ("a variable with a name", "[MODE=production]"),
    ("an address of the host", "127.0.0.1"),
    ("an address", "10.10.0.5"),
    ("an address, or host-gateway", "10.0.0.7"),
    ("an interface name", "eth0"),
    (
        "node:NAME, netns:NAME, pid:NUMBER, container:NAME or the path of a namespace",
        "node:vpn",
    ),
    (
        "one address of each IP version at most",
        "[10.10.0.5, fd20::5]",
    ),
    ("ranges of the same length", "\"5000-5010:6000-6010\""),
    ("the address of a name server", "10.10.0.2"),
    (
        "the name of a network alone",
        "{ apps: { aliases: [web] } }",
    ),
    ("the name of a network", "[apps]"),
    ("the name of a node", "[db]"),
    ("the name of a port", "web"),
    (
        "the name of a service alone",
        "{ db: { condition: service_healthy } }",
    ),
    ("the next hop's address", "10.10.0.2"),
    ("the number of a VLAN, from 1 to 4094", "20"),
];

/// A mapping of the kind that is at a path.
fn mapping(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('.').collect();
    match parts.as_slice() {
        [.., "nodes", _, "networks", _] => Some("{ address: 10.10.0.5 }"),
        [.., "networks", _] => Some("{ subnet: 10.10.0.0/24 }"),
        [.., "nodes", _] => Some("{ networks: [apps] }"),
        _ => None,
    }
}

/// What to write at a path where something else was found.
pub(super) fn help(path: &str, expected: &str) -> Option<String> {
    let (_, example) = EXAMPLES.iter().find(|(kind, _)| *kind == expected)?;
    let example = match expected {
        "a mapping" | "a mapping, or nothing" => mapping(path).unwrap_or(example),
        _ => example,
    };
    let key = path.rsplit('.').next().unwrap_or_default();
    let key = key.split('[').next().unwrap_or_default();
    (!key.is_empty()).then(|| format!("like {key}: {example}"))
}
