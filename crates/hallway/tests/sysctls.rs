//! `sysctls` of a node: set, compared, repaired.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, wait_for};

const FILE: &str = "
networks: { n: { subnet: 10.9.0.0/24 } }
nodes:
  a:
    networks: [n]
    sysctls:
      net.ipv4.tcp_syncookies: 2
      net.ipv4.ip_local_port_range: \"20000   30000\"
      net.ipv4.conf.eth0.rp_filter: 2
  b: { networks: [n] }
";

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

fn value(h: &Hallway, node: &str, key: &str) -> String {
    let text = h.ok(&format!("exec {node} -- cat /proc/sys/net/ipv4/{key}"));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn settings_are_set_compared_and_repaired() {
    let h = hallway();
    let before = Snapshot::take();
    h.up(FILE).ok();
    assert_eq!(value(&h, "a", "tcp_syncookies"), "2");
    assert_eq!(value(&h, "a", "ip_local_port_range"), "20000 30000");
    assert_eq!(value(&h, "a", "conf/eth0/rp_filter"), "2");
    assert_ne!(value(&h, "b", "tcp_syncookies"), "2");
    let again = || h.run(&["up", "/run/up.hallway.yaml"]);
    again().says("nothing to change").exits(0);

    assert!(h.inside("a", "echo 0 > /proc/sys/net/ipv4/tcp_syncookies"));
    let words = "net.ipv4.tcp_syncookies is 0, not 2";
    let status = h.run(&["status"]);
    assert!(
        format!("{}{}", status.out, status.err).contains(words),
        "{}{}",
        status.out,
        status.err
    );
    assert!(
        h.ok("plan --format shell /run/up.hallway.yaml")
            .contains("net.ipv4.tcp_syncookies=2")
    );
    again().exits(0);
    assert_eq!(value(&h, "a", "tcp_syncookies"), "2");

    h.up(&FILE.replace("tcp_syncookies: 2", "tcp_syncookies: 0"))
        .ok();
    assert_eq!(value(&h, "a", "tcp_syncookies"), "0");
    again().says("nothing to change").exits(0);
    h.ok("down");
    before.unchanged();
}

fn what_is_not_of_a_node_is_refused() {
    let h = hallway();
    for (key, says) in [
        ("kernel.hostname", "a setting of the whole machine"),
        ("net.ipv4.ip_forward", "is set by forwarding: true"),
        ("net.ipv6.conf.all.disable_ipv6", "is set by hallway itself"),
        ("net.ipv4.x y", "is not a setting"),
    ] {
        h.up(&format!("nodes: {{ a: {{ sysctls: {{ {key}: 1 }} }} }}\n"))
            .exits(2)
            .says(says);
    }
    let before = Snapshot::take();
    h.up("nodes: { a: { sysctls: { net.ipv4.no_such_setting: 1 } } }\n")
        .exits(2)
        .says("this kernel has no setting net.ipv4.no_such_setting in a node")
        .says("up.hallway.yaml:1:26");
    h.up("nodes:\n  a:\n    sysctls:\n      net.ipv4.tcp_syncookies: sometimes\n")
        .exits(2)
        .says("does not accept \"sometimes\"")
        .says("up.hallway.yaml:4:7");
    // Only in namespaces of containers and of nodes it cannot be written.
    h.up("nodes: { a: { sysctls: { net.netfilter.nf_conntrack_max: 5 } } }\n")
        .exits(2)
        .says("net.netfilter.nf_conntrack_max is a setting of the whole machine")
        .says("up.hallway.yaml:1:26");
    before.unchanged();
}

/// The link-local address of a node's eth1, for the node at the other end of the cable, where it is eth1 too.
fn link_local(h: &Hallway, node: &str) -> String {
    let shown = h.ok(&format!("exec {node} -- ip -6 -o addr show dev eth1"));
    let mut words = shown.split_whitespace();
    let address = words.find(|word| word.starts_with("fe80:")).unwrap();
    format!("{}%eth1", address.split('/').next().unwrap())
}

/// The kernel has to check first that no other node has the sender's address.
fn reaches(h: &Hallway, node: &str, address: &str) {
    let ping = format!("ping -c 1 -W 1 {address}");
    wait_for("an answer to a ping", || h.inside(node, &ping));
}

/// It is off where a node has IPv4 addresses only, unless the file says that it is on.
fn ipv6_is_on_where_the_file_says_so() {
    let h = hallway();
    let file = "nodes:
  a: { sysctls: { net.ipv6.conf.all.disable_ipv6: 0 } }
  b: { sysctls: [net.ipv6.conf.default.disable_ipv6=0] }
  c: {}
links:
  - { endpoints: { a: 10.0.0.1/24, b: 10.0.0.2/24 } }
  - { endpoints: { a: {}, b: {} } }
  - { endpoints: { b: 10.0.1.1/24, c: 10.0.1.2/24 } }
";
    h.up(file).ok();
    let is_off = |node: &str, interface: &str| {
        let key = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
        h.ok(&format!("exec {node} -- cat {key}")).trim() == "1"
    };
    assert!(!is_off("a", "eth0") && !is_off("a", "eth1") && !is_off("b", "eth1"));
    assert!(is_off("c", "eth0"));
    reaches(&h, "a", &link_local(&h, "b"));
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change");
    h.up(&file.replace("{ sysctls: { net.ipv6.conf.all.disable_ipv6: 0 } }", "{}"))
        .ok();
    assert!(is_off("a", "eth0"));
    h.ok("down");
}

/// containerlab leaves it on.
fn ipv6_is_on_in_a_lab() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let lab = "name: p
topology:
  nodes:
    spine: { kind: linux }
    leaf: { kind: linux, exec: [\"ip addr add 10.0.1.1/24 dev eth2\"] }
    off: { kind: linux, sysctls: { net.ipv6.conf.all.disable_ipv6: 1 }, exec: [\"ip addr add 10.0.1.2/24 dev eth1\"] }
  links:
    - endpoints: [\"spine:eth1\", \"leaf:eth1\"]
    - endpoints: [\"leaf:eth2\", \"off:eth1\"]
";
    std::fs::write("/run/bgp.clab.yml", lab).unwrap();
    h.ok("up /run/bgp.clab.yml");
    let h = h.project("p");
    reaches(&h, "spine", &link_local(&h, "leaf"));
    let off = h.ok("exec off -- cat /proc/sys/net/ipv6/conf/eth1/disable_ipv6");
    assert_eq!(off.trim(), "1");
    h.ok("down");
}

hallway_testkit::tests![
    ipv6_is_on_where_the_file_says_so,
    ipv6_is_on_in_a_lab,
    settings_are_set_compared_and_repaired,
    what_is_not_of_a_node_is_refused,
];
