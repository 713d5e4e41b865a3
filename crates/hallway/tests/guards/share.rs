//! One node's share of the host's table of connections.

use crate::attack;
use hallway_testkit::{Hallway, sh, wait_for};

/// A node that opens all connections that it can leaves room for the others; `trace` shows why its
/// packets are dropped.
pub(crate) fn a_node_takes_no_more_than_its_share() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let file = crate::FILE.replace("  p: { ", "  p: { limits: { connections: 40 }, ");
    h.up(&file).ok();
    attack(
        "
def entries(x): return sum('src=' + end + ' ' in line for end in (FOUR[x], SIX[x]) for line in (shell('conntrack -L -f ipv4 2>/dev/null') + '\\n' + shell('conntrack -L -f ipv6 2>/dev/null')).splitlines())
for protocol in (17, 6):
    for port in range(1000, 1200):
        # No host has this address, so no answer ends the connection.
        for own, to in ((FOUR['p'], '203.0.113.99'), (SIX['p'], '2001:db8::99')):
            body = udp(own, to, port, 9, b'x') if protocol == 17 else tcp(own, to, port, 9, 2)
            N['p'].raw.send(frame(ip(own, to, protocol, body), BRIDGE['p'], M['p']))
sender('q').send([])
count = entries('p')
check(70 <= count <= 82, '%d connections' % count)
",
    );
    assert!(
        h.reads("q", "http://203.0.113.9/"),
        "others are not held up"
    );
    assert!(h.pings("q", "2001:db8::9"));
    assert!(h.cannot_ping("p", "203.0.113.9"));
    let ran = h.run(&["trace", "p", "visitor:80"]);
    assert!(ran.out.contains("limits.connections"), "{}", ran.out);
    sh("conntrack -F 2>/dev/null; conntrack -F -f ipv6 2>/dev/null; true");
    assert!(
        h.pings("p", "203.0.113.9"),
        "when its connections have ended"
    );
}

/// Connections that were closed stay in the host's table for minutes. A node that opens and closes many leaves
/// room for the others as well.
pub(crate) fn closed_connections_are_limited() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let file = crate::FILE.replace("  p: { ", "  p: { limits: { connections: 40 }, ");
    h.up(&file).ok();
    attack(
        "
def opened(kind, to):
    begin, count = time.monotonic(), 0
    while time.monotonic() < begin + LIMIT:
        s = N['p'].socket(kind, socket.SOCK_STREAM)
        s.settimeout(0.9)  # before a second attempt
        try: s.connect((to, 80))
        except TimeoutError: return count, time.monotonic() - begin
        s.settimeout(LIMIT)
        s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        while s.recv(999): pass
        s.close()
        count += 1
    return count, LIMIT
for kind, to in ((socket.AF_INET, '203.0.113.9'), (socket.AF_INET6, '2001:db8::9')):
    count, seconds = opened(kind, to)
    # The node has two addresses, of which each has a half.
    check(150 <= count <= 161 + 3 * seconds, '%d connections to %s in %d s' % (count, to, seconds))
",
    );
    assert!(
        h.reads("q", "http://203.0.113.9/"),
        "others are not held up"
    );
    // Nothing listens there, so each is closed at once.
    let on_and_on = "import socket
while True:
    s = socket.socket(); s.settimeout(0.01); s.connect_ex(('203.0.113.9', 81))";
    let mut opener = h.start(&["exec", "p", "--", "python3", "-c", on_and_on]);
    wait_for("a reason", || {
        let ran = h.run(&["trace", "p", "visitor:80"]);
        ran.out.contains("too many new connections of one node")
    });
    opener.kill().unwrap();
    opener.wait().unwrap();
    assert!(
        h.pings("p", "203.0.113.9"),
        "this is about TCP, and not about open connections"
    );
}

/// Packets to several receivers count as others do. One that is for the host too had its entry before
/// any chain of input or forwarding dropped it.
pub(crate) fn multicast_counts_as_well() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let file = crate::FILE.replace("  a: { ", "  a: { limits: { connections: 40 }, ");
    h.up(&file).ok();
    attack(
        "
def entries(): return int(open('/proc/sys/net/netfilter/nf_conntrack_count').read())
def flood(make):
    shell('conntrack -F 2>/dev/null; conntrack -F -f ipv6 2>/dev/null; true')
    before = entries()
    for port in range(1000, 1400):
        to, source, target = make(port)
        N['a'].raw.send(frame(ip(source, target, 17, udp(source, target, port, 67, b'x')), to, M['a']))
    sender('q').send([])
    return entries() - before
ways = {
    'multicast': lambda port: ('01:00:5e:00:00:fb', FOUR['a'], '224.0.0.251'),
    'multicast of IPv6': lambda port: ('33:33:00:00:00:fb', SIX['a'], 'ff02::fb'),
    'multicast from the link-local address': lambda port: ('33:33:00:00:00:fb', L['a'], 'ff02::fb'),
    'broadcast': lambda port: ('ff:ff:ff:ff:ff:ff', FOUR['a'], '10.9.0.255'),
    'DHCP': lambda port: ('ff:ff:ff:ff:ff:ff', '0.0.0.0', '255.255.255.255'),
}
for way, make in ways.items():
    count = flood(make)
    check(count <= 44, '%s: %d connections' % (way, count))
",
    );
}

/// The neighbour table is one for all namespaces of the machine: the host adds no entry for a node
/// that sends to many addresses of a network which no node has.
pub(crate) fn the_host_looks_for_no_neighbour_that_is_not_there() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let file = crate::FILE.replace("policies:\n", "policies:\n  - { from: p, to: apps }\n");
    h.up(&file).ok();
    attack(
        "
for low in range(50, 250):
    for own, to in ((FOUR['p'], '10.9.0.%d' % low), (SIX['p'], 'fd09::1:%x' % low)):
        N['p'].raw.send(frame(ip(own, to, 17, udp(own, to, 9, 9, b'x')), BRIDGE['p'], M['p']))
sender('p').send([])
found = shell('ip neigh show dev br-apps nud all; ip -6 neigh show dev br-apps nud all')
check('10.9.0.1' not in found.replace('10.9.0.10 ', '').replace('10.9.0.11 ', '').replace('10.9.0.12 ', ''), found)
check('fd09::1:' not in found and '10.9.0.50' not in found, found)
",
    );
    for to in ["10.9.0.99", "fd09::99"] {
        for verb in ["explain", "trace"] {
            let ran = h.run(&[verb, "p", to]);
            assert!(
                ran.out.contains("no node has the address"),
                "{verb} {to}: {}",
                ran.out
            );
        }
        assert!(h.cannot_ping("p", to));
    }
    assert!(h.pings("p", "10.9.0.12") && h.pings("p", "fd09::12"));
}
