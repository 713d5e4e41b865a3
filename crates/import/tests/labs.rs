//! Labs of containerlab and Kathara: addresses that the file gives, and values of the wrong kind.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_import::{File, Imported, Options, Surroundings, import};
use hallway_spec::Problems;

fn read(path: &str, text: &str) -> Result<Imported, Problems> {
    let file = File {
        path: path.to_owned(),
        text: text.to_owned(),
    };
    let startup = |path: &str| match path {
        "lab/pc1.startup" => Ok("ip addr add 10.0.0.1/24 dev eth0\n".to_owned()),
        "lab/pc3.startup" => Ok("ip -6 addr add fd00::3/64 dev eth0\n".to_owned()),
        _ => Err(std::io::ErrorKind::NotFound.into()),
    };
    let surroundings = Surroundings {
        read: &startup,
        ..Surroundings::bare()
    };
    import(&[file], &Options::default(), surroundings)
}

/// Each node with the addresses of its first network, and whether that gives others.
fn addresses(imported: &Imported) -> Vec<String> {
    let topology = &imported.project.topology;
    let nodes = topology.nodes.iter().map(|node| {
        let attachment = &node.attachments[0];
        let network = topology.networks.iter();
        let mut network = network.filter(|n| n.name == attachment.network);
        let assign = network.next().unwrap().assign;
        format!("{} {:?} {assign}", node.name, attachment.addresses)
    });
    nodes.collect()
}

#[test]
fn nodes_on_a_bridge_have_the_addresses_of_the_file_only() {
    let text = "name: m
topology:
  nodes:
    sw: { kind: bridge }
    a: { kind: linux, exec: [\"ip addr add 10.0.0.1/24 dev eth1\"] }
    b: { kind: linux, exec: [\"ip -6 addr add fd00::2/64 dev eth1\"] }
    c: { kind: linux, exec: [\"ip route add 10.9.0.0/16 via 10.0.0.1\"] }
  links: [{ endpoints: [a:eth1, sw:1] }, { endpoints: [b:eth1, sw:2] }, { endpoints: [c:eth1, sw:3] }]
";
    let imported = read("m.clab.yml", text).unwrap();
    assert_eq!(
        addresses(&imported),
        ["a [10.0.0.1] false", "b [fd00::2] false", "c [] false"]
    );
    let lost = |n: &String| n.starts_with("line 7: c gets no route to 10.9.0.0/16 by 10.0.0.1");
    assert!(imported.notes.iter().any(lost), "{:?}", imported.notes);
}

#[test]
fn a_bridge_without_addresses_has_no_subnet() {
    let text = "topology:
  nodes: { sw: { kind: bridge }, a: { kind: linux } }
  links: [{ endpoints: [a:eth1, sw:1] }]
";
    let imported = read("m.clab.yml", text).unwrap();
    assert!(imported.project.topology.networks[0].subnets.is_empty());
}

#[test]
fn a_node_on_an_interface_of_the_host_needs_no_address() {
    let text = "topology:
  nodes: { a: { kind: linux } }
  links: [{ endpoints: [\"a:eth1\", \"macvlan:eth0\"] }]
";
    let imported = read("m.clab.yml", text).unwrap();
    assert_eq!(addresses(&imported), ["a [] false"]);
}

#[test]
fn machines_of_a_domain_have_the_addresses_of_their_startup_files_only() {
    let imported = read("lab/lab.conf", "pc1[0]=\"A\"\npc2[0]=\"A\"\npc3[0]=\"A\"\n");
    assert_eq!(
        addresses(&imported.unwrap()),
        [
            "pc1 [10.0.0.1] false",
            "pc2 [] false",
            "pc3 [fd00::3] false"
        ]
    );
}

fn one(path: &str, text: &str) -> String {
    let problems = read(path, text)
        .err()
        .map(|p| p.problems)
        .unwrap_or_default();
    assert_eq!(problems.len(), 1, "{text}: {problems:?}");
    problems[0].kind.to_string()
}

/// Topologies with values that containerlab refuses, and how the message begins.
fn refused_values() -> [(String, &'static str); 18] {
    let of_node = |keys: &str| format!("{{ nodes: {{ a: {{ kind: linux, {keys} }} }} }}");
    let two = "nodes: { a: { kind: linux }, b: { kind: linux } }";
    let ends = "endpoints: [\"a:eth1\", \"b:eth1\"]";
    [
        (
            "{ nodes: [a, b] }".to_owned(),
            "topology.nodes must be a mapping from names",
        ),
        (
            "{ nodes: { a: linux } }".to_owned(),
            "topology.nodes.a must be a mapping",
        ),
        (
            "{ nodes: { a: { kind: [linux] } } }".to_owned(),
            "topology.nodes.a.kind must be a text",
        ),
        (
            of_node("exec: ip a"),
            "topology.nodes.a.exec must be a list of commands",
        ),
        (
            of_node("exec: [[x]]"),
            "topology.nodes.a.exec[0] must be a text",
        ),
        (
            of_node("env: [A=1]"),
            "topology.nodes.a.env must be a mapping",
        ),
        (of_node("env: 5"), "topology.nodes.a.env must be a mapping"),
        (
            of_node("cmd: [sleep, \"5\"]"),
            "topology.nodes.a.cmd must be a command as one text",
        ),
        (
            of_node("sysctls: [x]"),
            "topology.nodes.a.sysctls must be a mapping",
        ),
        (
            of_node("dns: 8.8.8.8"),
            "topology.nodes.a.dns must be a mapping",
        ),
        (
            "{ nodes: { a: { } }, kinds: [linux] }".to_owned(),
            "topology.kinds must be",
        ),
        (
            "{ nodes: { a: { } }, defaults: linux }".to_owned(),
            "topology.defaults must be",
        ),
        (
            format!("{{ {two}, links: [{{ type: vethh, {ends} }}] }}"),
            "topology.links[0].type must be veth",
        ),
        (
            format!("{{ {two}, links: {{ {ends} }} }}"),
            "topology.links must be a list",
        ),
        (
            format!("{{ {two}, links: [{{ mtu: big, {ends} }}] }}"),
            "topology.links[0].mtu must be a number",
        ),
        ("".to_owned(), "a topology needs nodes"),
        ("{ nodes: }".to_owned(), "a topology needs nodes"),
        ("[a]".to_owned(), "topology must be a mapping"),
    ]
}

#[test]
fn values_that_containerlab_refuses() {
    for (topology, expected) in refused_values() {
        let text = format!("name: x\ntopology: {topology}\n");
        let found = one("x.clab.yml", &text);
        assert!(found.starts_with(expected), "{text}{found}");
    }
    let found = one("x.clab.yml", "name: [x]\ntopology: { nodes: { a: { } } }\n");
    assert!(found.starts_with("name must be a text"), "{found}");
}

#[test]
fn what_containerlab_accepts() {
    let text = "topology:
  nodes:
    a: { group: nope, env: { A: 1, B: true }, sysctls: { net.ipv4.ip_forward: 1 }, dns: { servers: [10.0.0.53] }, labels: { x: 1 } }
    b:
  kinds: { linux: { image: alpine:3 } }
  groups:
  links:
";
    read("x.clab.yml", text).unwrap();
}

#[test]
fn an_address_that_is_none_is_named() {
    let text = "topology: { nodes: { a: { exec: [\"ip addr add 10.0.0.999/24 dev eth1\"] } } }\n";
    let notes = read("x.clab.yml", text).unwrap().notes;
    let named = |n: &String| n.contains("10.0.0.999/24 is not an address with a prefix length");
    assert!(notes.iter().any(named), "{notes:?}");
}

#[test]
fn mistakes_in_lab_conf_name_the_key_and_the_quote() {
    let key = one("lab/lab.conf", "pc1[0]=A\npc1[eth1]=\"B\"\n");
    assert_eq!(
        key,
        "the key in pc1[eth1] must be a number, bridged, port, env, exec or sysctl, but is \"eth1\""
    );
    let quote = one("lab/lab.conf", "pc1[0]=A\npc2[0]=\"A\n");
    assert!(quote.contains("a line whose quotes are closed"), "{quote}");
}
