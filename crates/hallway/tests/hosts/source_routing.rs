//! Routing by the source address: published ports at an address for which the host has rules.

use hallway_testkit::{Hallway, Snapshot, sh, try_sh, wait_for};

use crate::{hallway, lan};

const FILE: &str = "
name: web
networks: { apps: { subnet: [172.20.0.0/24, fd20::/64] }, direct: { mode: routed, subnet: [172.21.0.0/24, fd21::/64] } }
nodes:
  web: { networks: [apps], ports: [\"8080:80\", \"5353:53/udp\"], command: hallway serve 80 53/udp, ready: [80/tcp, 53/udp] }
  far: { networks: [direct], ports: [\"8081:80\"], command: hallway serve 80, ready: 80/tcp }
";
/// The addresses of the host with rules, and those of a client beyond the router of the second link.
const ASKED: [&str; 2] = ["192.168.7.1", "fd00:7::1"];
const CLIENT: [&str; 2] = ["203.0.113.7", "2001:db8::7"];
const RULES: &str =
    "ip rule add from 192.168.7.1 lookup 77; ip -6 rule add from fd00:7::1 lookup 77";
const NO_RULES: &str =
    "ip rule del from 192.168.7.1 lookup 77; ip -6 rule del from fd00:7::1 lookup 77";

/// Two links, each with a router. The default route leads by the first one, and in the table 77 by the second.
fn two_uplinks() {
    lan(1, "eth0");
    lan(2, "eth1");
    sh(
        "ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254
        ip addr add 192.168.7.1/24 dev eth1; ip addr add fd00:7::1/64 dev eth1 nodad
        ip route add default via 192.168.2.254 table 77; ip -6 route add default via fd00:2::254 table 77
        ip -n lan2 addr add 203.0.113.7/32 dev lo; ip -n lan2 addr add 2001:db8::7/128 dev lo nodad
        ip -n lan2 route add 192.168.7.0/24 dev wire; ip -n lan2 route add fd00:7::/64 dev wire
        ip -n lan1 route add 192.168.7.0/24 via 192.168.1.10; ip -n lan1 route add fd00:7::/64 via fd00:1::10",
    );
}

fn end(address: &str, port: u16) -> String {
    match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    }
}

/// Whether the client gets an answer by TCP.
fn reads(position: usize, port: u16, limit: u32) -> bool {
    let (client, to) = (CLIENT[position], end(ASKED[position], port));
    let curl = format!("curl -s -g -o /dev/null -m {limit} --interface {client} http://{to}/");
    try_sh(&format!("ip netns exec lan2 {curl}")).is_ok()
}

/// The same by UDP.
fn echoes(position: usize, limit: u32) -> bool {
    let family = ["AF_INET", "AF_INET6"][position];
    let (client, asked) = (CLIENT[position], ASKED[position]);
    try_sh(&format!(
        "ip netns exec lan2 python3 -c 'import socket as s; u = s.socket(s.{family}, s.SOCK_DGRAM)
u.settimeout({limit}); u.bind((\"{client}\", 0)); u.connect((\"{asked}\", 5353)); u.send(b\"x\"); u.recv(99)'"
    ))
    .is_ok()
}

fn answered() {
    for position in [0, 1] {
        for port in [8080, 8081] {
            assert!(reads(position, port, 30), "{} {port}", ASKED[position]);
        }
        assert!(echoes(position, 30), "{}", ASKED[position]);
    }
}

/// What is predicted of the client is certain.
fn predicted(h: &Hallway) {
    for (asked, client) in ASKED.iter().zip(CLIENT) {
        for port in [8080, 8081] {
            let to = end(asked, port);
            let said = h.run(&["explain", client, &to]).exits(0).out;
            assert!(!said.contains("not known"), "{said}");
        }
        let to = format!("{}/udp", end(asked, 5353));
        let said = h.run(&["explain", client, &to]).exits(0).out;
        assert!(!said.contains("not known"), "{said}");
    }
}

fn sets() -> String {
    ["asked4", "asked6", "near4", "near6"]
        .map(|set| sh(&format!("nft list set inet hallway-web {set}")))
        .concat()
}

fn accepts_own_sources() -> bool {
    sh("sysctl -n net.ipv4.conf.br-apps.accept_local").trim() == "1"
}

/// Answers leave by the routes of their source address, as those of the host's own programs; clients
/// that the host reaches without a router, and nodes, are answered as before.
pub(crate) fn answers_leave_by_the_routes_of_the_address() {
    two_uplinks();
    sh(RULES);
    let before = Snapshot::take();
    let h = hallway().project("web");
    h.up(FILE).ok();
    answered();
    predicted(&h);
    for (asked, near) in ASKED.iter().zip(["192.168.1.254", "fd00:1::254"]) {
        let to = end(asked, 8080);
        sh(&format!(
            "ip netns exec lan1 curl -s -g -o /dev/null -m 30 http://{to}/"
        ));
        let said = h.run(&["explain", near, &to]).exits(0).out;
        assert!(!said.contains("not known"), "{said}");
        for node in ["web", "far"] {
            assert!(h.reads(node, &format!("http://{to}/")), "{node} {to}");
            h.run(&["reach", node, &to]).exits(0);
        }
    }
    h.run(&["status", "--exit-code"]).exits(0);
    h.up(FILE).says("nothing").ok();
    let file = "/run/up.hallway.yaml";
    let script = h.run(&["plan", "--format", "shell", file]).exits(0).out;
    for line in [
        "net.ipv4.conf.br-apps.accept_local=1",
        "elements = { 192.168.7.1 }",
        "elements = { fd00:7::1 }",
    ] {
        assert!(script.contains(line), "{line}: {script}");
    }
    h.ok("down");
    before.unchanged();
}

/// A rule that comes, or goes, while the project is up.
pub(crate) fn rules_by_source_that_come_later() {
    two_uplinks();
    for repairs in [true, false] {
        let h = match repairs {
            true => hallway().repairing(),
            false => hallway(),
        };
        let h = h.project("web");
        h.up(FILE).ok();
        assert!(!reads(0, 8080, 1) && !reads(1, 8080, 1));
        assert!(!sets().contains("elements") && !accepts_own_sources());
        let follow = |what: &str, holds: &dyn Fn() -> bool| {
            if repairs {
                wait_for(what, holds);
            } else {
                h.run(&["status", "--exit-code"]).exits(3);
                h.up(FILE).ok();
                assert!(holds(), "{what}");
            }
            h.run(&["status", "--exit-code"]).exits(0);
        };
        sh(RULES);
        follow("the addresses", &|| {
            let sets = sets();
            ASKED.iter().all(|a| sets.contains(a)) && accepts_own_sources()
        });
        answered();
        predicted(&h);
        sh(NO_RULES);
        follow("the sets to be empty", &|| {
            !sets().contains("elements") && !accepts_own_sources()
        });
        h.ok("down");
    }
}

/// Where the host's links have a strict reverse path filter, IPv4 answers keep their routes: with an address of
/// the host as their source they would be dropped. That is said.
pub(crate) fn a_strict_filter_and_rules_by_source() {
    two_uplinks();
    sh(RULES);
    sh("sysctl -qw net.ipv4.conf.default.rp_filter=1");
    let h = hallway().project("web");
    h.up(FILE).ok();
    assert!(!sets().contains("192.168.7.1") && !accepts_own_sources());
    assert!(reads(1, 8080, 30) && !reads(0, 8080, 1));
    let said = h.run(&["explain", CLIENT[0], "192.168.7.1:8080"]).out;
    assert!(said.contains("not known"), "{said}");
    sh("ip netns exec lan1 curl -s -o /dev/null -m 30 http://192.168.7.1:8080/");
    // The loose one, as the page says.
    sh("sysctl -qw net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.default.rp_filter=2");
    h.up(FILE).ok();
    answered();
    predicted(&h);
    h.ok("down");
}
