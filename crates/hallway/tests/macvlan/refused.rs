//! What cannot be a parent, and what cannot be on a network with one.

use hallway_testkit::{Hallway, Snapshot, sh};

use crate::{FILE, hallway, wire};

/// Keys of a network, nodes and policies, and the message.
fn refused_files() -> [(String, &'static str, &'static str); 19] {
    let node = "nodes: { a: { networks: { n: { address: 192.168.7.11 } } } }";
    let parent = "parent: eth0, subnet: 192.168.7.0/24";
    let beside = |key: &str| format!("{parent}, {key}");
    [
        (
            "parent: eth7".to_owned(),
            node,
            "there is no interface eth7 here",
        ),
        (
            "parent: eth7.10".into(),
            node,
            "there is no interface eth7 here",
        ),
        ("parent: lo".into(), node, "lo is not an Ethernet interface"),
        ("parent: port0".into(), node, "port0 is a port of br0"),
        ("parent: down0".into(), node, "down0 is down"),
        (
            "parent: br-x".into(),
            node,
            "br-x is a link of hallway, of project other",
        ),
        ("vlan: 10".into(), node, "vlan needs parent"),
        (beside("vlan: 4095"), node, "from 1 to 4094"),
        (beside("mtu: 9000"), node, "that of eth0 is 1500"),
        (beside("internal: true"), node, "so internal cannot hold"),
        (beside("nat: false"), node, "so nat cannot hold"),
        (beside("mode: lan"), node, "so mode cannot hold"),
        (beside("bridge: br0"), node, "so bridge cannot hold"),
        (
            parent.into(),
            "nodes: { a: { networks: { n: { bandwidth: 1mbit } } } }",
            "what comes in there cannot be limited",
        ),
        (
            parent.into(),
            "nodes: { a: { networks: [n], ports: [\"80:80\"] } }",
            "others reach the node by its own address there",
        ),
        (
            parent.into(),
            "nodes: { a: { networks: [n] } }\npolicies: [ { action: deny, from: n, to: outside } ]",
            "packets there do not pass the host's rules",
        ),
        (
            "parent: eth0".into(),
            "nodes: { a: { networks: [n] } }",
            "node a needs an address on network n",
        ),
        (
            "parent: eth0".into(),
            "nodes: { a: { networks: { n: { address: 192.168.7.2 } } } }",
            "address 192.168.7.2 is the host's on network n",
        ),
        (
            "parent: eth0".into(),
            "nodes: { a: { networks: { n: { address: 10.1.1.1 } } } }",
            "address 10.1.1.1 is not in network n (192.168.7.0/24)",
        ),
    ]
}

/// A parent that cannot be one, keys that cannot hold, and a sandbox.
pub(crate) fn refused() {
    wire();
    sh(
        "ip link add br0 type bridge; ip link add port0 type veth peer name port1
        ip link set port0 master br0; ip link set port0 up
        ip link add down0 type veth peer name down1",
    );
    let h = hallway();
    let other = h.project("other");
    other.up("networks: { x: { subnet: 10.60.0.0/24 } }").ok();
    let before = Snapshot::take();
    for (network, nodes, says) in refused_files() {
        let text = format!("networks: {{ n: {{ {network} }} }}\n{nodes}\n");
        h.up(&text).says(says).exits(2);
    }
    h.up("networks: { n: { parent: eth0.5 }, m: { parent: eth0, vlan: 5 } }")
        .says("have the same parent")
        .exits(2);
    before.unchanged();
    // What only the kernel knows: an interface that passes everything to one macvlan interface.
    sh("ip link add link down0 name pass0 type macvlan mode passthru; ip link set down0 up");
    let before = Snapshot::take();
    h.up("networks: { n: { parent: down0, subnet: 192.168.7.0/24 } }\nnodes: { a: { networks: [n] } }")
        .says("could not create interface a eth0")
        .exits(1);
    before.unchanged();
    let sandbox = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway"));
    for words in [
        ["up", "/run/up.hallway.yaml"],
        ["plan", "/run/up.hallway.yaml"],
    ] {
        std::fs::write("/run/up.hallway.yaml", FILE).unwrap();
        sandbox.run(&words).says("with --host").exits(2);
    }
    other.ok("down");
}
