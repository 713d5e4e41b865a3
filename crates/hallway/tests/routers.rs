//! Routers that masquerade, and addresses that nodes may take (`sources`).

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh, try_sh, wait_for};

const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/home-router.yaml"
);

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

fn table() -> String {
    try_sh("ip netns exec router nft list table inet hallway-home-router").unwrap_or_default()
}

/// Both IP versions, behind a network and behind a cable: what the server sees is the router.
fn what_a_router_forwards_gets_its_address() {
    let h = hallway();
    let before = Snapshot::take();
    h.run(&["up", EXAMPLE]).ok();
    for (node, url, address) in [
        ("laptop", "http://10.9.0.5/", "10.9.0.11"),
        ("laptop", "http://[fd09::5]/", "fd09::11"),
        ("shed", "http://10.9.0.5/", "10.9.0.11"),
        ("router", "http://10.9.0.5/", "10.9.0.11"),
    ] {
        let seen = h.run(&["exec", node, "--", "curl", "-s", "-g", "-m", "30", url]);
        assert_eq!(seen.ok().trim(), format!("server answers {address}"));
    }
    h.run(&["test"]).exits(0);
    h.run(&["test", "--matrix"]).exits(0);
    let graph = h.ok("graph");
    assert!(graph.contains("[masquerades]"), "{graph}");
    h.ok("down");
    before.unchanged();
}

/// The table is compared like everything else, and made again where it was changed.
fn its_table_is_observed_and_repaired() {
    let h = hallway();
    h.run(&["up", EXAMPLE]).ok();
    let again = || h.run(&["up", EXAMPLE]).exits(0);
    again().says("nothing to change");
    let built = table();
    assert!(
        built.contains("oifname \"eth0\" masquerade") && !built.contains("eth1"),
        "{built}"
    );
    for (change, says) in [
        (
            "nft flush ruleset",
            "node router: table inet hallway-home-router is missing",
        ),
        (
            "nft add rule inet hallway-home-router nat_postrouting oifname eth1 masquerade",
            "eth1",
        ),
    ] {
        sh(&format!("ip netns exec router {change}"));
        let status = h.run(&["status"]).exits(0);
        assert!(status.out.contains(says), "{}{}", status.out, status.err);
        again();
        assert_eq!(table(), built);
        again().says("nothing to change");
    }
    let repairing = h.repairing();
    repairing.run(&["up", EXAMPLE]).ok();
    sh("ip netns exec router nft flush ruleset");
    wait_for("the table to be there again", || table() == built);
    h.ok("down");
}

fn the_key_comes_and_goes() {
    let h = hallway();
    let text = std::fs::read_to_string(EXAMPLE).unwrap();
    let without = text.replace(", masquerade: true", "");
    h.up(&without).ok();
    assert_eq!(table(), "");
    assert!(h.cannot_read("shed", "http://10.9.0.5/"));
    let plan = {
        std::fs::write("/run/with.yaml", &text).unwrap();
        h.ok("plan /run/with.yaml")
    };
    assert!(
        plan.contains("create table router hallway-home-router  masquerades"),
        "{plan}"
    );
    h.up(&text).ok();
    assert!(h.reads("shed", "http://10.9.0.5/"));
    h.up(&without).ok();
    assert_eq!(table(), "");
    h.run(&["up", "/run/up.hallway.yaml"])
        .exits(0)
        .says("nothing to change");
    h.ok("down");
}

/// A router sends back into the network that a packet came from: it passes the host twice, by one bridge.
fn what_passes_the_host_twice_is_traced() {
    let h = hallway();
    let text = "
networks:
  home: { subnet: 192.168.60.0/24 }
  other: { subnet: 10.8.0.0/24 }
nodes:
  server: { networks: [other] }
  router: { networks: { home: { address: 192.168.60.11, sources: [192.168.60.5] } }, forwarding: true }
  laptop: { networks: { home: { address: 192.168.60.5 } }, routes: [ { to: 10.8.0.0/24, via: 192.168.60.11 } ] }
";
    h.up(text).ok();
    let explained = h.run(&["explain", "laptop", "server:80"]).out;
    let traced = h.run(&["trace", "laptop", "server:80"]).out;
    let reason = "no policy allows network home to reach network other";
    for out in [&explained, &traced] {
        assert!(out.contains(reason), "{out}");
        assert!(
            out.contains("reject: default: no policy allows it"),
            "{out}"
        );
    }
    h.ok("down");
}

fn a_node_that_does_not_forward_masquerades_nothing() {
    let h = hallway();
    for text in [
        "networks: { a: { subnet: 10.1.0.0/24 } }\nnodes: { x: { networks: { a: { masquerade: true } } } }\n",
        "links: [ { endpoints: { x: { address: 10.1.0.1/24, masquerade: true }, y: 10.1.0.2/24 } } ]\n",
    ] {
        h.up(text)
            .exits(2)
            .says("node x masquerades what it forwards, but it forwards nothing");
    }
}

const FLOATING: &str = "
networks: { front: { subnet: 10.9.0.0/24 } }
nodes:
  lb1: { networks: { front: { address: 10.9.0.11, sources: [10.9.0.100] } } }
  lb2: { networks: { front: { address: 10.9.0.12, sources: [10.9.0.100, 10.8.0.0/16] } } }
  wide: { networks: { front: { sources: any } } }
  client: { networks: [front] }
";

fn sources_are_shown() {
    let h = hallway().project("p");
    std::fs::write("/run/p.hallway.yaml", FLOATING).unwrap();
    let plan = h.ok("plan /run/p.hallway.yaml");
    for words in [
        "lb1 eth0  10.9.0.11/24 on front, also sends from 10.9.0.100",
        "10.9.0.12/24 on front, also sends from 10.9.0.100, 10.8.0.0/16",
        "also sends from any address",
    ] {
        assert!(plan.contains(words), "no {words:?} in\n{plan}");
    }
    h.up(FLOATING).ok();
    let graph = h.ok("graph");
    assert!(graph.contains("[also sends from 10.9.0.100]"), "{graph}");
    let explained = h.run(&["explain", "client", "10.9.0.100"]);
    assert!(
        explained.out.contains(
            "no node on that link has the address 10.9.0.100; lb1, lb2 may have it (sources)"
        ),
        "{}",
        explained.out
    );
    sh("ip -n lb1 addr add 10.9.0.100/32 dev eth0");
    h.run(&["explain", "client", "10.9.0.100"]).exits(0);
    assert!(h.pings("client", "10.9.0.100"));
    // One of them has all addresses, and prefixes of others are among them.
    h.up(&FLOATING.replace("sources: any", "sources: [10.9.0.128/25, 10.0.0.0/8]"))
        .ok();
    h.run(&["up", "/run/up.hallway.yaml"])
        .exits(0)
        .says("nothing to change");
    h.ok("down");
}

const CLOSED: &str = "
networks:
  a: { subnet: [10.1.0.0/24, \"fd01::/64\"] }
  b: { subnet: [10.2.0.0/24, \"fd02::/64\"], internal: true }
  c: { subnet: 10.3.0.0/24, mode: lan }
nodes:
  r: { networks: { a: { address: [10.1.0.254, \"fd01::fe\"] }, b: { address: [10.2.0.254, \"fd02::fe\"] }, c: { address: 10.3.0.254 } }, forwarding: true }
  x: { networks: { a: { address: [10.1.0.2, \"fd01::2\"] } }, routes: [ { to: 10.2.0.0/15, via: 10.1.0.254 }, { to: \"fd02::/64\", via: \"fd01::fe\" } ] }
  y: { networks: { b: { address: [10.2.0.2, \"fd02::2\"] } }, routes: [ { to: 10.1.0.0/24, via: 10.2.0.254 }, { to: \"fd01::/64\", via: \"fd02::fe\" } ] }
  z: { networks: { c: { address: 10.3.0.2 } }, routes: [ { to: 10.1.0.0/24, via: 10.3.0.254 } ], command: hallway serve 80, ready: 80/tcp }
  m: { networks: { c: { address: 10.3.0.3 } } }
policies: [ { action: deny, from: any, to: any, ports: [9/tcp] } ]
";

/// Sends a packet of TCP with flags: address and port of the source and the destination.
const FORGED: &str = "import socket, struct, sys
source, port, target, to, flags = sys.argv[1:]
def total(b): return -sum(struct.unpack('!%dH' % (len(b) // 2), b)) % 65535
ends = socket.inet_aton(source) + socket.inet_aton(target)
tcp = lambda c: struct.pack('!HHIIBBHHH', int(port), int(to), 1, 0, 0x50, int(flags), 999, c, 0)
ip = struct.pack('!BBHHHBBH', 0x45, 0, 40, 1, 0, 64, 6, 0) + ends
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
s.sendto(ip + tcp(total(ends + struct.pack('!HH', 6, 20) + tcp(0))), (target, 0))";

/// The RST passes a filtered bridge on each side of the router. One that no connection has is dropped,
/// also from the router, which may use addresses behind it.
fn a_closed_port_behind_a_router_refuses() {
    const REFUSED: i32 = 7; // curl(1)
    let h = hallway().project("p");
    h.up(CLOSED).ok();
    for to in ["10.2.0.2", "[fd02::2]", "10.3.0.2"] {
        let url = format!("http://{to}:81/");
        for _ in 0..2 {
            let asked = h.run(&["exec", "x", "--", "curl", "-s", "-g", "-m", "30", &url]);
            assert_eq!(asked.code, REFUSED, "{to}");
        }
    }
    let dropped = || {
        sh(
            "nft list chain inet hallway-p forwarded | grep 'belongs to no connection' | sed 's/.*packets \\([0-9]*\\).*/\\1/'",
        )
    };
    assert_eq!(dropped().trim(), "0");
    let count = || dropped().trim().parse::<u32>().unwrap();
    for (node, ends, flags) in [
        ("r", ["10.2.0.2", "81", "10.1.0.2", "5555"], "4"),
        ("y", ["10.2.0.2", "81", "10.1.0.2", "5555"], "4"),
        // On a lan, anybody may begin a connection in the name of another.
        ("m", ["10.1.0.2", "5556", "10.3.0.2", "80"], "2"),
    ] {
        let before = count();
        let python = ["exec", node, "--", "python3", "-c", FORGED];
        h.run(&[&python[..], &ends[..], &[flags]].concat()).ok();
        wait_for("the packet to be dropped", || count() > before);
    }
    h.ok("down");
}

/// A published port, asked for at an address of the host for which the client's route leads to a router.
fn a_published_port_by_way_of_a_router() {
    let h = hallway().project("p");
    let text = "
networks:
  w: { subnet: 203.0.113.0/24, outside: true }
  dmz: { subnet: 10.1.0.0/24 }
  home: { subnet: 10.2.0.0/24, internal: true }
  other: { subnet: 10.4.0.0/24 }
nodes:
  v: { networks: [w] }
  fw: { networks: { dmz: { address: 10.1.0.254, masquerade: true }, home: { address: 10.2.0.254 } }, forwarding: true }
  pc: { networks: [home], routes: [ { to: default, via: 10.2.0.254 } ] }
  web: { networks: [dmz], command: hallway serve 80, ready: 80/tcp, ports: [\"8080:80\"] }
  plain: { networks: { dmz: { address: 10.1.0.253 }, other: { address: 10.4.0.254 } }, forwarding: true }
  pc2: { networks: { other: { address: 10.4.0.2 } }, routes: [ { to: 10.1.0.0/24, via: 10.4.0.254 } ], ports: [\"8090:80\"], command: hallway serve 80, ready: 80/tcp }
policies: [ { action: deny, from: any, to: any, ports: [9/tcp] } ]
";
    h.up(text).ok();
    for (from, to, by) in [
        ("pc", "203.0.113.1:8080", "fw"),
        ("pc", "10.1.0.1:8080", "fw"),
        ("pc2", "10.1.0.1:8080", "host"),
        ("pc2", "10.1.0.1:8090", "host"),
    ] {
        assert!(h.reads(from, &format!("http://{to}/")), "{from} {to}");
        let explained = h.run(&["explain", from, to]).exits(0).out;
        let by_router = explained.contains("    fw ") || explained.contains("    plain ");
        assert_eq!(by_router, by == "fw", "{explained}");
        let traced = h.run(&["trace", from, to]).exits(0).out;
        assert!(!traced.contains("although"), "{traced}");
    }
    h.ok("down");
}

hallway_testkit::tests![
    a_closed_port_behind_a_router_refuses,
    a_published_port_by_way_of_a_router,
    what_a_router_forwards_gets_its_address,
    its_table_is_observed_and_repaired,
    the_key_comes_and_goes,
    what_passes_the_host_twice_is_traced,
    a_node_that_does_not_forward_masquerades_nothing,
    sources_are_shown,
];
