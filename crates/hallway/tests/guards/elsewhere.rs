//! Packets that come from where they must not: addresses of a network from outside, frames of a lan
//! to the host, an association that a deny has ended.

use hallway_testkit::{Hallway, sh};

use crate::{run, up};

const FILE: &str = "
networks:
  other: { subnet: [10.8.0.0/24, fd08::/64] }
  public: { subnet: [198.51.100.0/28, 2001:db8:2::/64], nat: false }
  inner: { subnet: 10.6.0.0/24, internal: true }
  flat: { subnet: 10.5.0.0/24, mode: lan }
  world: { subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }
  single: { subnet: [10.7.0.0/24, fd07::/64], mode: routed }
nodes:
  s: { networks: { single: { address: [10.7.0.10, fd07::10] } } }
  t: { networks: { single: { address: [10.7.0.11, fd07::11] } } }
  v: { networks: { other: { address: [10.8.0.11, fd08::11], sources: 10.8.0.100 } } }
  x: { networks: { other: { address: [10.8.0.10, fd08::10] } } }
  g: { networks: { public: { address: [198.51.100.5, 2001:db8:2::5] } } }
  z: { networks: { inner: { address: 10.6.0.12 } } }
  l: { networks: { flat: { address: 10.5.0.1 } } }
  m: { networks: { flat: { address: 10.5.0.2 } } }
  visitor: { networks: { world: { address: [203.0.113.9, 2001:db8::9] } } }
policies:
  - { action: deny, between: [s, t] }
  - { action: deny, between: [v, any] }
  - { from: other, to: [public, inner] }
  - { from: visitor, to: g, ports: [10/udp] }
  - { between: [x, g] }
";

fn hallway() -> Hallway {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    sh("sysctl -qw net.ipv4.ip_forward=1"); // as on a machine with other containers
    h.up(FILE).ok();
    h
}

/// A policy for the members of a network does not apply to packets from outside with their addresses.
pub(crate) fn outside_cannot_use_addresses_of_a_network() {
    let _h = hallway();
    run("
visitor, g = Node('visitor'), Node('g')
s = Sender(visitor, '203.0.113.9', '203.0.113.1', mac_of('br-world'))
def sent(source, port):
    to = '2001:db8:2::5' if ':' in source else '198.51.100.5'
    return frame(ip(source, to, 17, udp(source, to, 4000, port, TOKEN)), s.gateway_mac, visitor.mac)
for source in ('203.0.113.9', '2001:db8::9'):
    check(s.arrives([sent(source, 10)], g), source + ' is allowed')
    check(not s.arrives([sent(source, 9)], g), source + ' uses another port')
for source in ('10.8.0.10', '10.8.0.77', '10.8.0.1', '10.6.0.12', '198.51.100.5', '198.51.100.6', 'fd08::10', 'fd08::77', 'fd08::1', '2001:db8:2::6'):
    for port in (9, 10):
        check(not s.arrives([sent(source, port)], g), source + ' from outside')
");
}

/// The host is not on a lan: it answers no ARP request there, receives nothing, and forwards nothing.
pub(crate) fn a_lan_does_not_reach_the_host() {
    let _h = hallway();
    run("
l, m, z, g = Node('l'), Node('m'), Node('z'), Node('g')
own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
own.bind(('', 9))
own.setblocking(False)
bridge = mac_of('br-flat')
port = next(w.split('@')[0] for w in shell('ip -o link show master br-flat').replace(':', ' ').split() if '@' in w)
def passed():
    # The bridge handles frames of one port in their order.
    mark = os.urandom(8)
    l.raw.send(ethernet(m.mac, l.mac, 0x88b5, mark + bytes(40)))
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if any(mark in data for data in m.drain()): return
    raise SystemExit('the lan passes nothing')
for source in ('10.5.0.1', '10.8.0.10', '203.0.113.9', '10.6.0.12'):
    for to in ('203.0.113.1', '10.8.0.1', '10.6.0.12', '198.51.100.5', '127.0.0.1'):
        for receiver in (bridge, mac_of(port), BROADCAST):
            for watched in (z, g): watched.drain()
            l.raw.send(frame(ip(source, to, 17, udp(source, to, 4000, 9, TOKEN)), receiver, l.mac))
            passed()
            check(not any(TOKEN in data for w in (z, g) for data in w.drain()), '%s to %s is forwarded' % (source, to))
            try: check(not own.recv(99), '%s to %s is received' % (source, to))
            except BlockingIOError: pass
l.drain()
for target in ('203.0.113.1', '10.8.0.1'):
    request = struct.pack('!HHBBH', 1, 0x0800, 6, 4, 1) + mac(l.mac) + address('10.5.0.1') + bytes(6) + address(target)
    l.raw.send(ethernet(BROADCAST, l.mac, 0x0806, request))
    passed()
    check(not any(data[12:14] == b'\\x08\\x06' for data in l.drain()), 'the host answers for ' + target)
");
}

/// An echo of more than one packet, of each IP version: between members, through the host, with it.
pub(crate) fn packets_in_fragments_pass() {
    let h = up();
    for (from, to) in [
        ("p", "10.8.0.11"),
        ("p", "fd08::11"),
        ("p", "10.8.0.1"),
        ("p", "fd08::1"),
        ("p", "203.0.113.9"),
        ("a", "fd09::12"),
    ] {
        let echo = [
            "exec", from, "--", "ping", "-c", "1", "-W", "20", "-s", "3000", to,
        ];
        h.run(&echo).ok();
    }
    for to in ["10.8.0.10", "fd08::10", "fd09::11"] {
        sh(&format!("ping -c 1 -W 20 -s 3000 {to}"));
    }
}

/// Its server sends a HEARTBEAT, which the policies allow, and the client answers it.
pub(crate) fn an_association_that_a_deny_ended_stays_ended() {
    let h = hallway();
    let ends = "
def crc(data):
    value = 0xffffffff
    for byte in data:
        value ^= byte
        for _ in range(8): value = (value >> 1) ^ (0x82f63b78 if value & 1 else 0)
    return value ^ 0xffffffff
def chunk(kind, body): return struct.pack('!BBH', kind, 3 if kind == 0 else 0, 4 + len(body)) + body
init = struct.pack('!IIHHI', 7, 65535, 1, 1, 1)
beat = struct.pack('!HH', 1, 8) + TOKEN[:4]
data = struct.pack('!IHHI', 1, 0, 0, 0) + b'data'
FOUR = {'x': '10.8.0.10', 'g': '198.51.100.5'}
S = {name: Node(name).socket(socket.AF_INET, socket.SOCK_RAW, 132) for name in FOUR}
for name, s in S.items():
    s.bind((FOUR[name], 0))
def send(name, kind, body):
    ports = (1000, 2000) if name == 'x' else (2000, 1000)
    packet = struct.pack('!HHII', *ports, 0 if kind == 1 else 7, 0) + chunk(kind, body)
    S[name].sendto(packet[:8] + struct.pack('<I', crc(packet)) + packet[12:], (FOUR['g' if name == 'x' else 'x'], 0))
def receives(name, kind, limit):
    S[name].settimeout(limit)
    try:
        while True:
            if S[name].recv(999)[32] == kind: return True
    except OSError: return False
";
    run(&format!(
        "{ends}
for name, other, kind, body in (('x', 'g', 1, init), ('g', 'x', 2, init + struct.pack('!HH', 7, 8) + b'cook'), ('x', 'g', 10, b'cook'), ('g', 'x', 11, b''), ('x', 'g', 0, data), ('g', 'x', 0, data)):
    send(name, kind, body)
    check(receives(other, kind, LIMIT), 'chunk %d of %s' % (kind, name))
"
    ));
    h.project("up").ok("deny x g");
    run(&format!(
        "{ends}
send('g', 4, beat)
receives('x', 4, 1)
for kind, body in ((5, beat), (0, data), (0, data)): send('x', kind, body)
check(not receives('g', 0, 1), 'data of the client')
"
    ));
}

/// Neighbour discovery, and multicast listener reports, is for one link. The host forwards none of
/// it, and connection tracking does not track it: it would pass policies, with any source.
pub(crate) fn messages_for_one_link_are_not_forwarded() {
    let _h = hallway();
    run("
s = Node('s')
watched = [Node('t'), Node('g'), Node('x'), Node('visitor')]
gateway = next(w.split('@')[0] for w in shell('ip -o link show').replace(':', ' ').split() if w.startswith('s-0@'))
link = mac_of(gateway)
n = Sender(s, '10.7.0.10', '10.7.0.1', link)
for kind in (130, 131, 132, 133, 134, 135, 136, 137, 143):
    for source in ('fd07::10', 'fd08::10', 'fd07::11', '2001:db8::9', s.link_local):
        for to in ('fd07::11', '2001:db8:2::5', 'fd08::10', '2001:db8::9'):
            for hops in (255, 64, 2):
                for target in (address(to), bytes(16)):
                    body = icmp6(source, to, kind, 0, bytes(4) + target + TOKEN)
                    one = frame(ip(source, to, 58, body, hops), link, s.mac)
                    got = n.arrives([one], *watched)
                    check(not got, 'type %d from %s to %s with hop limit %d at %s' % (kind, source, to, hops, got))
");
}

/// A policy about a node is about the further addresses that the file lets it use, too.
pub(crate) fn a_policy_holds_for_further_addresses() {
    let h = hallway();
    sh("ip -n v addr add 10.8.0.100/24 dev eth0");
    assert!(h.pings("x", "10.8.0.1"));
    for (from, to) in [("x", "10.8.0.100"), ("x", "10.8.0.11"), ("v", "10.8.0.10")] {
        assert!(h.cannot_ping(from, to), "{from} to {to}");
    }
    let from_it = "ping -c 1 -W 1 -I 10.8.0.100";
    assert!(!h.inside("v", &format!("{from_it} 10.8.0.10")));
    assert!(!h.inside("v", &format!("{from_it} 203.0.113.9")));
}
