//! Networks with a parent: macvlan interfaces of a link of the host, and of VLANs on it.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

mod changes;
mod refused;
mod vlans;

use changes::changes_in_a_node_are_mended;
use hallway_testkit::{Hallway, Snapshot, sh, try_sh, wait_for};
use refused::refused;
use vlans::{
    a_vlan_is_made, a_vlan_of_others_stays, the_link_below_a_vlan_comes_again, without_vlans,
};

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
    what_the_wire_passes(&h);
    commands_name_the_parent(&h);
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    h.run(&["status", "--exit-code"]).exits(0);
    h.run(&[
        "network",
        "add",
        "second",
        "--parent",
        "eth0",
        "--subnet",
        "192.168.8.0/24",
    ])
    .says("have the same parent")
    .exits(2);
    h.ok("down");
    before.unchanged();
}

/// Nodes on the wire reach each other and other machines there, and not the host.
fn what_the_wire_passes(h: &Hallway) {
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
            "pass other machines on eth0 (network office)",
        ),
    ] {
        let explained = h.run(&["explain", from, to]).exits(1);
        assert!(explained.out.contains(says), "{}", explained.out);
    }
    // Other machines there are like any outside, except for nodes on the wire.
    sh("ping -c 1 -W 30 192.168.7.1");
    assert!(h.pings("web", "192.168.7.1"));
    for (from, to) in [
        ("host", "192.168.7.1"),
        ("web", "192.168.7.1"),
        ("192.168.7.1", "192.168.7.2:8080"),
    ] {
        h.run(&["explain", from, to]).exits(0);
    }
    let past = h.run(&["explain", "192.168.7.1", "one"]).exits(1);
    assert!(past.out.contains("other machines"), "{}", past.out);
}

fn commands_name_the_parent(h: &Hallway) {
    let networks = h.ok("network ls");
    let line = networks.lines().find(|l| l.starts_with("office")).unwrap();
    for word in ["192.168.7.0/24", "192.168.7.1", "eth0", "macvlan"] {
        assert!(line.contains(word), "{networks}");
    }
    assert!(h.ok("status").contains("macvlan of eth0"));
    for format in ["text", "mermaid", "dot", "svg"] {
        let graph = h.ok(&format!("graph --format {format}"));
        assert!(graph.contains("of eth0"), "{graph}");
    }
    let traced = h.run(&["trace", "host", "one:80"]).exits(1);
    assert!(traced.out.contains("macvlan interfaces"), "{}", traced.out);
    assert_eq!(h.run(&["inspect", "office"]).json()["parent"], "eth0");
}

/// What nodes with a network of each kind do: ports answer by the host also to machines on the wire, and
/// policies hold between networks of the host.
fn a_node_on_both_kinds_of_network() {
    wire();
    let h = hallway();
    h.up("
networks:
  office: { parent: eth0, gateway: 192.168.7.1, subnet: 192.168.7.0/24 }
  apps: { subnet: 10.79.0.0/24 }
  other: { subnet: 10.78.0.0/24 }
nodes:
  web:
    networks: { office: { address: 192.168.7.11 }, apps: }
    ports: [\"8080:80\"]
    command: hallway serve 80
    ready: 80/tcp
  db: { networks: [other], command: hallway serve 5432, ready: 5432/tcp }
policies: [ { between: [web, db] } ]
expect:
  - { from: web, to: db, port: 5432/tcp }
  - { from: db, to: web, port: 80/tcp }
  - { from: db, to: host, port: 8080/tcp }
")
        .ok();
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    let route = h.ok("exec web -- ip route show default");
    assert!(route.contains("via 192.168.7.1"), "{route}");
    for address in ["192.168.7.2:8080", "192.168.7.11:80"] {
        sh(&format!(
            "ip netns exec router curl -s -m 30 -o /dev/null http://{address}/"
        ));
    }
    h.ok("down");
}

/// Every pair of a project with both kinds of network: what is predicted is what packets do.
fn predictions_are_what_packets_do() {
    wire();
    let h = hallway();
    for gateway in ["", ", gateway: 192.168.7.1"] {
        let text = format!(
            "
networks:
  apps: {{ subnet: 10.79.0.0/24 }}
  office: {{ parent: eth0, subnet: 192.168.7.0/24{gateway} }}
  other: {{ subnet: [10.78.0.0/24, \"fd78::/64\"] }}
nodes:
  web: {{ networks: [apps], ports: [\"8080:80\"] }}
  one: {{ networks: [office] }}
  two: {{ networks: [office, other], ports: [\"8081:80\"] }}
  both: {{ networks: [apps, office], forwarding: true, ports: [\"8082:80\"] }}
  db: {{ networks: [other] }}
policies: [ {{ from: apps, to: db }}, {{ from: two, to: web, ports: [80/tcp] }} ]
"
        );
        h.up(&text).ok();
        let ran = h.run(&["test", "--matrix", "--format", "json"]).out;
        let results: serde_json::Value = serde_json::from_str(&ran).unwrap();
        let results = results["results"].as_array().unwrap();
        assert!(results.len() > 30, "{results:?}");
        for result in results {
            assert!(result["agrees"] != false, "{gateway} {result:#}");
        }
        let reasons = format!("{results:?}");
        assert!(reasons.contains("past-host"), "{reasons}");
    }
    h.ok("down");
}

/// With IPv6, a smaller MTU, and MAC addresses of the file.
fn two_ip_versions() {
    wire();
    sh("ip -n router addr add fd07::1/64 dev lan nodad");
    let h = hallway();
    let before = Snapshot::take();
    h.up("
networks:
  office:
    parent: eth0
    subnet: [192.168.7.0/24, \"fd07::/64\"]
    gateway: [192.168.7.1, \"fd07::1\"]
    mtu: 1400
nodes:
  one: { networks: { office: { address: [192.168.7.11, \"fd07::11\"], mac: \"02:00:00:00:07:11\" } } }
  two: { networks: [office] }
")
    .ok();
    assert!(router_pings("fd07::11") && h.pings("two", "fd07::11"));
    let link = h.ok("exec one -- ip link show eth0");
    assert!(
        link.contains("mtu 1400") && link.contains("02:00:00:00:07:11"),
        "{link}"
    );
    let route = h.ok("exec one -- ip -6 route show default");
    assert!(route.contains("via fd07::1"), "{route}");
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
    before.unchanged();
}

/// The interface goes, its macvlan interfaces with it, and it comes again.
fn an_interface_that_comes_again() {
    wire();
    let h = hallway();
    h.up(FILE).ok();
    sh("ip link del eth0; ip netns del router");
    let status = h.ok("status");
    assert!(status.contains("parent eth0 is missing"), "{status}");
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("there is no interface eth0 here")
        .exits(2);
    wire();
    let status = h.ok("status");
    assert!(
        status.contains("eth0 of one is missing") || status.contains("missing"),
        "{status}"
    );
    h.run(&["up", "/run/up.hallway.yaml"]).exits(0);
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    assert!(router_pings("192.168.7.11"));
    h.ok("down");
    assert!(sh("ip -o addr show eth0").contains("192.168.7.2/24"));
}

/// The keeper makes interfaces again that others removed, also when the parent was away.
fn the_keeper_repairs() {
    wire();
    let h = hallway().repairing();
    h.up(FILE).ok();
    sh("ip -n one link del eth0");
    wait_for("the interface to be made again", || {
        router_pings("192.168.7.11")
    });
    sh("ip link del eth0; ip netns del router");
    wait_for("the parent to be missed", || {
        h.ok("status").contains("parent eth0 is missing")
    });
    wire();
    wait_for("the interfaces to be made again", || {
        router_pings("192.168.7.11") && router_pings("192.168.7.3")
    });
    h.ok("down");
}

/// Changes of the file, and one at a time.
fn edits() {
    wire();
    let h = hallway();
    let before = Snapshot::take();
    h.up(FILE).ok();
    h.ok("node add three --network office=192.168.7.30");
    assert!(router_pings("192.168.7.30"));
    h.ok("connect web office");
    assert!(h.pings("web", "192.168.7.30"));
    h.ok("disconnect web office");
    assert!(h.cannot_ping("web", "192.168.7.30"));
    h.ok("node rm three");
    assert!(!router_pings("192.168.7.30"));
    // The same network as a bridge of the project, and back.
    let text = FILE.replace(
        "parent: eth0, subnet: 192.168.7.0/24, gateway: 192.168.7.1",
        "subnet: 192.168.9.0/24",
    );
    let text = text.replace("192.168.7.11", "192.168.9.11");
    let text = text.split("expect:").next().unwrap().to_owned();
    h.up(&text).ok();
    assert!(h.pings("two", "192.168.9.11") && !router_pings("192.168.7.11"));
    h.run(&["status", "--exit-code"]).exits(0);
    h.up(FILE).ok();
    h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
    before.unchanged();
}

/// A namespace of other programs gets a macvlan interface, and loses only that at the end.
fn a_namespace_that_is_there_already() {
    wire();
    sh("ip netns add blue; ip -n blue link set lo up");
    let h = hallway();
    let before = Snapshot::take();
    let h_file = "
networks: { office: { parent: eth0, subnet: 192.168.7.0/24 } }
nodes: { one: { namespace: netns:blue, networks: { office: { address: 192.168.7.11, interface: lan0 } } } }
";
    h.up(h_file).ok();
    assert!(router_pings("192.168.7.11"));
    h.run(&["up", "/run/up.hallway.yaml"])
        .says("nothing to change")
        .exits(0);
    h.ok("down");
    before.unchanged();
    assert_eq!(sh("ip -n blue -o link | wc -l").trim(), "1");
}

/// Without a subnet in the file, it is that of the host's address.
fn the_subnet_of_the_host() {
    wire();
    let h = hallway();
    h.up("networks: { n: { parent: eth0 } }\nnodes: { a: { networks: { n: { address: 192.168.7.11 } } } }")
        .ok();
    assert!(router_pings("192.168.7.11"));
    h.ok("down");
}

/// The driver macvlan of Compose.
fn a_compose_file() {
    wire();
    std::fs::create_dir("/run/c").unwrap();
    std::fs::write(
        "/run/c/compose.yaml",
        "services:
  web: { command: hallway serve 80, networks: { lan: { ipv4_address: 192.168.7.11 } } }
networks:
  lan:
    driver: macvlan
    driver_opts: { parent: eth0 }
    ipam: { config: [ { subnet: 192.168.7.0/24 } ] }
",
    )
    .unwrap();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    h.run(&["up", "/run/c/compose.yaml"]).ok();
    assert!(router_pings("192.168.7.11"));
    h.run(&["down", "-f", "/run/c/compose.yaml"]).ok();
}

hallway_testkit::tests![
    nodes_are_on_the_wire_of_an_interface,
    a_node_on_both_kinds_of_network,
    predictions_are_what_packets_do,
    two_ip_versions,
    an_interface_that_comes_again,
    the_keeper_repairs,
    changes_in_a_node_are_mended,
    edits,
    a_namespace_that_is_there_already,
    refused,
    the_subnet_of_the_host,
    a_compose_file,
    without_vlans,
    a_vlan_is_made,
    a_vlan_of_others_stays,
    the_link_below_a_vlan_comes_again,
];
