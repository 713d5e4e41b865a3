//! Networks with a parent: macvlan interfaces of a link of the host, and of VLANs on it.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh, try_sh, wait_for};

const FILE: &str = "
networks:
  apps: { subnet: 10.79.0.0/24 }
  office: { parent: eth0, subnet: 192.168.7.0/24, gateway: 192.168.7.1 }
nodes:
  web: { networks: [apps], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp }
  one: { networks: { office: { address: 192.168.7.11 } }, command: hallway serve 80, ready: 80/tcp }
  two: { networks: [office] }
  both: { networks: [apps, office], command: hallway serve 80, ready: 80/tcp }
expect:
  - { from: two, to: one, port: 80/tcp }
  - { from: two, to: both, port: 80/tcp }
  - { from: web, to: both, port: 80/tcp }
  - { from: host, to: both, port: 80/tcp }
  - { from: host, to: one, port: 80/tcp, reachable: false }
  - { from: one, to: host, reachable: false }
  - { from: web, to: one, port: 80/tcp, reachable: false }
";

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

/// An interface of the host, with a router on its wire that has another network behind it.
fn wire() {
    sh("ip netns add router
        ip link add eth0 type veth peer name lan netns router
        ip link set eth0 addrgenmode none up; ip addr add 192.168.7.2/24 dev eth0
        ip -n router link set lan addrgenmode none; ip -n router link set lan up
        ip -n router link set lo up; ip -n router addr add 192.168.7.1/24 dev lan
        ip -n router addr add 203.0.113.9/32 dev lo");
}

fn router_pings(address: &str) -> bool {
    let ping =
        format!("ip netns exec router ping -c 1 -W 30 {address} >/dev/null && echo answered");
    try_sh(&ping).is_ok()
}

/// Nodes are on the wire of the interface: with one another, and with others, but not with the host.
fn nodes_are_on_the_wire_of_an_interface() {
    wire();
    let h = hallway();
    let before = Snapshot::take();
    h.up(FILE).ok();
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(router_pings("192.168.7.11"));
    // The first addresses are the router's and the host's.
    assert!(router_pings("192.168.7.3") && h.pings("two", "203.0.113.9"));
    assert!(
        h.ok("exec one -- ip route")
            .contains("default via 192.168.7.1")
    );
    assert!(
        h.ok("exec one -- ip -d link show eth0")
            .contains("macvlan mode bridge")
    );
    h.run(&["trace", "two", "one:80"]).exits(0);
    for (from, to, says) in [
        (
            "host",
            "one",
            "the kernel passes no packets between those and the host",
        ),
        (
            "one",
            "192.168.7.2",
            "the kernel passes no packets between those and the host",
        ),
        (
            "two",
            "203.0.113.9",
            "pass machines of others on eth0 (network office)",
        ),
    ] {
        let explained = h.run(&["explain", from, to]).exits(1);
        assert!(explained.out.contains(says), "{}", explained.out);
    }
    let networks = h.ok("network ls");
    let line = networks.lines().find(|l| l.starts_with("office")).unwrap();
    for word in ["192.168.7.0/24", "192.168.7.1", "eth0", "macvlan"] {
        assert!(line.contains(word), "{networks}");
    }
    assert!(h.ok("status").contains("macvlan of eth0"));
    assert_eq!(h.run(&["inspect", "office"]).json()["parent"], "eth0");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
    before.unchanged();
}

hallway_testkit::tests![nodes_are_on_the_wire_of_an_interface];
