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
