//! Networks of other kinds than the usual ones: without NAT, and without the host.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::{BufRead, BufReader};

mod lans;

use hallway_testkit::{Hallway, patience, sh};
use lans::{
    a_lan_beside_another_project, a_lan_is_a_switch_without_the_host, a_lan_passes_every_frame,
    a_lan_with_several_subnets, a_port_of_a_lan_that_is_changed_is_repaired,
};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

const NO_NAT: &str = "
networks:
  direct: { subnet: [198.51.100.0/24, 2001:db8:2::/64], nat: false }
  hidden: { subnet: [10.9.0.0/24, fd09::/64] }
  routed: { subnet: [198.51.101.0/24, 2001:db8:3::/64], nat: false, mode: routed }
  store:  { subnet: 10.30.0.0/24, internal: true }
  world:  { subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }
nodes:
  web:  { networks: { direct: { address: [198.51.100.10, 2001:db8:2::10] } }, command: hallway serve 80 81, ready: [80/tcp, 81/tcp] }
  far:  { networks: { routed: { address: [198.51.101.10, 2001:db8:3::10] } }, command: hallway serve 80, ready: 80/tcp }
  priv: { networks: [hidden] }
  db:   { networks: [store] }
  visitor: { networks: { world: { address: [203.0.113.9, 2001:db8::9] } }, command: hallway serve 80, ready: 80/tcp }
policies:
  - { from: outside, to: web, ports: [80/tcp, icmp] }
  - { from: outside, to: routed }
  - { from: any, to: outside, ports: [80/tcp] }
expect:
  - { from: visitor, to: web, port: 80/tcp }
  - { from: visitor, to: web }
  - { from: visitor, to: web, port: 81/tcp, reachable: false }
  - { from: visitor, to: far, port: 80/tcp }
  - { from: visitor, to: priv, reachable: false }
  - { from: web, to: visitor, port: 80/tcp }
  - { from: far, to: visitor, port: 80/tcp }
  - { from: priv, to: visitor, port: 80/tcp }
  - { from: db, to: visitor, port: 80/tcp, reachable: false }
";

fn without_nat_nodes_have_their_own_addresses_outside() {
    let h = hallway();
    h.up(NO_NAT).ok();
    h.run(&["test"]).ok();
    h.run(&["test", "--matrix"]).ok();
    let seen = |node: &str, url: &str| {
        h.run(&["exec", node, "--", "curl", "-s", "-g", "-m", "20", url])
            .ok()
    };
    for (node, address) in [
        ("web", "198.51.100.10"),
        ("far", "198.51.101.10"),
        ("priv", "203.0.113.1"),
    ] {
        assert_eq!(
            seen(node, "http://203.0.113.9/").trim(),
            format!("visitor answers {address}")
        );
    }
    for (node, address) in [("web", "2001:db8:2::10"), ("far", "2001:db8:3::10")] {
        assert_eq!(
            seen(node, "http://[2001:db8::9]/").trim(),
            format!("visitor answers {address}")
        );
    }
    let traced = h.run(&["trace", "visitor", "web:80"]).ok();
    assert!(traced.contains("policy 1"), "{traced}");
    h.ok("down");
}

/// A node outside that is on such a network too: its way there is its own interface.
fn outside_and_on_a_network_without_nat() {
    let h = hallway();
    for networks in ["[world, pub]", "[pub, world]"] {
        h.up(&format!(
            "networks: {{ pub: {{ subnet: [198.51.100.0/24, \"2001:db8:2::/64\"], nat: false }}, world: {{ subnet: [203.0.113.0/24, \"2001:db8::/64\"], outside: true }} }}
nodes: {{ edge: {{ networks: {networks} }}, web: {{ networks: {{ pub: {{ address: [198.51.100.10, \"2001:db8:2::10\"] }} }} }} }}
expect:
  - {{ from: web, to: edge, port: icmp }}
  - {{ from: edge, to: web, port: 80/tcp }}
"
        ))
        .ok();
        h.run(&["test"]).ok();
        assert!(h.pings("edge", "198.51.100.10"), "{networks}");
        assert!(h.pings("edge", "2001:db8:2::10"), "{networks}");
        h.ok("down");
    }
}

/// An internal network has no connection to outside: no private address leaves.
fn an_internal_network_leaks_nothing() {
    let h = hallway();
    h.up(NO_NAT).ok();
    sh("ip netns exec db ip route add default via 10.30.0.1
        ip netns exec visitor ip route add 10.30.0.0/24 via 203.0.113.1");
    assert!(h.cannot_read("db", "http://203.0.113.9/"));
    assert!(h.cannot_ping("visitor", "10.30.0.2"));
    h.ok("down");
}

/// Keys of a network besides the subnet, further keys of the file that can have no effect with them,
/// and the message.
const WITHOUT_EFFECT: [(&str, &str, &str); 16] = [
    (
        "internal: true, nat: false",
        "",
        "nothing is translated there",
    ),
    (
        "outside: true, nat: false",
        "",
        "nothing is translated there",
    ),
    ("mode: lan, nat: false", "", "nothing is translated there"),
    (
        "mode: lan, outside: true",
        "",
        "cannot have both mode: lan and outside",
    ),
    (
        "mode: lan, gateway: 10.1.0.1",
        "",
        "the host has no address there",
    ),
    (
        "internal: true",
        "policies: [ { from: x, to: outside } ]",
        "network a is internal",
    ),
    (
        "internal: true",
        "policies: [ { from: 10.1.0.0/25, to: outside } ]",
        "network a is internal",
    ),
    (
        "internal: true",
        "policies: [ { from: x, to: 203.0.113.9 } ]",
        "network a is internal",
    ),
    (
        "internal: true",
        "policies: [ { from: outside, to: a } ]",
        "network a is internal",
    ),
    (
        "",
        "policies: [ { from: 203.0.113.0/24, to: x } ]",
        "nat: false",
    ),
    (
        "",
        "policies: [ { action: deny, between: [outside, host] } ]",
        "between the host and the outside",
    ),
    (
        "",
        "policies: [ { action: deny, from: host, to: 203.0.113.9 } ]",
        "between the host and the outside",
    ),
    (
        "mode: lan",
        "policies: [ { from: y, to: a } ]",
        "network a is a lan",
    ),
    (
        "mode: lan",
        "policies: [ { from: y, to: x } ]",
        "network a is a lan",
    ),
    ("", "policies: [ { from: outside, to: x } ]", "nat: false"),
    (
        "nat: false",
        "policies: [ { from: outside, to: y } ]",
        "nat: false",
    ),
];

fn what_can_have_no_effect_is_refused() {
    let h = hallway();
    let file = |keys: &str, rest: &str| {
        format!(
            "networks: {{ a: {{ subnet: 10.1.0.0/24, {keys} }}, o: {{ subnet: 10.2.0.0/24 }} }}\nnodes: {{ x: {{ networks: [a] }}, y: {{ networks: [o] }} }}\n{rest}"
        )
    };
    for (keys, rest, says) in WITHOUT_EFFECT {
        h.up(&file(keys, rest)).exits(2).says(says);
    }
    h.up("networks: { a: { subnet: 10.1.0.0/24, mode: lan } }\nnodes: { x: { networks: [a], ports: [\"80:80\"] } }\n")
        .exits(2)
        .says("publish");
}

/// A policy that allows something from outside has an effect where a later one denies the rest; and one about a
/// prefix behind a router is about nodes.
fn exceptions_from_outside() {
    let h = hallway();
    h.up("
networks:
  a: { subnet: 10.1.0.0/24 }
  i: { subnet: 10.2.0.0/24, internal: true }
  w: { subnet: 203.0.113.0/24, outside: true }
nodes:
  web: { networks: [a], command: hallway serve 80, ready: 80/tcp, ports: [\"8080:80\"] }
  router: { networks: { a: { address: 10.1.0.9 }, i: { address: 10.2.0.9 } }, forwarding: true }
  x: { networks: [i], routes: [ { to: 192.168.7.0/24, via: 10.2.0.9 } ] }
  one: { networks: { w: { address: 203.0.113.9 } } }
  two: { networks: { w: { address: 203.0.113.10 } } }
policies:
  - { from: x, to: 192.168.7.0/24 }
  - { from: 203.0.113.9, to: web, ports: [80/tcp] }
  - { action: deny, from: outside, to: web }
expect:
  - { from: one, to: host, port: 8080/tcp }
  - { from: two, to: host, port: 8080/tcp, reachable: false }
")
        .ok();
    h.run(&["test"]).ok();
    h.ok("down");
}

const ROUTER: &str = "
networks:
  outer: { subnet: [10.9.0.0/24, fd09::/64] }
  inner: { subnet: [192.168.60.0/24, fd60::/64], internal: true }
  left:  { subnet: 10.50.0.0/24, mode: lan }
nodes:
  host-a:
    networks: { outer: { address: [10.9.0.5, fd09::5] } }
    routes:
      - { to: 192.168.60.0/24, via: 10.9.0.11 }
      - { to: \"fd60::/64\", via: \"fd09::11\" }
      - { to: 10.50.0.0/24, via: 10.9.0.11 }
      - { to: 10.77.0.0/24, via: 10.9.0.11 }
  router:
    networks:
      outer: { address: [10.9.0.11, fd09::11] }
      inner: { address: [192.168.60.11, fd60::11] }
      left: { address: 10.50.0.1 }
    forwarding: true
  host-1:
    networks: { inner: { address: [192.168.60.5, fd60::5] } }
    routes: [ { to: 10.9.0.0/24, via: 192.168.60.11 }, { to: \"fd09::/64\", via: \"fd60::11\" } ]
  host-2: { networks: { inner: { address: 192.168.60.6 } }, routes: [ { to: default, via: 192.168.60.11 } ] }
  deep: { networks: { left: { address: 10.50.0.7 } }, routes: [ { to: default, via: 10.50.0.1 } ] }
  plain: { networks: [outer, inner] }
policies:
  - { from: host-2, to: host-a, ports: [icmp, 80/tcp] }
  - { action: deny, from: host-2, to: host-a }
expect:
  - { from: host-a, to: host-1 }
  - { from: host-1, to: host-a, port: 80/tcp }
  - { from: host-2, to: host-a, port: 80/tcp }
  - { from: host-2, to: host-a, port: 53/udp, reachable: false }
  - { from: host-a, to: deep }
  - { from: deep, to: host-a, port: 7/udp }
";

/// Sends a packet from an address, by a raw socket; whether it arrives before one from the node's own address.
fn arrives(from: &str, (source, to): (&str, &str), at: &str) -> bool {
    let receive = format!(
        "import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253); s.settimeout({})
print('open', flush=True)
source = socket.inet_ntoa(s.recv(99)[12:16])
print(source)",
        60 * patience()
    );
    let mut receiver = std::process::Command::new("ip")
        .args(["netns", "exec", at, "python3", "-c", &receive])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(receiver.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "open");
    sh(&format!(
        "ip netns exec {from} python3 -c \"import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 253); s.setsockopt(0, 3, 1)
p = bytes([69, 0, 0, 28, 0, 0, 0, 0, 64, 253, 0, 0]) + socket.inet_aton('{source}') + socket.inet_aton('{to}') + bytes(8)
s.sendto(p, ('{to}', 0))
socket.socket(socket.AF_INET, socket.SOCK_RAW, 253).sendto(bytes(8), ('{to}', 0))\""
    ));
    let first = lines.next().unwrap().unwrap(); // the second arrives in any case
    assert!(receiver.wait().unwrap().success());
    first == source
}

/// A router forwards packets from the networks behind it, and no others.
fn a_router_forwards_for_the_prefixes_behind_it() {
    let h = hallway();
    h.up(ROUTER).ok();
    h.run(&["test"]).ok();
    h.run(&["test", "--matrix"]).ok();
    for (from, to) in [
        ("host-a", "192.168.60.5"),
        ("host-a", "fd60::5"),
        ("deep", "10.9.0.5"),
    ] {
        assert!(h.pings(from, to), "{from} {to}");
    }
    let traced = h.run(&["trace", "host-a", "host-1"]).ok();
    assert!(traced.contains("router"), "{traced}");
    // Behind the router, routed to it, not behind it; and a node on both networks that is not a router.
    assert!(arrives("router", ("192.168.60.99", "10.9.0.5"), "host-a"));
    assert!(arrives("router", ("10.77.0.9", "10.9.0.5"), "host-a"));
    assert!(!arrives("router", ("10.78.0.9", "10.9.0.5"), "host-a"));
    assert!(!arrives("plain", ("192.168.60.99", "10.9.0.5"), "host-a"));
    h.ok("down");
}

/// `sources` are for addresses that move (VRRP), and for packets from a tunnel.
fn sources_widen_what_a_node_may_send_from() {
    let h = hallway();
    let file = |sources: &str| {
        format!(
            "networks: {{ n: {{ subnet: [10.9.0.0/24, fd09::/64] }} }}
nodes:
  one: {{ networks: {{ n: {{ address: [10.9.0.5, fd09::5]{sources} }} }} }}
  two: {{ networks: {{ n: {{ address: [10.9.0.6, fd09::6] }} }} }}
"
        )
    };
    let float = "ip netns exec one ip addr add 10.9.0.100/32 dev eth0; ip netns exec one ip addr add fd09::100/128 dev eth0 nodad; ip netns exec two ip neigh flush all";
    h.up(&file("")).ok();
    sh(float);
    assert!(h.cannot_ping("two", "10.9.0.100"));
    assert!(h.cannot_ping("two", "fd09::100"));
    assert!(!arrives("one", ("10.66.0.1", "10.9.0.6"), "two"));
    h.ok("down");
    h.up(&file(
        ", sources: [10.9.0.100, \"fd09::100\", 10.66.0.0/16]",
    ))
    .ok();
    sh(float);
    assert!(h.pings("two", "10.9.0.100"));
    assert!(h.pings("two", "fd09::100"));
    assert!(arrives("one", ("10.66.0.1", "10.9.0.6"), "two"));
    assert!(!arrives("one", ("10.67.0.1", "10.9.0.6"), "two"));
    h.ok("down");
    h.up(&file(", sources: any")).ok();
    assert!(arrives("one", ("10.67.0.1", "10.9.0.6"), "two"));
    assert!(!arrives("two", ("10.67.0.1", "10.9.0.5"), "one"));
    h.ok("down");
}

hallway_testkit::tests![
    a_router_forwards_for_the_prefixes_behind_it,
    sources_widen_what_a_node_may_send_from,
    without_nat_nodes_have_their_own_addresses_outside,
    outside_and_on_a_network_without_nat,
    an_internal_network_leaks_nothing,
    what_can_have_no_effect_is_refused,
    exceptions_from_outside,
    a_lan_is_a_switch_without_the_host,
    a_lan_beside_another_project,
    a_lan_with_several_subnets,
    a_lan_passes_every_frame,
    a_port_of_a_lan_that_is_changed_is_repaired,
];
