//! `sysctls` of a node: set, compared, repaired.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot};

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

hallway_testkit::tests![
    settings_are_set_compared_and_repaired,
    what_is_not_of_a_node_is_refused,
];
