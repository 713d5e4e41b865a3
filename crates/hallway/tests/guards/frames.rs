//! Frames between members of one bridge.

use crate::{attack, up};

/// Unicast, broadcast, multicast and link-local, from every kind of source, in frames to every
/// kind of receiver.
pub(crate) fn a_deny_holds_for_every_kind_of_frame() {
    let _h = up();
    attack(
        "
u = lambda source, to, port=9: udp(source, to, 4000, port, TOKEN)
def packet(source, to, port=9): return ip(source, to, 17, u(source, to, port))
many4 = ['255.255.255.255', '10.9.0.255', '224.0.0.251', '239.1.2.3', '224.0.0.1']
many6 = ['ff02::fb', 'ff02::1', 'ff05::2', 'ff02::1:ff00:11', 'ff01::1']
group = {True: '33:33:00:00:00:fb', False: '01:00:5e:00:00:fb'}
def kinds(x, y):
    for four, ends in ((True, FOUR), (False, SIX)):
        sources = [FOUR[x], '0.0.0.0'] if four else [SIX[x], L[x], '::']
        for source in sources:
            one = [FOUR[y]] if four else [SIX[y], L[y]]
            for to in one + (many4 if four else many6):
                for receiver in (M[y], BROADCAST, group[not four], M['c'], BRIDGE[x], '02:00:00:00:00:77'):
                    yield '%s to %s in %s' % (source, to, receiver), frame(packet(source, to, 67 if source == '0.0.0.0' else 9), receiver, M[x])
        for to in one:
            own = sources[0]
            for port, flags in ((80, 2), (80, 0x12), (80, 0x10), (80, 4)):
                yield 'tcp flags %x' % flags, frame(ip(own, to, 6, tcp(own, to, 4001, port, flags, TOKEN)), M[y], M[x])
            for protocol in (2, 4, 41, 47, 50, 89, 103, 112, 132, 253):
                yield 'protocol %d' % protocol, frame(ip(own, to, protocol, TOKEN), M[y], M[x])
    echo = struct.pack('!HH', 1, 1) + TOKEN
    yield 'echo', frame(ip(FOUR[x], FOUR[y], 1, icmp(8, 0, echo)), M[y], M[x])
    yield 'echo 6', frame(ip(L[x], L[y], 58, icmp6(L[x], L[y], 128, 0, echo)), M[y], M[x])
    # To an address of a member that is allowed, in a frame to the one that is not.
    yield 'other address', frame(packet(FOUR[x], FOUR['c']), M[y], M[x])
    yield 'other address 6', frame(packet(SIX[x], SIX['c']), M[y], M[x])
for x, y in (('a', 'b'), ('b', 'a')):
    s = sender(x)
    for label, one in kinds(x, y):
        check(not s.arrives([one], N[y]), '%s: %s' % (x, label))
",
    );
}

/// A frame to the broadcast MAC address must not start a connection whose replies would pass.
pub(crate) fn nothing_is_planted_in_connection_tracking() {
    let _h = up();
    attack(
        "
def plant(x, y, to, how):
    out = []
    for receiver in (BROADCAST, '01:00:5e:00:00:01', '33:33:00:00:00:01', M[y] if y in M else BROADCAST, '02:00:00:00:00:77'):
        out.append(frame(ip(FOUR[x], to, 17, udp(FOUR[x], to, 4000, 4001, b'x')), receiver, M[x]))
        out.append(frame(ip(FOUR[x], to, 6, tcp(FOUR[x], to, 4000, 4001, 2)), receiver, M[x]))
    return out
# Members of one network; then a node of an internal network with one outside.
a, b, d = sender('a'), sender('b'), sender('d')
a.send(plant('a', 'b', FOUR['b'], 1))
reply = lambda x, y: [frame(ip(FOUR[x], FOUR[y], 17, udp(FOUR[x], FOUR[y], 4001, 4000, TOKEN)), M[y], M[x]), frame(ip(FOUR[x], FOUR[y], 6, tcp(FOUR[x], FOUR[y], 4001, 4000, 0x12, TOKEN)), M[y], M[x])]
check(not b.arrives(reply('b', 'a'), N['a']), 'b answers what a planted')
six = lambda x, y: frame(ip(SIX[x], SIX[y], 17, udp(SIX[x], SIX[y], 4000, 4001, TOKEN)), BROADCAST, M[x])
a.send([six('a', 'b')])
check(not b.arrives([frame(ip(SIX['b'], SIX['a'], 17, udp(SIX['b'], SIX['a'], 4001, 4000, TOKEN)), M['a'], M['b'])], N['a']), 'the same with IPv6')
for to in (FOUR['visitor'], FOUR['a'], FOUR['e']):
    d.send(plant('d', 'e', to, 1))
entries = shell('conntrack -L 2>/dev/null; conntrack -L -f ipv6 2>/dev/null')
check('4000' not in entries, entries)
",
    );
}

/// What needs no key in the file works: link-local addresses, multicast and broadcast.
pub(crate) fn members_without_a_deny_are_not_disturbed() {
    let h = up();
    attack(
        "
def works(x, y):
    s = sender(x)
    for label, source, to, receiver in (
        ('unicast', FOUR[x], FOUR[y], M[y]), ('unicast 6', SIX[x], SIX[y], M[y]),
        ('broadcast', FOUR[x], '255.255.255.255', BROADCAST), ('multicast', FOUR[x], '239.1.2.3', '01:00:5e:01:02:03'),
        ('subnet broadcast', FOUR[x], FOUR[x].rsplit('.', 1)[0] + '.255', BROADCAST),
        ('mDNS', L[x], 'ff02::fb', '33:33:00:00:00:fb'), ('link-local', L[x], L[y], M[y]), ('to link-local', SIX[x], L[y], M[y]),
        ('DHCP', '0.0.0.0', '255.255.255.255', BROADCAST)):
        port = 67 if label == 'DHCP' else 5353
        one = frame(ip(source, to, 17, udp(source, to, 68 if port == 67 else 5353, port, TOKEN)), receiver, M[x])
        check(s.arrives([one], N[y]), '%s from %s does not arrive at %s' % (label, x, y))
    ospf = frame(ip(L[x], 'ff02::5', 89, TOKEN, 1), '33:33:00:00:00:05', M[x])
    check(s.arrives([ospf], N[y]), 'OSPFv3')
for x, y in (('a', 'c'), ('c', 'b'), ('p', 'q')): works(x, y)
",
    );
    for (from, to) in [("a", "fd09::12"), ("c", "fd09::11"), ("p", "fd08::11")] {
        assert!(h.pings(from, to));
    }
    let own = hallway_testkit::sh(
        "ip -n q -6 -o addr show dev eth0 scope link | awk '{sub(\"/.*\",\"\",$4);print $4}'",
    );
    assert!(h.pings("p", &format!("{}%eth0", own.trim())));
    assert!(h.reads("p", &format!("http://[{}%25eth0]/", own.trim())));
}

/// Neighbour tables of members and of the host do not change.
pub(crate) fn neighbour_discovery_cannot_be_forged() {
    let _h = up();
    attack(
        "
p, q = sender('p'), N['q']
gateway, third = 'fd08::1', SIX['r']
def option(kind, value): return bytes([kind, 1]) + mac(value)
def advertise(source, to, target, more=b'', flags=0x20, options=None):
    body = struct.pack('!I', flags << 24) + address(target) + (option(2, M['p']) if options is None else options)
    return ip(source, to, 58, more + icmp6(source, to, 136, 0, body), 255)
def solicit(source, to, target, options=None):
    return ip(source, to, 58, icmp6(source, to, 135, 0, bytes(4) + address(target) + (option(1, M['p']) if options is None else options)), 255)
host = Node('', 'br-plain')
def entries():
    out = {}
    for where, node in (('q', N['q']), ('host', host)):
        for line in node.shell('ip -6 neigh show').splitlines():
            words = line.split()
            if 'lladdr' in words: out[where, words[0]] = words[words.index('lladdr') + 1]
    return out
for target in (gateway, third): N['q'].shell('ping -6 -c1 -W20 ' + target)
for target in (SIX['q'], third): shell('ping -6 -c1 -W20 ' + target)
before = entries()
check(before.get(('q', gateway)) == BRIDGE['p'] and before.get(('host', SIX['q'])) == M['q'], before)
padding = option(14, '00:00:00:00:00:00')
for name, source in (('own', SIX['p']), ('link-local', L['p']), ('made-up', 'fe80::bad'), ('gateway', gateway), ('third', third), ('victim', SIX['q'])):
    for to, receiver in ((SIX['q'], M['q']), ('ff02::1', '33:33:00:00:00:01'), (gateway, BRIDGE['p'])):
        for target in (gateway, third, SIX['q']):
            frames = [advertise(source, to, target), advertise(source, to, target, flags=0xe0), advertise(source, to, target, options=padding + option(2, M['p'])), advertise(source, to, target, options=option(2, M['p']) * 2), solicit(source, to, target), solicit(source, to, target, padding + option(1, M['p']))]
            p.send([frame(one, receiver, M['p']) for one in frames])
            now = entries()
            wrong = {key: value for key, value in now.items() if value == M['p'] and key[1] not in (SIX['p'], L['p'])}
            check(not wrong, '%s to %s about %s: %s' % (name, to, target, wrong))
# By another's link-layer address, about its own.
p.send([frame(advertise(SIX['p'], 'ff02::1', SIX['p'], options=option(2, M['r'])), '33:33:00:00:00:01', M['p'])])
check(entries().get(('q', SIX['p'])) in (None, M['p']), entries())
",
    );
}

/// 01:80:c2:00:00:00 to :0f pass no chain; the bridge must not learn MAC addresses from them.
pub(crate) fn a_bridge_learns_nothing_from_group_addresses() {
    let _h = up();
    attack(
        "
p, r = sender('p'), sender('r')
N['r'].shell('ping -c1 -W20 ' + FOUR['q'])
for last in range(16):
    for kind in (0x88cc, 0x0800, 0x0027, 0x8809):
        N['p'].raw.send(ethernet('01:80:c2:00:00:%02x' % last, M['q'], kind, bytes(46)))
        one = frame(ip(FOUR['r'], FOUR['q'], 17, udp(FOUR['r'], FOUR['q'], 9, 9, TOKEN)), M['q'], M['r'])
        seen = r.arrives([one], N['q'], N['p'])
        check(seen == ['q'], '%02x %04x: %s' % (last, kind, seen))
",
    );
}

/// Answers of DHCP servers and router advertisements come only from nodes that the file allows.
pub(crate) fn dhcp_and_router_advertisements_need_a_key() {
    let script = "
p = sender('p')
offers = [('DHCP', FOUR['p'], '255.255.255.255', BROADCAST, 67, 68), ('DHCP to one', FOUR['p'], FOUR['q'], M['q'], 67, 68), ('from another port', FOUR['p'], FOUR['q'], M['q'], 1067, 68),
    ('DHCPv6', L['p'], L['q'], M['q'], 547, 546), ('DHCPv6 to all', L['p'], 'ff02::1', '33:33:00:00:00:01', 547, 546)]
for label, source, to, receiver, source_port, port in offers:
    one = frame(ip(source, to, 17, udp(source, to, source_port, port, TOKEN)), receiver, M['p'])
    check(bool(p.arrives([one], N['q'])) == ALLOWED, label)
for kind in (134, 137):
    for to, receiver in (('ff02::1', '33:33:00:00:00:01'), (L['q'], M['q'])):
        for more in (b'', bytes([58, 0, 1, 4, 0, 0, 0, 0])):
            body = more + icmp6(L['p'], to, kind, 0, bytes(12) + TOKEN)
            one = frame(ip(L['p'], to, 60 if more else 58, body, 255), receiver, M['p'])
            check(bool(p.arrives([one], N['q'])) == (ALLOWED and kind == 134), 'type %d to %s' % (kind, to))
def query(group, to):
    body = icmp6(L['p'], to, 130, 0, struct.pack('!HH', 1, 0) + address(group) + TOKEN)
    alert = bytes([58, 0, 5, 2, 0, 0, 1, 0])
    return frame(ip(L['p'], to, 0, alert + body, 1), '33:33:00:00:00:%02x' % address(to)[-1], M['p'])
body = struct.pack('!BBHI', 0x11, 1, 0, 0) + TOKEN
igmp = ip(FOUR['p'], '224.0.0.1', 2, body[:2] + struct.pack('!H', checksum(body)) + body[4:], 1)
for label, one in (('MLD query', query('::', 'ff02::1')), ('IGMP query', frame(igmp, '01:00:5e:00:00:01', M['p']))):
    check(bool(p.arrives([one], N['q'])) == ALLOWED, label)
if not ALLOWED:
    p.send([query('ff02::1:ff00:11', 'ff02::5')] * 3)
    time.sleep(0.1)  # the bridge waits 1 ms for answers
    N['r'].shell('ip -6 neigh flush all')
    check('bytes from' in N['r'].shell('ping -6 -c 1 -W 5 ' + SIX['q']), 'others are not found after a query for a group')
";
    let h = up();
    attack(&format!("ALLOWED = False\n{script}"));
    let allowed = crate::FILE.replace(
        "p: { networks: { plain: { ",
        "p: { networks: { plain: { dhcp_server: true, router: true, ",
    );
    h.up(&allowed).ok();
    attack(&format!("ALLOWED = True\n{script}"));
}
