//! What programs in nodes change: addresses and rules.

use hallway_testkit::{Hallway, sh};

use crate::{agrees, explained};

/// Addresses that a program takes: as far as `sources` let it, and only while a node has them.
pub(crate) fn addresses_that_move() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "networks: { lan: { subnet: [10.9.0.0/24, \"fd09::/64\"] } }
nodes:
  r1: { networks: { lan: { address: [10.9.0.2, \"fd09::2\"], sources: [10.9.0.254, 10.255.0.53] } } }
  r2: { networks: { lan: { address: [10.9.0.3, \"fd09::3\"], sources: [10.9.0.254] } } }
  h: { networks: { lan: { address: [10.9.0.50, \"fd09::50\"] } }, routes: [ { to: 10.255.0.53/32, via: 10.9.0.2 } ] }
expect:
  - { from: h, to: 10.9.0.254 }
  - { from: h, to: 10.9.0.254, port: 80/tcp }
  - { from: h, to: 10.255.0.53 }
";
    let file = "/run/moves.hallway.yaml";
    std::fs::write(file, text).unwrap();
    let before = h.run(&["explain", "--file", file, "h", "10.9.0.254"]);
    assert!(
        before.out.contains("not known"),
        "{}{}",
        before.out,
        before.err
    );
    h.up(text).ok();
    explained(
        &h,
        "h",
        "10.9.0.254",
        &["unreachable", "r1, r2 may have it"],
    );
    sh("ip -n r2 addr add 10.9.0.254/32 dev eth0; ip -n r1 addr add 10.255.0.53/32 dev lo");
    agrees(&h);
    h.ok("down");
}

/// Rules that a program has made in a node.
pub(crate) fn rules_in_nodes() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "networks: { outer: { subnet: [10.9.0.0/24, \"fd09::/64\"] }, inner: { subnet: 10.8.0.0/24, internal: true } }
nodes:
  ext: { networks: { outer: { address: [10.9.0.5, \"fd09::5\"] } } }
  other: { networks: { outer: { address: [10.9.0.6, \"fd09::6\"] } } }
  router: { networks: { outer: { address: [10.9.0.11, \"fd09::11\"] }, inner: { address: 10.8.0.11 } }, forwarding: true }
  in: { networks: { inner: { address: 10.8.0.5 } }, routes: [ { to: default, via: 10.8.0.11 } ] }
expect:
  - { from: in, to: 10.9.0.5, port: 80/tcp }
  - { from: in, to: 10.9.0.5, port: 23/tcp, reachable: false }
  - { from: ext, to: 10.9.0.6, port: 22/tcp }
  - { from: ext, to: other, port: 80/tcp, reachable: false }
  - { from: other, to: 10.9.0.5, port: 80/tcp }
";
    h.up(text).ok();
    std::fs::write(
        "/run/router.nft",
        "table inet fw { chain f { type filter hook forward priority 0
            ct state established accept; iifname eth0 drop; tcp dport 23 drop; }; }
        table ip n { chain p { type nat hook postrouting priority 100; oifname eth0 masquerade; }; }",
    )
    .unwrap();
    // Requests for its MAC address in IPv6 are not answered either.
    std::fs::write(
        "/run/other.nft",
        "table inet fw { chain i { type filter hook input priority 0; policy drop
            ct state established,related accept; tcp dport 22 accept; }; }",
    )
    .unwrap();
    sh("ip netns exec router nft -f /run/router.nft; ip netns exec other nft -f /run/other.nft");
    agrees(&h);
    explained(&h, "in", "ext:23", &["in node router", "tcp dport 23"]);
    explained(&h, "in", "ext:80", &["from 10.9.0.11 instead of 10.8.0.5"]);
    let closed = h.run(&["explain", "ext", "other:22", "-6"]);
    assert!(closed.out.contains("in node other"), "{}", closed.out);
    // Which address it gets is not known.
    sh(
        "ip netns exec router nft add chain ip n q '{ type nat hook prerouting priority -100; }'
        ip netns exec router nft add rule ip n q tcp dport 81 dnat to 10.9.0.5-10.9.0.7",
    );
    let words = ["not known", "router has rules of its own"];
    explained(&h, "in", "ext:81", &words);
    h.ok("down");
}

/// Other destinations that rules in nodes give: a router to what it forwards, a node to what it receives and
/// to what it sends.
pub(crate) fn destinations_that_nodes_change() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "networks: { outer: { subnet: [10.9.0.0/24, \"fd09::/64\"] }, inner: { subnet: 10.8.0.0/24, internal: true } }
nodes:
  ext: { networks: { outer: { address: [10.9.0.5, \"fd09::5\"] } } }
  other: { networks: { outer: { address: [10.9.0.6, \"fd09::6\"] } }, command: hallway serve 80, ready: 80/tcp }
  router: { networks: { outer: { address: [10.9.0.11, \"fd09::11\"] }, inner: { address: 10.8.0.11 } }, forwarding: true }
  in: { networks: { inner: { address: 10.8.0.5 } }, routes: [ { to: default, via: 10.8.0.11 } ], command: hallway serve 80, ready: 80/tcp }
expect:
  - { from: ext, to: 10.9.0.11, port: 8080/tcp }
  - { from: ext, to: 10.9.0.11, port: 8081/tcp, reachable: false }
  - { from: ext, to: 10.9.0.6, port: 8000/tcp }
  - { from: ext, to: \"fd09::6\", port: 8000/tcp }
  - { from: ext, to: 10.9.0.99, port: 80/tcp, reachable: false }
  - { from: router, to: 10.9.0.5, port: 8088/tcp }
  - { from: router, to: 10.9.0.5, port: 8089/tcp }
";
    h.up(text).ok();
    let load = |node: &str, rules: &str| {
        std::fs::write("/run/nodes.nft", rules).unwrap();
        sh(&format!("ip netns exec {node} nft -f /run/nodes.nft"));
    };
    load(
        "router",
        "table ip n {
            chain p { type nat hook prerouting priority dstnat
                iifname eth0 tcp dport 8080 dnat to 10.8.0.5:80; tcp dport 8081 dnat to 10.8.0.99:80; }
            chain o { type nat hook output priority -100
                tcp dport 8088 dnat to 10.9.0.6:80; tcp dport 8089 redirect to :80; }; }
        table inet f { chain f { type filter hook forward priority 0; policy drop
            ct status dnat accept; ct state established accept; }; }",
    );
    load(
        "other",
        "table inet n { chain p { type nat hook prerouting priority dstnat; tcp dport 8000 redirect to :80; }; }",
    );
    agrees(&h);
    let open = [
        "open",
        "in node router changes its destination to 10.8.0.5:80",
    ];
    explained(&h, "ext", "10.9.0.11:8080", &open);
    explained(
        &h,
        "ext",
        "other:8000",
        &["in node other changes its destination to 10.9.0.6:80"],
    );
    explained(&h, "router", "10.9.0.5:8089", &["127.0.0.1:80"]);
    for (from, to) in [
        ("ext", "10.9.0.11:8080"),
        ("ext", "10.9.0.6:8000"),
        ("router", "10.9.0.5:8088"),
    ] {
        let traced = h.run(&["trace", from, to]).exits(0);
        assert!(!traced.out.contains("differs"), "{}", traced.out);
    }
    h.ok("down");
}

/// Routing rules and routes that a program has added in a node: what they may concern is not known, and
/// everything else is predicted.
pub(crate) fn routes_in_nodes() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let text = "networks: { lan: { subnet: [10.9.0.0/24, \"fd09::/64\"] } }
nodes:
  a: { networks: { lan: { address: [10.9.0.2, \"fd09::2\"] } }, command: hallway serve 80, ready: 80/tcp }
  b: { networks: { lan: { address: [10.9.0.3, \"fd09::3\"] } } }
  c: { networks: { lan: { address: [10.9.0.4, \"fd09::4\"] } } }
";
    h.up(text).ok();
    for (node, added, to) in [
        ("b", "rule add prohibit priority 5", "10.9.0.2"),
        ("a", "rule add to 10.9.0.3 blackhole priority 5", "10.9.0.2"),
        (
            "a",
            "rule add from 10.9.0.2 lookup 99 priority 5",
            "10.9.0.2",
        ),
        ("a", "route add blackhole 10.9.0.3", "10.9.0.2"),
        ("b", "route add prohibit 10.9.0.0/30", "10.9.0.2"),
        ("b", "-6 route add local fd09::2 dev lo", "[fd09::2]"),
        ("b", "-6 route add unreachable fd09::2", "[fd09::2]"),
    ] {
        sh(&format!(
            "ip -n a route add throw default table 99; ip -n a route add prohibit 10.9.0.3 table 99; ip -n {node} {added}"
        ));
        let to = format!("{to}:80");
        let answer = h.run(&["explain", "b", &to]);
        assert!(answer.out.contains("not known"), "{added}: {}", answer.out);
        assert_ne!(h.run(&["reach", "b", &to]).code, 0, "{added}");
        h.run(&["explain", "c", &to])
            .exits(if added.contains("from") {
                answer.code
            } else {
                0
            });
        sh(&format!(
            "ip -n {node} {}; ip -n a route flush table 99",
            added.replace("add", "del")
        ));
        h.run(&["explain", "b", &to]).exits(0);
        h.run(&["reach", "b", &to]).exits(0);
    }
    h.ok("down");
}
