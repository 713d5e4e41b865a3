//! The host's own connections and programs.

use std::net::TcpListener;

use crate::{attack, up};
use hallway_testkit::{Hallway, sh, try_sh, wait_for};

/// Directly to the node, by a published port, and by localhost.
pub(crate) fn a_deny_ends_connections_of_the_host() {
    let h = up();
    let denied = crate::FILE.replace(
        "policies:\n",
        "policies:\n  - { action: deny, from: host, to: b }\n",
    );
    std::fs::write("/run/up.hallway.yaml", denied).unwrap();
    let program = env!("CARGO_BIN_EXE_hallway");
    attack(&format!(
        "
os.environ['HALLWAY_STATE_DIR'] = '/run/state'
got = set()
def serve(kind, family):
    s = N['b'].socket(family, kind)
    if family == socket.AF_INET6: s.setsockopt(41, 26, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('', 7000))
    def each(c):
        while True:
            try: data = c.recv(99)
            except OSError: return
            if not data: return
            got.add(data); c.sendall(data)
    def run():
        if kind == socket.SOCK_STREAM:
            s.listen()
            while True: threading.Thread(target=each, args=(s.accept()[0],), daemon=True).start()
        while True:
            data, peer = s.recvfrom(99); got.add(data); s.sendto(data, peer)
    threading.Thread(target=run, daemon=True).start()
T, U, I4, I6 = socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.AF_INET, socket.AF_INET6
for kind in (T, U):
    for family in (I4, I6): serve(kind, family)
open_ = {{}}
for kind, name in ((T, 'tcp'), (U, 'udp')):
    for label, family, to, port in (('node', I4, FOUR['b'], 7000), ('node 6', I6, SIX['b'], 7000), ('published', I4, '10.9.0.1', 7070), ('published 6', I6, 'fd09::1', 7070), ('localhost', I4, '127.0.0.1', 7070)):
        s = socket.socket(family, kind); s.settimeout(LIMIT); s.connect((to, port)); open_[label, name] = s
def passes(key, text, limit):
    s, text = open_[key], ('%s %s' % (key, text)).encode()
    try: s.send(text)
    except OSError: return False
    s.settimeout(limit)
    try: return s.recv(99) == text or text in got
    except OSError: return text in got
for key in open_: check(passes(key, 'before', LIMIT), '%s does not work before' % (key,))
done = subprocess.run(['{program}', '--host', 'up', '/run/up.hallway.yaml'], capture_output=True, text=True)
check(done.returncode == 0, done.stderr)
for key in open_: check(not passes(key, 'after', 1), '%s goes on' % (key,))
"
    ));
    drop(h);
}

/// Traffic from the server, which the policies allow, does not let the client continue either.
pub(crate) fn a_deny_ends_connections_whose_server_sends() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let both = "policies:\n  - { between: [c, e] }\n";
    let allowed = crate::FILE.replace("policies:\n", both);
    h.up(&allowed).ok();
    let deny = "policies:\n  - { action: deny, from: c, to: [b, e] }\n";
    let denied = allowed.replace("policies:\n", deny);
    std::fs::write("/run/up.hallway.yaml", denied).unwrap();
    let program = env!("CARGO_BIN_EXE_hallway");
    attack(&format!(
        "
os.environ['HALLWAY_STATE_DIR'] = '/run/state'
I4, I6 = socket.AF_INET, socket.AF_INET6
def connected(server, family, to):
    listener = N[server].socket(family, socket.SOCK_STREAM)
    listener.bind((to, 7100)); listener.listen()
    client = N['c'].socket(family, socket.SOCK_STREAM); client.settimeout(LIMIT)
    client.connect((to, 7100))
    return client, listener.accept()[0]
pairs = {{(to, family): connected(to, family, names[to]) for to in 'be' for family, names in ((I4, FOUR), (I6, SIX))}}
def arrives(sender, receiver, limit):
    try: sender.sendall(b'x')
    except OSError: return False
    receiver.settimeout(limit)
    try: return receiver.recv(99) != b''
    except OSError: return False
for key, (client, server) in pairs.items():
    check(arrives(client, server, LIMIT) and arrives(server, client, LIMIT), '%s does not work before' % (key,))
done = subprocess.run(['{program}', '--host', 'up', '/run/up.hallway.yaml'], capture_output=True, text=True)
check(done.returncode == 0, done.stderr)
for key, (client, server) in pairs.items():
    check(not arrives(server, client, 1), '%s: the server goes on' % (key,))
    check(not arrives(client, server, 1), '%s: the client goes on' % (key,))
"
    ));
    drop(h);
}

/// A network that loses its route to the outside loses its connections to the outside, too.
pub(crate) fn a_network_that_becomes_internal_loses_its_connections() {
    let h = up();
    let out = "import socket, time
s = socket.create_connection(('203.0.113.9', 80)); s.settimeout(60)
try: s.recv(1)
except OSError: pass";
    std::fs::write("/run/out.py", out).unwrap();
    let mut client = h.start(&["exec", "q", "--", "python3", "/run/out.py"]);
    let known =
        || try_sh("conntrack -L -f ipv4 -s 10.8.0.11 2>/dev/null | grep ESTABLISHED").is_ok();
    wait_for("the connection to begin", known);
    let internal = crate::FILE.replace("fd08::/64] }", "fd08::/64], internal: true }");
    h.up(&internal).ok();
    assert!(!known());
    client.kill().unwrap();
    client.wait().unwrap();
}

/// Also one that listens on only one address of the host.
pub(crate) fn a_port_that_a_program_has_is_not_published() {
    sh("ip link add up0 type veth peer name up1; ip link set up0 up
        ip addr add 198.51.100.1/24 dev up0; ip -6 addr add 2001:db8:f::1/64 dev up0 nodad");
    let h = hallway_testkit::Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let file = |port: &str, subnet: &str| {
        format!(
            "networks: {{ n: {{ subnet: {subnet} }} }}\nnodes: {{ a: {{ networks: [n], ports: ['{port}'] }} }}\n"
        )
    };
    let one = TcpListener::bind("198.51.100.1:0").unwrap();
    let port = one.local_addr().unwrap().port();
    let said = format!("port {port}/tcp of 198.51.100.1 is in use by ");
    let own = std::process::id().to_string();
    for publish in [format!("{port}:80"), format!("198.51.100.1:{port}:80")] {
        let ran = h.up(&file(&publish, "10.1.0.0/24")).exits(2).says(&said);
        assert!(ran.err.contains(&own), "{}", ran.err);
        assert!(
            !sh("nft list ruleset").contains("hallway"),
            "nothing was built"
        );
    }
    let udp = std::net::UdpSocket::bind("198.51.100.1:0").unwrap();
    let number = udp.local_addr().unwrap().port();
    h.up(&file(&format!("{number}:53/udp"), "10.1.0.0/24"))
        .exits(2)
        .says(&format!("port {number}/udp of 198.51.100.1 is in use by"));
    // With a peer it receives only packets of that one, which `up` would take. Not a port that programs get
    // for connections: there both share the port.
    udp.connect("198.51.100.66:99").unwrap();
    let shared = |port: u16| (32768..61000).contains(&port);
    assert!(shared(number), "the kernel gave port {number}");
    h.up(&file(&format!("{number}:53/udp"), "10.1.0.0/24")).ok();
    h.ok("down");
    let low = std::net::UdpSocket::bind("198.51.100.1:5353").unwrap();
    low.connect("198.51.100.66:99").unwrap();
    h.up(&file("5353:53/udp", "10.1.0.0/24"))
        .exits(2)
        .says("port 5353/udp of 198.51.100.1 is in use by")
        .says(&own);
    h.up("networks: { n: { subnet: 10.1.0.0/24 } }\n").ok();
    h.run(&[
        "node",
        "add",
        "w",
        "--network",
        "n",
        "--publish",
        "5353:53/udp",
    ])
    .exits(2)
    .says("port 5353/udp of 198.51.100.1 is in use by");
    h.ok("down");
    let six = TcpListener::bind("[2001:db8:f::1]:0").unwrap();
    let other = six.local_addr().unwrap().port();
    h.up(&file(&format!("{other}:80"), "'fd01::/64'"))
        .exits(2)
        .says("is in use by");
    // Not a listener on another address, or of another IP version.
    h.up(&file(&format!("{other}:80"), "10.1.0.0/24")).ok();
    h.up(&file(&format!("203.0.113.1:{port}:80"), "10.1.0.0/24"))
        .ok();
    h.ok("down");
    drop((one, udp, low, six));
}

/// A range of published ports takes over no connection that a program of the host has from one of them,
/// also one that the kernel did not track before.
pub(crate) fn connections_of_the_host_stay_with_its_programs() {
    sh(
        "ip netns add peer; ip link add up0 type veth peer name eth0 netns peer; ip link set up0 up
        ip addr add 198.51.100.1/24 dev up0; ip -n peer addr add 198.51.100.9/24 dev eth0
        ip -n peer link set eth0 up; ip -n peer link set lo up",
    );
    let echo = "import socket,threading
t=socket.socket(); t.bind(('198.51.100.9',0)); t.listen(1)
u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.bind(('198.51.100.9',0))
print(t.getsockname()[1],u.getsockname()[1],flush=True)
c,_=t.accept(); d,a=u.recvfrom(9); u.sendto(d,a); c.sendall(c.recv(9))
input(); c.sendall(b'late'); u.sendto(b'late',a); input()";
    let mut peer = std::process::Command::new("ip")
        .args(["netns", "exec", "peer", "python3", "-c", echo])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut out = std::io::BufReader::new(peer.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut line).unwrap();
    let ports: Vec<u16> = line.split(' ').map(|p| p.trim().parse().unwrap()).collect();
    let mut tcp = std::net::TcpStream::connect(("198.51.100.9", ports[0])).unwrap();
    let udp = std::net::UdpSocket::bind("198.51.100.1:0").unwrap();
    udp.connect(("198.51.100.9", ports[1])).unwrap();
    let limit = Some(std::time::Duration::from_secs(5) * hallway_testkit::patience());
    tcp.set_read_timeout(limit).unwrap();
    udp.set_read_timeout(limit).unwrap();
    let mut bytes = [0; 9];
    udp.send(b"x").unwrap();
    udp.recv(&mut bytes).unwrap();
    std::io::Write::write_all(&mut tcp, b"x").unwrap();
    std::io::Read::read(&mut tcp, &mut bytes).unwrap();
    let own = [
        tcp.local_addr().unwrap().port(),
        udp.local_addr().unwrap().port(),
    ];
    let range = format!("{}-65000", own.iter().min().unwrap());
    let h = hallway_testkit::Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    h.up(&format!(
        "networks: {{ n: {{ subnet: 10.1.0.0/24 }} }}\nnodes: {{ a: {{ networks: [n], ports: ['{range}:{range}', '{range}:{range}/udp'] }} }}\n"
    ))
    .ok();
    let input = peer.stdin.as_mut().unwrap();
    std::io::Write::write_all(input, b"\n").unwrap();
    let got = std::io::Read::read(&mut tcp, &mut bytes).unwrap();
    assert_eq!(&bytes[..got], b"late");
    let got = udp.recv(&mut bytes).unwrap();
    assert_eq!(&bytes[..got], b"late");
    drop(peer.stdin.take());
    peer.wait().unwrap();
    h.ok("down");
}
