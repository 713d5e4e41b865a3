//! SCTP, and IP protocols without ports, by name and by number.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, patience, sh};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

const FILE: &str = "
name: p
networks:
  ran:   { subnet: [10.80.0.0/24, fd80::/64] }
  core:  { subnet: [10.81.0.0/24, fd81::/64] }
  world: { subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }
nodes:
  amf: { networks: { core: { address: [10.81.0.2, fd81::2] } }, ports: [\"38412:38412/sctp\", \"2000-2999/sctp\"] }
  gnb: { networks: { ran: { address: [10.80.0.2, fd80::2] } } }
  visitor: { networks: [world] }
policies:
  - { from: gnb, to: amf, ports: [38412/sctp, gre, ip/50] }
  - { from: amf, to: gnb, ports: [sctp] }
expect:
  - { from: gnb, to: amf, port: 38412/sctp }
  - { from: gnb, to: amf, port: 38413/sctp, reachable: false }
  - { from: gnb, to: amf, port: 38412/tcp, reachable: false }
  - { from: amf, to: gnb, port: 7/sctp }
  - { from: gnb, to: amf, port: gre }
  - { from: amf, to: gnb, port: gre, reachable: false }
  - { from: gnb, to: amf, port: esp }
  - { from: gnb, to: amf, port: ospf, reachable: false }
  - { from: gnb, to: amf, port: ip/200, reachable: false }
  - { from: visitor, to: host, port: 38412/sctp }
  - { from: visitor, to: host, port: 2500/sctp }
  - { from: visitor, to: host, port: 38413/sctp, reachable: false }
  - { from: visitor, to: amf, port: gre, reachable: false }
  - { from: host, to: 127.0.0.1, port: 38412/sctp, reachable: false }
";

/// Seconds to wait for a packet that must arrive, and for one that must not.
const ARRIVES: u32 = 60;
const DROPPED: u32 = 3;

/// A packet of any protocol from one address to another, sent and received by python.
fn passes(h: &Hallway, from: &str, to: (&str, &str), protocol: u8, limit: u32) -> bool {
    let (node, address) = to;
    let family = if address.contains(':') {
        "AF_INET6"
    } else {
        "AF_INET"
    };
    let receive = format!(
        "import socket; s = socket.socket(socket.{family}, socket.SOCK_RAW, {protocol}); s.settimeout({}); print('open', flush=True); s.recv(999)",
        limit * patience()
    );
    let send = format!(
        "import socket; s = socket.socket(socket.{family}, socket.SOCK_RAW, {protocol}); s.sendto(bytes(64), ('{address}', 0))"
    );
    let mut receiver = h
        .command(&["exec", node, "--", "python3", "-c", &receive])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let out = receiver.stdout.take().unwrap();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    h.run(&["exec", from, "--", "python3", "-c", &send]).ok();
    receiver.wait().unwrap().success()
}

fn policies_name_any_ip_protocol() {
    let h = hallway();
    h.up(FILE).ok();
    h.run(&["test"]).ok();
    h.run(&["test", "--matrix"]).ok();
    // Before the other direction: after that, these packets would be replies.
    for address in ["10.80.0.2", "fd80::2"] {
        assert!(
            !passes(&h, "amf", ("gnb", address), 47, DROPPED),
            "the other way"
        );
    }
    for address in ["10.81.0.2", "fd81::2"] {
        assert!(passes(&h, "gnb", ("amf", address), 47, ARRIVES), "gre");
        assert!(passes(&h, "gnb", ("amf", address), 50, ARRIVES), "esp");
        assert!(!passes(&h, "gnb", ("amf", address), 89, DROPPED), "ospf");
    }
    let rules = sh("nft list chain inet hallway-p forwarded");
    assert!(rules.contains("meta l4proto gre"), "{rules}");
    h.ok("down");
}

fn traced_and_explained() {
    let h = hallway().project("p");
    h.up(FILE).ok();
    for (from, to) in [
        ("gnb", "amf:38412/sctp"),
        ("gnb", "amf:gre"),
        ("visitor", "host:38412/sctp"),
    ] {
        let explained = h.run(&["explain", from, to]).ok();
        assert!(explained.contains("open"), "{explained}");
        let traced = h.run(&["trace", from, to]).ok();
        assert!(traced.contains("open"), "{traced}");
        h.run(&["reach", from, to]).ok();
    }
    h.run(&["reach", "gnb", "amf:ospf"]).exits(1);
    let why = h.run(&["explain", "host", "127.0.0.1:38412/sctp"]);
    assert!(why.out.contains("localhost does not serve"), "{}", why.out);
    h.ok("deny gnb amf --port gre");
    h.run(&["reach", "gnb", "amf:gre"]).exits(1);
    h.run(&["reach", "gnb", "amf:esp"]).ok();
    h.ok("down");
}

/// Between members of one network, by addresses of their link: on a bridge and on a lan.
fn by_link_local_addresses() {
    let h = hallway().project("p");
    h.up("
networks: { lan: { subnet: [10.117.0.0/24, \"fd17::/64\"] }, pl: { mode: lan, subnet: \"fd18::/64\" } }
nodes: { b: { networks: [lan, pl] }, c: { networks: [lan, pl] }, d: { networks: [lan] } }
policies: [ { from: b, to: d, ports: [ospf] }, { action: deny, from: b, to: d } ]
")
    .ok();
    let of = |node: &str, link: &str| {
        let shown = sh(&format!(
            "ip -n {node} -6 -o addr show dev {link} scope link"
        ));
        let net = shown.split_whitespace().nth(3).unwrap_or_default();
        format!("[{}%{link}]", net.split('/').next().unwrap_or_default())
    };
    for (node, link, service, code) in [
        ("c", "eth0", "ospf", 0),
        ("c", "eth0", "gre", 0),
        ("c", "eth0", "5000/sctp", 0),
        ("c", "eth1", "ospf", 0),
        ("c", "eth1", "5000/sctp", 0),
        ("d", "eth0", "ospf", 0),
        ("d", "eth0", "gre", 1),
    ] {
        let to = format!("{}:{service}", of(node, link));
        for verb in ["explain", "reach", "trace"] {
            let ran = h.run(&[verb, "b", &to]);
            assert_eq!(ran.code, code, "{verb} {to}: {}{}", ran.out, ran.err);
        }
    }
    h.ok("down");
}

fn invalid_services_are_refused() {
    let h = hallway();
    let file = |service: &str, key: &str| {
        let base = "networks: { a: { subnet: 10.1.0.0/24 }, b: { subnet: 10.2.0.0/24 } }\nnodes: { x: { networks: [a] }, y: { networks: [b] } }\n";
        match key {
            "ports" => format!("{base}policies: [ {{ from: x, to: y, ports: [{service}] }} ]\n"),
            _ => format!("{base}expect: [ {{ from: x, to: y, port: {service} }} ]\n"),
        }
    };
    for (service, says) in [
        ("ip/300", "is not a service"),
        ("ip/43", "extension header"),
        ("ip/x", "is not a service"),
    ] {
        h.up(&file(service, "ports")).exits(2).says(says);
    }
    for (service, says) in [
        ("sctp", "has ports"),
        ("ip/33", "cannot be tested"),
        ("web", "has no port with the name web"),
    ] {
        h.up(&file(service, "port")).exits(2).says(says);
    }
    h.up("networks: { a: { subnet: 10.1.0.0/24 } }\nnodes: { x: { networks: [a], command: sleep 9, ready: 9/sctp } }\n")
        .exits(2)
        .says("a port of tcp or udp");
}

hallway_testkit::tests![
    policies_name_any_ip_protocol,
    traced_and_explained,
    by_link_local_addresses,
    invalid_services_are_refused,
];
