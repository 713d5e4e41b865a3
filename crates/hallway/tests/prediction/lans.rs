//! Lans that have one subnet, and the same addresses.

use hallway_testkit::{Hallway, sh};

use crate::{agrees, explained};

const FILE: &str = "networks:
  one: { subnet: 10.0.0.0/24, mode: lan }
  two: { subnet: 10.0.0.0/24, mode: lan }
  up: { subnet: 10.5.0.0/24 }
nodes:
  a: { networks: { one: { address: 10.0.0.2 } } }
  b: { networks: { one: { address: 10.0.0.5 } }, command: hallway serve 80, ready: 80/tcp }
  c: { networks: { two: { address: 10.0.0.2 } } }
  d: { networks: { two: { address: 10.0.0.5 } }, command: hallway serve 80, ready: 80/tcp }
  r: { networks: { two: { address: 10.0.0.1 }, up: { address: 10.5.0.9 } }, forwarding: true }
  s: { networks: { up: { address: 10.5.0.8 } }, routes: [ { to: 10.0.0.0/24, via: 10.5.0.9 } ] }
  v: { networks: { two: { address: 10.0.0.7 } }, routes: [ { to: 10.5.0.0/24, via: 10.0.0.1 } ] }
expect:
  - { from: a, to: b, port: 80/tcp }
  - { from: c, to: d, port: 80/tcp }
  - { from: a, to: d, port: 80/tcp, reachable: false }
  - { from: a, to: v, reachable: false }
  - { from: 10.0.0.2, to: 10.0.0.5, port: 80/tcp }
  - { from: s, to: v }
  - { from: s, to: a, reachable: false }
  - { from: v, to: s }
";

/// Each node has those on its own lan as neighbours, names and answers.
pub(crate) fn lans_with_one_subnet() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up(FILE).ok();
    agrees(&h);
    for (node, address, other) in [("a", "10.0.0.5", "b"), ("c", "10.0.0.5", "d")] {
        let read = format!("exec {node} -- curl -s http://{other}/");
        assert_eq!(h.ok(&read).trim(), format!("{other} answers 10.0.0.2"));
        explained(
            &h,
            node,
            &format!("{address}:80"),
            &["open", "both on network"],
        );
        h.run(&["trace", node, &format!("{address}:80")]).exits(0);
    }
    explained(&h, "c", "d:80", &["c and d are both on network two"]);
    let other = [
        "unreachable",
        "that of b on network one, not that of d on network two",
    ];
    explained(&h, "a", "d:80", &other);
    explained(
        &h,
        "a",
        "v",
        &["no node on a link of a has the address 10.0.0.7, which v has on network two"],
    );
    // Each node that has the address.
    explained(
        &h,
        "10.0.0.2",
        "10.0.0.5:80",
        &["a → 10.0.0.5", "c → 10.0.0.5"],
    );
    let names = |node: &str| h.ok(&format!("exec {node} -- cat /etc/hosts"));
    assert!(names("a").contains("10.0.0.5\tb") && !names("a").contains("\td"));
    assert!(names("c").contains("10.0.0.5\td") && !names("c").contains("\tb"));
    // The router of one of them.
    assert!(!names("s").contains("10.0.0."));
    h.ok("node add e --network one");
    assert!(names("a").contains("\te") && !names("c").contains("\te"));
    let script = h.ok("plan --format shell /run/up.hallway.yaml");
    assert_eq!(
        script.matches("addr add 10.0.0.5/24").count(),
        2,
        "{script}"
    );
    let kernel = sh("ip -n b -br addr show dev eth0; ip -n d -br addr show dev eth0");
    assert_eq!(kernel.matches("10.0.0.5/24").count(), 2, "{kernel}");
    h.ok("down");
}

/// Addresses that programs add on lans and with `sources: any`, with the routes that they give: read from the
/// nodes that may have them.
pub(crate) fn addresses_that_programs_add() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    h.up("networks:
  l: { mode: lan, subnet: 10.11.0.0/24 }
  raw: { mode: lan }
  front: { subnet: 10.9.0.0/24 }
nodes:
  k1: { networks: { l: { address: 10.11.0.11 }, raw: {} }, command: hallway serve 80, ready: 80/tcp, forwarding: true }
  k2: { networks: { l: { address: 10.11.0.12 } } }
  kc: { networks: { l: { address: 10.11.0.13 } }, routes: [ { to: 172.16.5.0/24, via: 10.11.0.11 } ] }
  q: { networks: [raw], command: hallway serve 80, ready: 80/tcp }
  free: { networks: { front: { address: 10.9.0.13, sources: any } }, command: hallway serve 80, ready: 80/tcp }
  c: { networks: { front: { address: 10.9.0.14 } } }
")
    .ok();
    explained(&h, "kc", "10.11.0.100:80", &["unreachable"]);
    sh(
        "ip -n k1 addr add 10.11.0.100/24 dev eth0; ip -n k1 addr add 172.16.5.1/24 dev eth1
        ip -n q addr add 172.16.5.2/24 dev eth0; ip -n free addr add 10.9.0.77/32 dev eth0",
    );
    for (from, to) in [
        ("kc", "10.11.0.100:80"),
        ("k2", "10.11.0.100"),
        ("kc", "172.16.5.1:80"),
        ("q", "172.16.5.1:80"),
        ("k1", "172.16.5.2:80"),
        ("c", "10.9.0.77:80"),
        ("host", "10.9.0.77:80"),
    ] {
        explained(&h, from, to, &["open"]);
        h.run(&["reach", from, to]).exits(0);
        h.run(&["trace", from, to]).exits(0);
    }
    // A reply needs a route that q does not have.
    explained(
        &h,
        "kc",
        "172.16.5.2:80",
        &["filtered", "but not the reply"],
    );
    assert_eq!(h.run(&["reach", "kc", "172.16.5.2:80"]).code, 1);
    // Two have it: which one answers is not known.
    sh("ip -n k2 addr add 10.11.0.100/24 dev eth0");
    let said = h.run(&["explain", "kc", "10.11.0.100:80"]);
    assert!(
        said.out.contains("k1") || said.err.contains("k1"),
        "{}{}",
        said.out,
        said.err
    );
    h.ok("down");
}
