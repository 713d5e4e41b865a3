//! Keys of other programs for which hallway's files have other keys: what to write instead. A
//! mapping is recognised by a key that only mappings of its kind have.

/// Keys of the connection of a node, or of a cable.
const IMPAIRMENTS: &[&str] = &[
    "delay",
    "jitter",
    "loss",
    "duplicate",
    "corrupt",
    "reorder",
    "bandwidth",
    "rate",
];

/// Keys, a key of the mapping that they are in, and what to do.
const INSTEAD: &[(&[&str], &str, &str)] = &[
    (
        &["router"],
        "forwarding",
        "write forwarding: true: the node then forwards packets. router: true, on one of its networks, only lets it send IPv6 router advertisements there",
    ),
    (
        &["dhcp_server"],
        "forwarding",
        "a node has it on one of its networks: networks: { apps: { dhcp_server: true } }",
    ),
    (
        &["masquerade"],
        "forwarding",
        "a router has it on one of its networks: networks: { apps: { masquerade: true } }",
    ),
    (
        &["sources"],
        "forwarding",
        "a node has it on one of its networks: networks: { apps: { sources: 10.9.0.0/24 } }",
    ),
    (
        IMPAIRMENTS,
        "forwarding",
        "a node has it on each of its networks: networks: { apps: { delay: 10ms, loss: 1% } }",
    ),
    (
        IMPAIRMENTS,
        "outside",
        "it belongs to a node's connection to the network, below nodes: web: { networks: { apps: { delay: 10ms, loss: 1% } } }",
    ),
    (
        &["dhcp_server", "router", "masquerade", "sources"],
        "outside",
        "it belongs to a node's connection to the network, below nodes: dhcp: { networks: { apps: { dhcp_server: true } } }",
    ),
    (
        &[
            "image",
            "build",
            "volumes",
            "container_name",
            "deploy",
            "mem_limit",
            "cpus",
            "logging",
            "labels",
            "privileged",
            "cap_add",
            "cap_drop",
            "tty",
            "stdin_open",
        ],
        "forwarding",
        "remove it: hallway runs programs of this machine in network namespaces, without images, volumes or limits of memory",
    ),
    (
        &[
            "ip",
            "ips",
            "address",
            "addresses",
            "ipv4",
            "ipv4_address",
            "ipv6_address",
            "mac",
            "mac_address",
            "interface",
            "interfaces",
            "aliases",
        ],
        "forwarding",
        "a node has it on each of its networks: networks: { apps: { address: 10.10.0.5 } }",
    ),
    (
        &["gateway", "default_route", "gw"],
        "forwarding",
        "write routes: [{ to: default, via: 10.10.0.1 }]; without it the host is the gateway",
    ),
    (
        &["kind", "exec", "binds"],
        "forwarding",
        "this is a key of containerlab: put nodes and links below topology: and the file is read as a topology",
    ),
    (
        &["from", "to", "a", "b", "nodes", "ends", "interfaces"],
        "endpoints",
        "write endpoints: { a: 10.0.1.1/24, b: 10.0.1.2/24 }",
    ),
    (
        &["allow", "deny", "accept", "drop"],
        "between",
        "write { action: deny, from: a, to: b }, or { from: a, to: b } to allow it",
    ),
    (
        &["expect", "result", "action", "allowed"],
        "reachable",
        "write reachable: false for what must not pass",
    ),
    (
        &["nodes", "links", "policies", "expect"],
        "services",
        "in a Compose file, keys of hallway are below x-hallway, like x-hallway: { policies: [{ from: web, to: db }] }",
    ),
    (
        &["policies", "expect", "nodes"],
        "stop_grace_period",
        "write it at the top of the file, below x-hallway: x-hallway: { policies: [{ from: web, to: db }] }",
    ),
    (
        &["namespace", "ready", "forwarding", "routes", "limits"],
        "stop_grace_period",
        "in a service, keys of hallway are below x-hallway, like x-hallway: { ready: 80/tcp }",
    ),
    (
        &[
            "ip",
            "ips",
            "addr",
            "address",
            "addresses",
            "ipv4",
            "ipv4_address",
            "ipv6",
            "ipv6_address",
        ],
        "stop_grace_period",
        "a service has it on one of its networks: networks: { default: { ipv4_address: 10.10.0.5 } }",
    ),
    (
        &["interface_name", "interface", "aliases", "gw_priority"],
        "stop_grace_period",
        "a service has it on one of its networks: networks: { default: { aliases: [db], interface_name: eth0, gw_priority: 1 } }",
    ),
    (
        &["subnet", "gateway", "gw", "ipam", "internal", "driver"],
        "stop_grace_period",
        "a network has it, below networks at the top of the file: networks: { default: { ipam: { config: [{ subnet: 10.10.0.0/24, gateway: 10.10.0.1 }] } } }",
    ),
    (
        &["default_route", "route"],
        "stop_grace_period",
        "in a service, keys of hallway are below x-hallway, like x-hallway: { routes: [{ to: default, via: 10.10.0.1 }] }",
    ),
    (
        &["nodes", "links", "kinds", "defaults"],
        "topology",
        "indent it: nodes and links of a topology are below topology",
    ),
    (
        IMPAIRMENTS,
        "link_local_ips",
        "on a network of a service, keys of hallway are below x-hallway, like x-hallway: { delay: 10ms }",
    ),
    (
        &["dhcp_server", "router", "masquerade", "sources"],
        "link_local_ips",
        "on a network of a service, keys of hallway are below x-hallway, like x-hallway: { router: true }",
    ),
    (
        &["subnet", "subnets", "gateway"],
        "ipam",
        "write ipam: { config: [{ subnet: 10.10.0.0/24 }] }",
    ),
    (
        &[
            "mode", "nat", "outside", "mtu", "parent", "vlan", "bridge", "assign",
        ],
        "ipam",
        "in a network, keys of hallway are below x-hallway, like x-hallway: { mode: lan }",
    ),
    (
        &["policies", "expect", "nodes", "links"],
        "ipam",
        "write it at the top of the file, below x-hallway: x-hallway: { policies: [{ from: web, to: db }] }",
    ),
];

/// What to write instead of a key that is not one of `known`.
pub(super) fn instead(key: &str, known: &[&str]) -> Option<&'static str> {
    let mut all = INSTEAD.iter();
    let found = all.find(|(keys, one, _)| keys.contains(&key) && known.contains(one))?;
    Some(found.2)
}
