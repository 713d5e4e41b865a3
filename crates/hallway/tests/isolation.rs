//! What nodes and the outside must not be able to do.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Server, sh};

const FILE: &str = "
networks:
  apps: { subnet: [10.9.0.0/24, fd09::/64] }
  other: { subnet: [10.8.0.0/24, fd08::/64] }
  closed: { subnet: [10.7.0.0/24, fd07::/64], internal: true }
  world: { subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }
nodes:
  a: { networks: { apps: { address: [10.9.0.10, fd09::10] } }, command: hallway serve 80, ready: 80/tcp }
  b: { networks: { apps: { address: [10.9.0.11, fd09::11] } }, command: hallway serve 80, ready: 80/tcp }
  c: { networks: { other: { address: [10.8.0.10, fd08::10] } }, command: hallway serve 80, ready: 80/tcp }
  d: { networks: { closed: { address: [10.7.0.10, fd07::10] } }, command: hallway serve 80, ready: 80/tcp }
  visitor: { networks: { world: { address: [203.0.113.9, 2001:db8::9] } }, command: hallway serve 80, ready: 80/tcp }
";

fn up() -> Hallway {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    h.up(FILE).ok();
    h
}

fn networks_are_separate() {
    let h = up();
    let (a, c, d) = (
        ("10.9.0.10", "fd09::10"),
        ("10.8.0.10", "fd08::10"),
        ("10.7.0.10", "fd07::10"),
    );
    for (from, to) in [
        ("a", c),
        ("a", d),
        ("c", a),
        ("c", d),
        ("d", a),
        ("d", c),
        ("visitor", a),
        ("visitor", d),
    ] {
        assert!(h.cannot_ping(from, to.0), "{from} → {}", to.0);
        assert!(h.cannot_ping(from, to.1), "{from} → {}", to.1);
        assert!(
            h.cannot_read(from, &format!("http://{}/", to.0)),
            "{from} → {}",
            to.0
        );
        assert!(
            h.cannot_read(from, &format!("http://[{}]/", to.1)),
            "{from} → {}",
            to.1
        );
    }
    for (from, to) in [
        ("a", "10.9.0.11"),
        ("a", "fd09::11"),
        ("a", "203.0.113.9"),
        ("c", "2001:db8::9"),
    ] {
        assert!(h.pings(from, to), "{from} → {to}");
    }
    for to in ["203.0.113.9", "2001:db8::9"] {
        assert!(
            h.cannot_ping("d", to),
            "internal: not connected to the outside"
        );
        assert!(!h.inside("d", &format!("ip route add default via 10.7.0.1; ip -6 route add default via fd07::1; ping -c1 -W1 {to}")));
    }
}

/// A node of a network that represents the outside makes a path to the real one.
fn the_real_outside_is_not_reached_from_a_simulated_one() {
    let h = up();
    sh("ip netns add real; ip link add up0 type veth peer name eth0 netns real
        ip addr add 198.51.100.1/24 dev up0; ip -6 addr add 2001:db8:5::1/64 dev up0 nodad; ip link set up0 up
        ip -n real addr add 198.51.100.66/24 dev eth0; ip -n real addr add 2001:db8:5::66/64 dev eth0 nodad
        ip -n real link set eth0 up; ip -n real route add default via 198.51.100.1
        ip -n real route add default via 2001:db8:5::1");
    h.up(FILE).ok(); // the uplink forwards at once, not only when the keeper has seen it
    for to in ["198.51.100.66", "2001:db8:5::66"] {
        assert!(h.pings("a", to), "{to}");
    }
    let before = received("real");
    let script = "ip route add default via 203.0.113.1; ip route add default via 2001:db8::1
        ip addr add 10.9.0.77/32 dev eth0; ip addr add fd09::77/128 dev eth0 nodad
        for to in 198.51.100.66 2001:db8:5::66; do ping -c 2 -i 0.2 -W 1 $to; done
        ping -c 2 -i 0.2 -W 1 -I 10.9.0.77 198.51.100.66; ping -c 2 -i 0.2 -W 1 -I fd09::77 2001:db8:5::66; exit 0";
    assert!(h.inside("visitor", script));
    assert_eq!(received("real"), before);
}

/// Another network's gateway is also an address of the host; only its own gateway answers a node.
fn the_host_is_not_reached_without_a_policy() {
    let h = up();
    let _server = Server::start("0.0.0.0:2222");
    let _six = Server::start("[::1]:2223");
    for node in ["visitor", "d"] {
        for address in ["10.9.0.1", "10.7.0.1", "127.0.0.1"] {
            assert!(
                h.cannot_read(node, &format!("http://{address}:2222/"))
                    || node == "d" && address == "10.7.0.1"
            );
        }
    }
    assert!(!h.inside(
        "a",
        "ip route add 127.0.0.1/32 via 10.9.0.1; curl -s -m 1 http://127.0.0.1:2222/"
    ));
}

fn a_node_cannot_use_the_address_of_another() {
    let h = up();
    let none = received("b");
    assert!(h.pings("a", "10.9.0.11"));
    let before: u64 = received("b");
    assert_eq!(before, none + 1, "what is not forged is counted");
    let script = "ip addr add 10.9.0.99/24 dev eth0 nodad; ip addr add fd09::99/64 dev eth0 nodad;
        ping -c 2 -W 1 -I 10.9.0.99 10.9.0.11; ping -6 -c 2 -W 1 -I fd09::99 fd09::11;
        ip addr add 203.0.113.77/32 dev eth0; ping -c 2 -W 1 -I 203.0.113.77 10.9.0.11;
        ip link set eth0 address 02:00:00:00:00:99; ping -c 2 -W 1 10.9.0.11; exit 0";
    assert!(h.inside("a", script));
    assert_eq!(received("b"), before, "nothing forged arrived");
}

fn received(node: &str) -> u64 {
    let count =
        "/^Icmp:/ { if (c) s += $c; else for (i = 1; i <= NF; i++) if ($i == \"InEchos\") c = i }
        /^Icmp6InEchos/ { s += $2 } END { print s }";
    let text = sh(&format!(
        "ip netns exec {node} awk '{count}' /proc/net/snmp /proc/net/snmp6"
    ));
    text.trim().parse().unwrap()
}

/// A forged ARP answer for the gateway reaches no node.
fn arp_cannot_be_forged() {
    let h = up();
    let script = "import socket,struct
s=socket.socket(socket.AF_PACKET,socket.SOCK_RAW); s.bind(('eth0',0)); me=s.getsockname()[4]
arp=struct.pack('!HHBBH',1,0x800,6,4,2)+me+socket.inet_aton('10.9.0.1')+b'\\xff'*6+socket.inet_aton('10.9.0.11')
for _ in range(3): s.send(b'\\xff'*6+me+b'\\x08\\x06'+arp)
s.send(b'\\xff'*6+me+b'\\x88\\xcc'+b'x'*50)
";
    std::fs::write("/run/keep", script).unwrap();
    assert!(h.pings("b", "10.9.0.1"));
    let gateway = sh("ip -n b neigh show 10.9.0.1");
    assert!(h.inside("a", "python3 /run/keep"));
    let now = sh("ip -n b neigh show 10.9.0.1");
    let mac = |text: &str| {
        text.split("lladdr ")
            .nth(1)
            .and_then(|t| t.split(' ').next())
            .map(str::to_owned)
    };
    assert!(mac(&gateway).is_some());
    assert_eq!(mac(&now), mac(&gateway));
}

/// Router advertisements from a node do not reach others.
fn a_node_cannot_be_a_router() {
    let h = up();
    let script = "import socket
s=socket.socket(socket.AF_INET6,socket.SOCK_RAW,58); s.setsockopt(41,18,255)
import struct
ra=struct.pack('!BBHBBHII',134,0,0,64,0,1800,0,0)
ra+=struct.pack('!BBBBIII',3,4,64,0xc0,3600,3600,0)+socket.inet_pton(10,'2001:db8:bad::')
s.sendto(ra,('ff02::1',0,0,2)); s.sendto(ra,('fd09::11',0,0,0))
";
    std::fs::write("/run/keep", script).unwrap();
    assert!(
        h.inside("b", "sysctl -qw net.ipv6.conf.eth0.accept_ra=2"),
        "also one that accepts router advertisements"
    );
    assert!(h.inside("a", "python3 /run/keep"), "not sent");
    // Packets sent after them on the same path have arrived, so they would have arrived too.
    assert!(h.pings("a", "fd09::11"));
    assert!(!sh("ip -n b -6 addr; ip -n b -6 route").contains("bad"));
}

/// Rules in the host's filter do not depend on the addresses in a node: after it changed its own
/// addresses, a denied node is still denied.
fn a_deny_cannot_be_bypassed() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    h.up(&format!(
        "{FILE}policies:\n  - {{ action: deny, from: a, to: b }}\n"
    ))
    .ok();
    assert!(h.cannot_ping("a", "10.9.0.11"));
    assert!(h.cannot_ping("a", "fd09::11"));
    assert!(
        h.pings("b", "10.9.0.10"),
        "the other direction is not affected"
    );
    assert!(!h.inside(
        "a",
        "ip addr add 10.9.0.50/24 dev eth0; ping -c 1 -W 1 -I 10.9.0.50 10.9.0.11"
    ));
    let v6 = sh(
        "ip -n b -6 addr show dev eth0 scope link | awk '/inet6/{sub(\"/.*\",\"\",$2);print $2}'",
    );
    assert!(!v6.trim().is_empty());
    assert!(
        h.cannot_ping("a", &format!("{}%eth0", v6.trim())),
        "also not with its link-local address"
    );
}

hallway_testkit::tests![
    networks_are_separate,
    the_real_outside_is_not_reached_from_a_simulated_one,
    the_host_is_not_reached_without_a_policy,
    a_node_cannot_use_the_address_of_another,
    arp_cannot_be_forged,
    a_node_cannot_be_a_router,
    a_deny_cannot_be_bypassed,
];
