//! Published ports: every path to one, and changes of them.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, sh, try_sh, wait_for};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

const TWO_ADDRESSES: &str = "
networks:
  apps: { subnet: [10.9.0.0/24, fd09::/64] }
  world: { subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }
nodes:
  web:
    networks: { apps: { address: [10.9.0.10, fd09::10] } }
    ports: [\"203.0.113.1:8443:443\", \"127.0.0.1:9000:80\", \"[2001:db8::1]:8444:443\", \"7000-7010:7000-7010\"]
    command: hallway serve 443 80 7000 7005 7010
    ready: [443/tcp, 80/tcp, 7000/tcp, 7005/tcp, 7010/tcp]
  visitor: { networks: { world: { address: [203.0.113.9, 2001:db8::9] } } }
";

fn on_one_address_of_the_host_only() {
    let h = hallway();
    h.up(TWO_ADDRESSES).ok();
    assert!(h.reads("visitor", "http://203.0.113.1:8443/"));
    assert!(
        h.cannot_read("visitor", "http://[2001:db8::1]:8443/"),
        "published on the IPv4 address alone"
    );
    assert!(h.reads("visitor", "http://[2001:db8::1]:8444/"));
    assert!(h.cannot_read("visitor", "http://203.0.113.1:8444/"));
    sh("curl -s -m 30 http://127.0.0.1:9000/");
    assert!(
        h.cannot_read("visitor", "http://203.0.113.1:9000/"),
        "published on localhost alone"
    );
    assert!(h.cannot_read("web", "http://10.9.0.1:9000/"));
    assert!(
        try_sh("curl -s -m 2 http://127.0.0.1:8443/").is_err(),
        "published on 203.0.113.1 alone"
    );
    for port in [7000, 7005, 7010] {
        assert!(h.reads("visitor", &format!("http://203.0.113.1:{port}/")));
        sh(&format!("curl -s -g -m 30 http://[::1]:{port}/"));
    }
    assert!(h.cannot_read("visitor", "http://203.0.113.1:7011/"));
}

const TWO_NETWORKS: &str = "
networks:
  front: { subnet: [10.113.0.0/24, \"fd13::/64\"] }
  back: { subnet: [10.114.0.0/24, \"fd14::/64\"] }
nodes:
  dns: { networks: [front, back], ports: [\"15053:53/udp\", \"15080:80\"], command: hallway serve 53/udp 80, ready: [53/udp, 80/tcp] }
  app: { networks: [back] }
expect:
  - { from: app, to: host, port: 15053/udp }
  - { from: dns, to: host, port: 15053/udp }
";

/// A node sends a datagram, and gets an answer from the address that it sent it to.
#[track_caller]
fn requests_by_udp(h: &Hallway, node: &str, address: &str, port: u16) {
    const ASK: &str = "import socket, sys; family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET; s = socket.socket(family, socket.SOCK_DGRAM); s.settimeout(30); s.connect((sys.argv[1], int(sys.argv[2]))); s.send(b'x'); print(s.recv(99))";
    let port = port.to_string();
    h.run(&["exec", node, "--", "python3", "-c", ASK, address, &port])
        .exits(0);
}

/// An address as URLs have it (RFC 3986, section 3.2.2).
fn in_url(address: &str) -> String {
    match address.contains(':') {
        true => format!("[{address}]"),
        false => address.to_owned(),
    }
}

/// A client that is on another network of the publisher, and the publisher itself: the node reaches
/// both without the host.
fn answered_from_the_address_that_was_asked() {
    let h = hallway().project("p");
    for hooks in ["0", "1"] {
        sh(&format!(
            "for f in /proc/sys/net/bridge/bridge-nf-call-ip*tables; do [ -e $f ] && echo {hooks} > $f; done; true"
        ));
        h.up(TWO_NETWORKS).ok();
        for node in ["app", "dns"] {
            for gateway in ["10.113.0.1", "10.114.0.1", "fd13::1", "fd14::1"] {
                requests_by_udp(&h, node, gateway, 15053);
                let host = in_url(gateway);
                assert!(
                    h.reads(node, &format!("http://{host}:15080/")),
                    "{node} {host}"
                );
                let trace = h
                    .run(&["trace", node, &format!("{host}:15053/udp")])
                    .exits(0);
                assert!(!trace.out.contains("differs"), "{}", trace.out);
            }
        }
        h.run(&["test", "/run/up.hallway.yaml"]).exits(0);
        h.ok("down");
    }
}

/// The same of a client on none of the node's networks: the reply to UDP must not take the default route.
fn a_distant_client_is_answered_from_the_address_asked() {
    let h = hallway().project("p");
    let text = "networks: { a: { subnet: [10.115.0.0/24, \"fd15::/64\"] }, b: { subnet: [10.116.0.0/24, \"fd16::/64\"] }, far: { subnet: [10.117.0.0/24, \"fd17::/64\"] } }
nodes:
  dns: { networks: [a, b], command: hallway serve 53/udp 80, ready: [53/udp, 80/tcp] }
  app: { networks: [far] }
policies: [ { from: app, to: dns } ]
";
    h.up(text).ok();
    for address in ["10.115.0.2", "10.116.0.2", "fd15::2", "fd16::2"] {
        requests_by_udp(&h, "app", address, 53);
        let host = in_url(address);
        for service in [":53/udp", ":80"] {
            let traced = h.run(&["trace", "app", &format!("{host}{service}")]);
            assert!(!traced.exits(0).out.contains("differs"), "{host}{service}");
        }
    }
    h.ok("down");
    // One of the networks is internal, and a policy names the node, or that network.
    let text = text.replace(" a: {", " a: { internal: true,");
    for to in ["dns", "[dns, a]"] {
        h.up(&text.replace("to: dns", &format!("to: {to}"))).ok();
        for address in ["10.115.0.2", "10.116.0.2", "fd15::2", "fd16::2"] {
            requests_by_udp(&h, "app", address, 53);
            assert!(h.reads("app", &format!("http://{}/", in_url(address))));
            let traced = h.run(&["trace", "app", &format!("{}:53/udp", in_url(address))]);
            assert!(!traced.exits(0).out.contains("differs"), "{to} {address}");
        }
        h.ok("down");
    }
}

/// The same of a client that sends straight to the node's address on the network it is not on, and
/// of networks without a bridge.
fn a_second_address_is_answered_from() {
    let h = hallway().project("p");
    for (front, back) in [("", ""), (", mode: routed", ""), ("", ", mode: routed")] {
        let text = TWO_NETWORKS
            .replace("\"fd13::/64\"]", &format!("\"fd13::/64\"]{front}"))
            .replace("\"fd14::/64\"]", &format!("\"fd14::/64\"]{back}"))
            .replace("networks: [front, back]", "networks: { front: { address: [10.113.0.9, \"fd13::9\"] }, back: { address: [10.114.0.9, \"fd14::9\"] } }")
            .replace("expect:", "policies: [ { from: back, to: front } ]\nexpect:");
        h.up(&text).ok();
        for address in ["10.113.0.9", "10.114.0.9", "fd13::9", "fd14::9"] {
            requests_by_udp(&h, "app", address, 53);
            let host = in_url(address);
            assert!(h.reads("app", &format!("http://{host}/")), "{host}");
            for service in ["", ":53/udp", ":80"] {
                let traced = h.run(&["trace", "app", &format!("{host}{service}")]);
                assert!(!traced.exits(0).out.contains("differs"), "{host}{service}");
            }
        }
        h.ok("down");
    }
}

/// Listeners on localhost pass on streams of bytes and datagrams.
fn sctp_is_not_served_on_localhost() {
    let h = hallway().project("p");
    let file = |port: &str| {
        format!(
            "networks: {{ a: {{ subnet: 10.9.0.0/24 }} }}\nnodes: {{ x: {{ networks: [a], ports: [\"{port}\"] }} }}\n"
        )
    };
    h.up(&file("127.0.0.1:38412:38412/sctp"))
        .exits(2)
        .says("sctp cannot be published on 127.0.0.1");
    let up = h.up(&file("38412:38412/sctp")).exits(0);
    assert_eq!(
        up.err.matches("is not served on localhost").count(),
        1,
        "{}",
        up.err
    );
    let tested = h.run(&["test"]);
    assert!(!tested.err.contains("localhost"), "{}", tested.err);
    h.ok("down");
}

fn on_and_off_while_it_runs() {
    let h = hallway().project("p");
    let before = Snapshot::take();
    h.ok("network add apps --subnet 10.9.0.0/24");
    h.ok("network add world --subnet 203.0.113.0/24 --outside");
    h.ok("node add web --network apps=10.9.0.10 --ready 80/tcp --ready 81/tcp --ready 53/udp -- hallway serve 80 81 53/udp");
    h.ok("node add visitor --network world=203.0.113.9");
    assert!(h.cannot_read("visitor", "http://203.0.113.1:8080/"));
    h.ok("publish web 8080:80");
    h.ok("publish web 8081:81");
    assert!(h.reads("visitor", "http://203.0.113.1:8080/"));
    sh("curl -s -m 30 http://127.0.0.1:8080/");
    h.ok("unpublish web 8080:80");
    assert!(h.cannot_read("visitor", "http://203.0.113.1:8080/"));
    assert!(try_sh("curl -s -m 2 http://127.0.0.1:8080/").is_err());
    assert!(
        h.reads("visitor", "http://203.0.113.1:8081/"),
        "the other one stays"
    );
    let _now_mine = std::net::TcpListener::bind("0.0.0.0:8080").unwrap();
    h.run(&["publish", "web", "8080:80"])
        .exits(2)
        .says("8080/tcp");
    h.ok("down");
    before.unchanged();
}

/// A client that sends again from the same port gets the new state immediately: no old conntrack
/// entry leads to the former node.
fn udp_from_one_port_follows_the_change() {
    let h = hallway().project("p");
    h.ok("network add apps --subnet 10.9.0.0/24");
    h.ok("network add world --subnet 203.0.113.0/24 --outside");
    h.ok("node add one --network apps=10.9.0.10 --ready 53/udp -- hallway serve 53/udp");
    h.ok("node add two --network apps=10.9.0.11 --ready 53/udp -- hallway serve 53/udp");
    h.ok("node add visitor --network world=203.0.113.9");
    let ask = "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('',40000)); s.settimeout(5); s.sendto(b'x', ('203.0.113.1', 5353)); print(s.recv(99).decode())";
    let answer = |h: &Hallway| h.run(&["exec", "visitor", "--", "python3", "-c", ask]);
    assert_ne!(answer(&h).code, 0, "nothing published");
    h.ok("publish one 5353:53/udp");
    assert!(answer(&h).ok().starts_with("one answers"));
    h.run(&["unpublish", "one", "5353"]).exits(2);
    // The host's port alone is enough, if one entry publishes it.
    h.ok("unpublish one 5353/udp");
    h.ok("publish two 5353:53/udp");
    assert!(answer(&h).ok().starts_with("two answers"));
}

/// Large transfers, half-closed connections and a missing server, through the forwarder of
/// localhost.
fn localhost_is_forwarded_unchanged() {
    let h = hallway();
    h.up("networks: { apps: { subnet: 10.9.0.0/24 } }
nodes:
  echo:
    networks: [apps]
    ports: [\"8001:80\", \"8002:81\", \"8003:53/udp\"]
    command: |-
      python3 -c 'import socket
      s=socket.create_server((\"0.0.0.0\",80))
      while True:
        c,_=s.accept(); d=bytearray()
        while True:
          b=c.recv(65536)
          if not b: break
          d+=b
        c.sendall(bytes(d)); c.close()'
    ready: 80/tcp
")
        .ok();
    let script = "import socket,os
for host in ('127.0.0.1','::1'):
    data=os.urandom(5_000_000)
    s=socket.create_connection((host,8001),60); s.settimeout(60)
    s.sendall(data); s.shutdown(socket.SHUT_WR); got=bytearray()
    while True:
        b=s.recv(65536)
        if not b: break
        got+=b
    assert bytes(got)==data, (host,len(got))
try:
    s=socket.create_connection(('127.0.0.1',8002),60); s.settimeout(60)
    assert False, ('nothing listens there', s.recv(1))
except ConnectionResetError: pass
";
    std::fs::write("/run/keep", script).unwrap();
    sh("python3 /run/keep");
}

/// When the keeper was killed, the next command opens the listener on localhost again.
fn a_killed_keeper_is_started_again() {
    let h = hallway();
    let file = "networks: { apps: { subnet: 10.9.0.0/24 } }
nodes: { web: { networks: [apps], ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp } }
";
    let before = Snapshot::take();
    h.up(file).ok();
    sh("curl -s -m 30 http://127.0.0.1:8080/");
    sh("kill -9 $(pgrep -f '__keepe[r]')");
    wait_for("the port is closed", || {
        try_sh("curl -s -m 2 http://127.0.0.1:8080/").is_err()
    });
    h.up(file).ok();
    sh("curl -s -m 30 http://127.0.0.1:8080/");
    h.ok("down");
    before.unchanged();
}

/// A connection through one port continues while another port's target changes, and a node that
/// gets another address keeps its listener.
fn a_listener_stays_open_when_its_target_changes() {
    let h = hallway();
    let file = |web: &str| {
        format!(
            "networks: {{ apps: {{ subnet: 10.9.0.0/24 }} }}
nodes:
  web: {{ networks: {{ apps: {{ address: {web} }} }}, ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp }}
  other: {{ networks: {{ apps: {{ address: 10.9.0.20 }} }}, ports: [\"8081:81\"], command: \"python3 -c 'import socket; c=socket.create_server((\\\"\\\",81)).accept()[0]; [c.sendall(c.recv(9)) for _ in range(9)]'\", ready: 81/tcp }}
"
        )
    };
    let socket = || sh("ss -Hltne 'sport = :8080 and src = 127.0.0.1' | grep -o 'ino:[0-9]*'");
    h.up(&file("10.9.0.10")).ok();
    let before = socket();
    let mut connection = std::net::TcpStream::connect("127.0.0.1:8081").unwrap();
    let mut exchange = || {
        use std::io::{Read as _, Write as _};
        connection.write_all(b"x").unwrap();
        connection.read_exact(&mut [0]).unwrap();
    };
    exchange();
    h.up(&file("10.9.0.11")).ok();
    exchange();
    assert_eq!(socket(), before);
    assert!(sh("curl -s -m 2 http://127.0.0.1:8080/").starts_with("web answers"));
}

/// More listeners than the limit on open files: the cause is reported and nothing is left. If only
/// the soft limit is low it is raised, but not for programs.
fn limits_on_open_files() {
    let h = hallway();
    let before = Snapshot::take();
    let file = "networks: { apps: { subnet: 10.9.0.0/24 } }
nodes: { web: { networks: [apps], ports: [\"7000-7600:7000-7600\"], command: \"sh -c 'ulimit -n > /run/keep; exec hallway serve 7600'\", ready: 7600/tcp } }
";
    std::fs::write("/run/up.hallway.yaml", file).unwrap();
    let program = h.command(&[]).get_program().to_str().unwrap().to_owned();
    let up = |limit: &str| {
        try_sh(&format!(
            "ulimit {limit}; export HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0; exec {program} --host up /run/up.hallway.yaml"
        ))
    };
    let why = up("-n 1024").unwrap_err();
    assert!(
        why.contains("this process may have 1024 files open"),
        "{why}"
    );
    assert!(
        why.contains("ulimit -n") && !why.contains("--state-dir"),
        "{why}"
    );
    before.unchanged();
    up("-S -n 256").unwrap();
    sh("curl -s -m 2 http://127.0.0.1:7600/");
    assert_eq!(std::fs::read_to_string("/run/keep").unwrap(), "256\n");
    h.run(&["down", "/run/up.hallway.yaml"]).ok();
    before.unchanged();
}

/// A policy for the host also applies to published ports, whose packets leave the host by another
/// path.
fn a_policy_can_deny_the_host() {
    let h = hallway().project("p");
    let text = "networks: { apps: { subnet: [10.9.0.0/24, \"fd09::/64\"] } }
nodes:
  web: { networks: { apps: { address: [10.9.0.10, \"fd09::10\"] } }, ports: [\"8080:80\"], command: hallway serve 80, ready: 80/tcp }
  other: { networks: [apps] }
";
    let urls = [
        "http://10.9.0.10/",
        "http://10.9.0.1:8080/",
        "http://[fd09::1]:8080/",
    ];
    let reads = |url: &str| try_sh(&format!("curl -s -g -m 5 '{url}'")).is_ok();
    h.up(text).ok();
    assert!(urls.into_iter().all(reads));
    h.up(&format!(
        "{text}policies: [{{ action: deny, from: host, to: web }}]\n"
    ))
    .ok();
    for url in urls {
        assert!(!reads(url), "{url}");
    }
    assert!(
        !reads("http://127.0.0.1:8080/"),
        "also not through the listener"
    );
    assert!(
        h.reads("other", "http://10.9.0.1:8080/"),
        "others are still allowed"
    );
    h.run(&["test", "--matrix"]).ok();
}

/// All ports of a protocol need as many rules and elements as one. A message and the prediction
/// state that localhost does not serve them.
fn a_range_of_any_size_is_one_element() {
    let h = hallway().project("p");
    let file = |ports: &str| {
        format!(
            "networks:
  apps: {{ subnet: [10.9.0.0/24, fd09::/64] }}
  world: {{ subnet: [203.0.113.0/24, 2001:db8::/64], outside: true }}
nodes:
  web: {{ networks: [apps], ports: [{ports}], command: hallway serve 1 30000 65535 30000/udp 65535/udp, ready: 65535/udp }}
  visitor: {{ networks: [world] }}
expect:
  - {{ from: visitor, to: host, port: 1/tcp }}
  - {{ from: visitor, to: host, port: 65535/tcp }}
  - {{ from: visitor, to: host, port: 65535/udp }}
  - {{ from: host, to: localhost, port: 30000/tcp, reachable: false }}
"
        )
        .replace("to: localhost", "to: 127.0.0.1")
    };
    let size = || {
        let all = hallway_testkit::nft_json();
        let rules = all.iter().filter(|o| o["rule"].is_object()).count();
        (rules, sh("nft list ruleset").len())
    };
    h.up(&file("\"1-2\", \"1-2/udp\"").replace("30000/tcp, reachable: false", "1/tcp"))
        .ok();
    let small = size();
    h.up(&file("\"1-65535\", \"1-65535/udp\""))
        .says("1-65535/udp is not served on localhost")
        .ok();
    let large = size();
    assert_eq!(small.0, large.0, "rules");
    assert!(large.1 < small.1 + 200, "{small:?} {large:?}");
    h.ok("test");
    let listeners = sh("ss -Hltnu 'src 127.0.0.0/8 or src [::1]' | wc -l");
    assert_eq!(listeners.trim(), "0");
    for url in ["203.0.113.1:30000", "[2001:db8::1]:65535"] {
        assert!(h.reads("visitor", &format!("http://{url}/")));
    }
    let why = h.run(&["explain", "host", "127.0.0.1:30000"]).exits(1).out;
    assert!(why.contains("localhost does not serve"), "{why}");
    assert!(why.contains("more than 4096 ports"), "{why}");
    h.up(&file("\"1-2\", \"1-2/udp\"").replace("30000/tcp, reachable: false", "1/tcp"))
        .ok();
    let why = h.run(&["explain", "host", "127.0.0.9:1"]).exits(1).out;
    assert!(why.contains("at 127.0.0.1 and ::1 only"), "{why}");
}

/// At one address of the host, too.
fn a_range_at_one_address_of_the_host() {
    let h = hallway();
    h.up("networks:
  apps: { subnet: 10.9.0.0/24 }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  one: { networks: [apps], ports: [\"203.0.113.1:20000-29999:20000-29999\"], command: hallway serve 25000, ready: 25000/tcp }
  two: { networks: [apps], ports: [\"10.9.0.1:20000-29999:20000-29999\"], command: hallway serve 25000, ready: 25000/tcp }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
  other: { networks: [apps] }
")
        .ok();
    let read = |node: &str, url: &str| h.run(&["exec", node, "--", "curl", "-s", "-m", "30", url]);
    let one = read("visitor", "http://203.0.113.1:25000/").ok();
    assert!(one.starts_with("one answers"), "{one}");
    let two = read("other", "http://10.9.0.1:25000/").ok();
    assert!(two.starts_with("two answers"), "{two}");
    assert!(h.cannot_read("visitor", "http://203.0.113.1:30000/"));
}

hallway_testkit::tests![
    a_range_of_any_size_is_one_element,
    a_range_at_one_address_of_the_host,
    a_policy_can_deny_the_host,
    on_one_address_of_the_host_only,
    answered_from_the_address_that_was_asked,
    a_distant_client_is_answered_from_the_address_asked,
    a_second_address_is_answered_from,
    sctp_is_not_served_on_localhost,
    on_and_off_while_it_runs,
    udp_from_one_port_follows_the_change,
    localhost_is_forwarded_unchanged,
    a_killed_keeper_is_started_again,
    a_listener_stays_open_when_its_target_changes,
    limits_on_open_files,
];
