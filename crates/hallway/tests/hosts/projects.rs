//! Two projects on one host.

use hallway_testkit::{sh, try_sh};

use crate::{WEB, hallway, lan, read};

/// Nodes of one project reach published ports of the other by the host's addresses, as predicted.
pub(crate) fn one_reaches_what_the_other_publishes() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254; ip -6 route add default via fd00:1::254");
    let h = hallway();
    h.up(WEB).ok();
    let other = "
name: other
networks:
  more: { subnet: [172.21.0.0/24, fd21::/64] }
  closed: { subnet: 172.22.0.0/24, internal: true }
nodes: { client: { networks: [more] }, shut: { networks: [closed] } }
";
    h.up(other).ok();
    for (to, open) in [
        ("192.168.1.10:8080", true),
        ("[fd00:1::10]:8080", true),
        ("172.21.0.1:8080", true),
        ("[fd21::1]:8080", true),
        // The host's address on the other project's network, and the node's.
        ("172.20.0.1:8080", true),
        ("[fd20::1]:8080", true),
        ("172.20.0.1:80", false),
        ("172.20.0.2:80", false),
        ("172.20.0.255:8080", false),
    ] {
        let url = format!("http://{to}/");
        let path = h.run(&["-p", "other", "explain", "client", to]);
        if open {
            assert!(h.project("other").reads("client", &url), "{to}");
            assert_eq!(path.code, 0, "{}", path.out);
        } else {
            assert!(h.project("other").cannot_read("client", &url), "{to}");
            assert_eq!(path.code, 1, "{}", path.out);
        }
    }
    let path = h.run(&["-p", "other", "explain", "shut", "172.22.0.1:8080"]);
    assert_eq!(path.code, 1, "{}", path.out);
    assert!(
        h.project("other")
            .cannot_read("shut", "http://172.22.0.1:8080/")
    );
    let path = h.run(&["-p", "other", "explain", "client", "192.168.1.10:8081"]);
    assert_eq!(path.code, 1, "{}", path.out);
    // The publisher is on a network without a bridge.
    let routed = "
name: routed
networks: { r: { subnet: [10.4.0.0/24, fd04::/64], mode: routed } }
nodes: { ar: { networks: [r], ports: ['8083:80'], command: hallway serve 80, ready: 80/tcp } }
";
    h.up(routed).ok();
    for address in ["192.168.1.10", "[fd00:1::10]", "172.21.0.1"] {
        let to = format!("{address}:8083");
        let path = h.run(&["-p", "other", "explain", "client", &to]);
        assert_eq!(path.code, 0, "{}", path.out);
        let url = format!("http://{to}/");
        assert!(h.project("other").reads("client", &url), "{address}");
    }
}

/// Machines of an external network of one project, and the outside, reach published ports of another.
pub(crate) fn networks_of_others_reach_it_too() {
    lan(1, "eth0");
    sh("ip route add default via 192.168.1.254
        ip link add br0 type bridge; ip addr add 10.50.0.1/24 dev br0; ip link set br0 up");
    let h = hallway();
    h.up(WEB).ok();
    let other = "
name: other
networks: { lab: { external: true, bridge: br0 } }
nodes: { e: { networks: { lab: { address: 10.50.0.20 } } } }
";
    h.up(other).ok();
    let h = h.project("other");
    for (address, port, open) in [
        ("10.50.0.1", 8080, true),
        ("192.168.1.10", 8080, true),
        ("192.168.1.10", 8081, false),
        ("172.20.0.1", 8080, true),
        ("172.20.0.1", 80, false),
        ("172.20.0.2", 80, false),
    ] {
        let to = format!("{address}:{port}");
        let url = format!("http://{to}/");
        let path = h.run(&["explain", "e", &to]);
        assert_eq!(path.code == 0, open, "{}", path.out);
        match open {
            true => assert!(h.reads("e", &url), "{to}"),
            false => assert!(h.cannot_read("e", &url), "{to}"),
        }
        if address == "192.168.1.10" {
            let path = h.run(&["explain", "192.168.1.254", &to]);
            assert_eq!(path.code == 0, open, "{}", path.out);
            assert_eq!(try_sh(&read(1, &url, 2)).is_ok(), open, "{to}");
        }
    }
}

/// A port that another project publishes is refused in every form, also where no program listens for it.
pub(crate) fn one_port_is_not_published_by_two() {
    lan(1, "eth0");
    sh("ip addr add 192.168.1.11/24 dev eth0");
    let h = hallway();
    let project = |name: &str, number: u8, port: &str| {
        format!(
            "name: {name}\nnetworks: {{ n{name}: {{ subnet: [172.2{number}.0.0/24, \"fd2{number}::/64\"] }} }}\nnodes: {{ {name}: {{ networks: [n{name}], ports: [\"{port}\"] }} }}\n"
        )
    };
    let p = |port: &str| project("p", 0, port);
    let q = |port: &str| project("q", 1, port);
    for (theirs, own, named) in [
        ("192.168.1.10:443:443", "192.168.1.10:443:443", "443/tcp"),
        ("192.168.1.10:443:443", "443:443", "443/tcp"),
        ("443:443", "192.168.1.10:443:443", "443/tcp"),
        ("[fd00:1::10]:443:443", "[fd00:1::10]:443:443", "443/tcp"),
        ("192.168.1.10:53:53/udp", "192.168.1.10:53:53/udp", "53/udp"),
        ("38412:38412/sctp", "38412:38412/sctp", "38412/sctp"),
        ("30000-36000:30000-36000", "30001:443", "30001/tcp"),
        ("30001:443", "30000-36000:30000-36000", "30001/tcp"),
        ("443:443", "443:443", "443/tcp"),
        ("192.168.1.10:443:443", "192.168.1.11:443:443", ""),
        ("192.168.1.10:443:443", "[fd00:1::10]:443:443", ""),
        ("192.168.1.10:443:443", "192.168.1.10:443:443/udp", ""),
    ] {
        h.up(&p(theirs)).ok();
        let up = h.up(&q(own));
        if named.is_empty() {
            up.ok();
            // The same once more is not refused.
            h.up(&q(own)).ok();
            h.run(&["down", "-p", "q"]).exits(0);
        } else {
            let said = format!("port {named} is published by project p already");
            assert_ne!(up.code, 0, "{theirs} {own}");
            assert!(up.err.contains("error[port-in-use]"), "{}", up.err);
            assert!(up.err.contains(&said), "{theirs} {own}: {}", up.err);
        }
        h.run(&["down", "-p", "p"]).exits(0);
        if !named.is_empty() {
            // Nor is one of a project that is down.
            h.up(&q(own)).ok();
            h.run(&["down", "-p", "q"]).exits(0);
        }
    }
    h.up(&p("192.168.1.10:443:443")).ok();
    h.up(&q("444:443")).ok();
    let port = "192.168.1.10:443:443";
    let publish = h.run(&["-p", "q", "publish", "q", port]);
    assert_ne!(publish.code, 0, "{}", publish.out);
    let said = "port 443/tcp is published by project p already";
    assert!(publish.err.contains(said), "{}", publish.err);
    // A node that is added alone is not built with the others.
    let add = [
        "-p",
        "q",
        "node",
        "add",
        "w",
        "--network",
        "nq",
        "--publish",
        port,
    ];
    let add = h.run(&add);
    assert_ne!(add.code, 0, "{}", add.out);
    assert!(add.err.contains(said), "{}", add.err);
}

/// Listens as its arguments say: the protocol, an address, a port, and a link or `freebind`.
const LISTEN: &str = "import socket, sys, time
kind, address, port, *more = sys.argv[1:]
v6 = ':' in address
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if v6: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
if more == ['freebind']: s.setsockopt(socket.IPPROTO_IP, 15, 1)
elif more: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, more[0].encode())
s.bind((address, int(port)))
if kind == 'tcp': s.listen()
print('ready', flush=True)
time.sleep(1000)
";

/// A program that listens, once it does.
fn listening(program: &str) -> std::process::Child {
    let mut child = std::process::Command::new("python3")
        .arg("/run/listen.py")
        .args(program.split(' '))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(child.stdout.as_mut().unwrap()),
        &mut line,
    )
    .unwrap();
    assert_eq!(line, "ready\n", "{program}");
    child
}

/// A program of the host that begins to listen on a published port gets nothing: `up` and `status` name it.
pub(super) fn programs_that_listen_later_are_named() {
    let h = hallway();
    lan(1, "up0");
    lan(2, "other0");
    let ports = r#"["8080:80", "5353:53/udp", "40000:53/udp", "7000-7100:7000-7100", "192.168.1.10:9000:80"]"#;
    let text = format!(
        "name: p\nnetworks: {{ n: {{ subnet: 172.20.0.0/24 }} }}\nnodes: {{ a: {{ networks: [n], ports: {ports}, command: hallway serve 80 53/udp, ready: 80/tcp }} }}\n"
    );
    std::fs::write("/run/p.yaml", text).unwrap();
    h.run(&["up", "/run/p.yaml"]).exits(0);
    std::fs::write("/run/listen.py", LISTEN).unwrap();
    for (program, named) in [
        ("tcp 192.168.1.10 8080", true),
        ("tcp 172.20.0.1 8080", true),
        ("tcp 192.168.1.10 7050", true),
        ("udp 192.168.1.10 5353", true),
        // Nothing that is published gets to these addresses, or they share the port.
        ("tcp 127.0.0.5 8080", false),
        ("tcp 192.168.1.10 8081", false),
        ("udp 224.0.0.251 5353", false),
        ("udp 192.168.1.10 40000", false),
        ("tcp :: 9000", false),
        ("tcp 0.0.0.0 9000", true),
        ("tcp 0.0.0.0 9000 up0", true),
        ("tcp 192.168.2.10 8080 other0", true),
        // No packets come there: a broadcast address, one that no link has, and another link.
        ("udp 192.168.1.255 5353", false),
        ("udp 255.255.255.255 5353", false),
        ("tcp 198.51.100.77 8080 freebind", false),
        ("tcp 0.0.0.0 9000 other0", false),
    ] {
        let mut child = listening(program);
        let words: Vec<&str> = program.split(' ').collect();
        let clause = match program.contains(" 9000") {
            true => "it is published at 192.168.1.10: packets to that address go to the node alone",
            false => "packets to addresses where it is published go to the node alone",
        };
        let said = format!(
            "python3 (process {}) listens on port {}:{}/{}: {clause}",
            child.id(),
            words[1],
            words[2],
            words[0],
        );
        let up = h.run(&["up", "/run/p.yaml"]).exits(0);
        assert_eq!(up.err.contains(&said), named, "{program}: {}", up.err);
        if !named && !program.contains("40000") {
            // Nor does it prevent that the port is published.
            h.run(&["down", "/run/p.yaml"]).exits(0);
            h.run(&["up", "/run/p.yaml"]).exits(0);
        }
        let code = if named { 3 } else { 0 };
        let status = h.run(&["status", "--exit-code"]).exits(code);
        assert_eq!(
            status.out.contains(&said),
            named,
            "{program}: {}",
            status.out
        );
        child.kill().unwrap();
        child.wait().unwrap();
        h.run(&["status", "--exit-code"]).exits(0);
    }
    h.run(&["down", "/run/p.yaml"]).exits(0);
}
