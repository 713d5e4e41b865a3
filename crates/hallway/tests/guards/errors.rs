//! ICMP errors, which lower a path's MTU or end a connection.

use crate::{attack, up};

/// Errors about connections of others, of every type, directly and through the host, with and
/// without translated addresses.
pub(crate) fn icmp_errors_come_from_those_concerned_alone() {
    let _h = up();
    attack(
        "
def connect(x, to, port):
    s = N[x].socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(LIMIT)
    s.connect((to, port))
    return s, s.getsockname()[1]
c4, p4 = connect('a', FOUR['d'], 3306)
c6, p6 = connect('a', SIX['d'], 3306)
o4, q4 = connect('q', FOUR['visitor'], 80)
m4, m4p = connect('q', FOUR['r'], 80)
m6, m6p = connect('q', SIX['r'], 80)
entry = next(line for line in shell('conntrack -L -p tcp').splitlines() if 'dst=' + FOUR['visitor'] in line)
public, translated = [w.split('=')[1] for w in entry.split() if w.startswith('dst=')][1], int([w.split('=')[1] for w in entry.split() if w.startswith('dport=')][1])
def quote(source, to, source_port, port): return ip(source, to, 6, tcp(source, to, source_port, port, 0x10, TOKEN))
cases = [
    ('a → d', 'a', FOUR['a'], quote(FOUR['a'], FOUR['d'], p4, 3306)),
    ('d → a', 'd', FOUR['d'], quote(FOUR['d'], FOUR['a'], 3306, p4)),
    ('a → d, IPv6', 'a', SIX['a'], quote(SIX['a'], SIX['d'], p6, 3306)),
    ('q → visitor', 'q', public, quote(public, FOUR['visitor'], translated, 80)),
    ('q → r', 'q', FOUR['q'], quote(FOUR['q'], FOUR['r'], m4p, 80)),
    ('q → r, IPv6', 'q', SIX['q'], quote(SIX['q'], SIX['r'], m6p, 80)),
]
for attacker in ('p', 'c', 'e', 's'):
    s = sender(attacker)
    for label, victim, to, quoted in cases:
        own = SIX[attacker] if ':' in to else FOUR[attacker]
        same = BRIDGE[victim] == BRIDGE[attacker] if victim in BRIDGE else False
        for kind in ((1, 2, 3, 4, 100, 127) if ':' in to else (3, 4, 5, 11, 12)):
            one = frame(error(own, to, quoted, kind), M[victim] if same else BRIDGE[attacker], M[attacker])
            check(not s.arrives([one], N[victim]), '%s about %s, type %d' % (attacker, label, kind))
            # The same in two fragments, of which the first ends before the quoted addresses.
            if ':' not in to:
                body = error(own, to, quoted, kind)[20:]
                def piece(data, offset, more):
                    whole = ip(own, to, 1, data)
                    whole = whole[:6] + struct.pack('!H', more << 13 | offset) + whole[8:]
                    head = whole[:10] + b'\\0\\0' + whole[12:20]
                    return whole[:10] + struct.pack('!H', checksum(head)) + whole[12:]
                first, second = piece(body[:8], 0, 1), piece(body[8:], 1, 0)
                receiver = M[victim] if same else BRIDGE[attacker]
                s.send([frame(first, receiver, M[attacker]), frame(second, receiver, M[attacker])])
route = N['q'].shell('ip route get ' + FOUR['visitor']) + N['a'].shell('ip route get ' + FOUR['d'])
check('mtu' not in route, route)
",
    );
}

/// The receiver of a packet may report an error; the host, that the packet is too large.
pub(crate) fn icmp_errors_of_those_concerned_arrive() {
    let h = up();
    attack(
        "
def refused(x, to, port):
    s = N[x].socket(socket.AF_INET6 if ':' in to else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(LIMIT)
    s.connect((to, port) if '%' not in to else (to.split('%')[0], port, 0, int(N[x].shell('ip -o link show eth0').split(':')[0])))
    s.send(b'x')
    try: s.recv(9)
    except ConnectionRefusedError: return True
    except OSError as e: return e
    return False
for x, to in (('p', FOUR['q']), ('p', SIX['q']), ('a', FOUR['c']), ('a', SIX['c']), ('p', L['q'] + '%eth0'), ('q', FOUR['visitor']), ('q', SIX['visitor']), ('s', FOUR['visitor'])):
    check(refused(x, to, 9) is True, '%s is not told that %s refuses' % (x, to))
",
    );
    drop(h);
}

/// A sender outside that is not on the path of a connection to a published port cannot end it, nor
/// change its route. An error that a packet was too large may come from any sender.
pub(crate) fn icmp_errors_from_outside_about_published_ports() {
    let h = up();
    let file = crate::FILE.replace(
        "  visitor:",
        "  other: { networks: { world: { address: [203.0.113.8, 2001:db8::8] } } }\n  visitor:",
    );
    h.up(&file).ok();
    attack(
        "
N['other'] = Node('other')
TOO_LARGE = [(3, 4), (2, 0)]
for version, host, own in ((4, '203.0.113.1', '203.0.113.8'), (6, '2001:db8::1', '2001:db8::8')):
    client = N['visitor'].socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_STREAM)
    client.settimeout(LIMIT); client.connect((host, 8080))
    visitor = client.getsockname()
    quoted = ip(host, visitor[0], 6, tcp(host, visitor[0], 8080, visitor[1], 0x10, TOKEN))
    s = Sender(N['other'], '203.0.113.8', '203.0.113.1', mac_of('br-world'))
    kinds = [(3, code) for code in range(16)] + [(4, 0), (5, 0), (5, 1), (11, 0), (11, 1), (12, 0)]
    if version == 6: kinds = [(1, code) for code in range(8)] + [(2, 0), (3, 0), (3, 1), (4, 0), (4, 2), (100, 0), (127, 0)]
    for kind, code in kinds:
        rest = struct.pack('!I', 1280)
        body = icmp(kind, code, rest + quoted) if version == 4 else icmp6(own, host, kind, code, rest + quoted)
        one = frame(ip(own, host, 1 if version == 4 else 58, body), mac_of('br-world'), N['other'].mac)
        passes = bool(s.arrives([one], N['b']))
        check(passes == ((kind, code) in TOO_LARGE), 'IPv%d type %d code %d: %s' % (version, kind, code, passes))
    client.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
    check(client.recv(99).startswith(b'HTTP'), 'the connection goes on')
",
    );
}

/// The kernel gives an error about a packet with a routing header to the socket of the last address in it. And a
/// node of a routed network that sends without an address has no part in anything.
pub(crate) fn icmp_errors_about_further_destinations() {
    let _h = up();
    attack(
        "
N['host'] = Node(None, 'lo')
def listener(x):
    s = N[x].socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind(('::', 5300))
    return s
servers = {x: listener(x) for x in ('r', 'p')}
def routing(to): return lambda then: (43, struct.pack('!BBBBI', then, 2, 4, 0, 0) + address(to))
def options(kind): return lambda then: (kind, struct.pack('!BBBBI', then, 0, 1, 4, 0))
def fragment(then): return 44, struct.pack('!BBHI', then, 0, 0, 7)
def quote(source, to, port, headers):
    kind, body = 17, udp(source, to, port, 5300, TOKEN)
    for header in reversed(headers):
        kind, head = header(kind)
        body = head + body
    return ip(source, to, kind, body)
def told(victim, peer, attacker, own, quoted_to, headers):
    s = N[victim].socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.connect((SIX[peer], 5300))
    s.send(b'x')
    me, port = s.getsockname()[:2]
    if attacker in servers:
        servers[attacker].sendto(b'x', (me, port))  # so that connection tracking knows a connection of both
    forged = quote(me, quoted_to or me, port, headers)
    same = victim != 'host' and BRIDGE[victim] == BRIDGE[attacker]
    to = M[victim] if same else BRIDGE[attacker]
    sender(attacker).send([frame(ip(own, me, 58, icmp6(own, me, 1, 4, struct.pack('!I', 0) + forged)), to, M[attacker])])
    s.setblocking(False)
    try: s.recv(9)
    except BlockingIOError: return False
    except ConnectionRefusedError: return True
    finally: s.close()
kinds = [[], [routing], [options(0), routing], [options(60), routing], [fragment, routing]]
def made(kinds, last): return [kind(last) if kind is routing else kind for kind in kinds]
# The receiver itself is believed.
check(told('q', 'r', 'r', SIX['r'], SIX['r'], []), 'r about q → r')
check(told('q', 'r', 'r', SIX['r'], SIX['r'], [fragment]), 'r about q → r, in fragments')
check(told('host', 'p', 'p', SIX['p'], SIX['p'], []), 'p about the host → p')
for headers in kinds:
    check(not told('q', 'r', 'p', SIX['p'], SIX['p'], made(headers, SIX['r'])), 'p about q → r, headers %d' % kinds.index(headers))
    check(not told('host', 'p', 's', SIX['s'], SIX['s'], made(headers, SIX['p'])), 's about the host → p, headers %d' % kinds.index(headers))
    check(not told('host', 'p', 's', '::', SIX['p'] if not headers else SIX['s'], made(headers, SIX['p'])), 's without an address about the host → p, headers %d' % kinds.index(headers))
",
    );
}
