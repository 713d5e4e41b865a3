//! The tutorial, part by part: each as the file under examples/ and by the verbs for single
//! changes, checked by other programs.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, Snapshot, ip_json, sh, try_sh};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

/// Both methods to build a part, each from and back to an unchanged machine.
fn both_ways(file: &str, verbs: &[&str], check: fn(&Hallway)) {
    let before = Snapshot::take();
    let by_file = hallway();
    by_file
        .run(&["up", &format!("{EXAMPLES}/{file}.yaml")])
        .ok();
    check(&by_file);
    by_file.ok("down");
    before.unchanged();

    let by_verbs = hallway().project("by-hand");
    for words in verbs {
        by_verbs.ok(words);
    }
    check(&by_verbs);
    let exported = by_verbs.ok("export");
    by_verbs.ok("down");
    before.unchanged();

    by_verbs.up(&exported).ok();
    check(&by_verbs);
    by_verbs.ok("down");
    before.unchanged();
}

fn part1_a_node_alone() {
    both_ways("part1-namespace", &["node add production"], |h| {
        assert!(
            sh("ip netns list")
                .lines()
                .any(|l| l.starts_with("production"))
        );
        sh("ip netns exec production ping -c 1 -W 30 127.0.0.1");
        assert!(try_sh("ip netns exec production ping -c 1 -W 1 203.0.113.1").is_err());
        let links = ip_json("-n production link");
        assert_eq!(links.len(), 1, "only lo");
        assert!(sh("ip -n production link show lo").contains("LOOPBACK,UP"));
        assert!(h.inside("production", "test $(hostname) = production"));
    });
}

fn part2_a_cable_with_a_web_server() {
    let verbs = [
        "node add backend --ready 8080/tcp -- hallway serve 8080",
        "link add frontend:10.0.1.10/24 backend:10.0.1.20/24",
    ];
    both_ways("part2-cable", &verbs, |h| {
        assert!(h.pings("frontend", "10.0.1.20"));
        assert!(h.reads("frontend", "http://10.0.1.20:8080/"));
        assert!(h.reads("frontend", "http://backend:8080/"));
        assert_eq!(ip_json("link").len(), 1, "the host has neither end");
        assert!(sh("ip -n frontend addr").contains("10.0.1.10/24"));
    });
}

fn part3_three_nodes_on_a_bridge() {
    let verbs = [
        "network add apps --subnet 172.20.0.0/24",
        "node add app1",
        "connect app1 apps --address 172.20.0.11",
        "node add app2 --network apps=172.20.0.12",
        "node add app3 --network apps=172.20.0.13",
    ];
    both_ways("part3-bridge", &verbs, |h| {
        for from in ["app1", "app2", "app3"] {
            for to in ["app1", "app2", "app3", "172.20.0.1"] {
                assert!(h.pings(from, to), "{from} → {to}");
            }
        }
        sh("ping -c 1 -W 30 172.20.0.12");
        let bridge = ip_json("link show type bridge");
        assert_eq!(bridge.len(), 1);
        assert_eq!(ip_json("link show master br-apps").len(), 3);
    });
}

fn part4_internet_access_is_masqueraded() {
    let verbs = [
        "network add apps --subnet 172.20.0.0/24",
        "network add world --subnet 203.0.113.0/24 --outside",
        "node add app1 --network apps=172.20.0.11",
        "node add website --network world=203.0.113.9 --ready 80/tcp -- hallway serve 80",
    ];
    both_ways("part4-internet", &verbs, |h| {
        assert!(sh("ip -n app1 route").contains("default via 172.20.0.1"));
        let seen = h.ok("exec app1 -- curl -s -m 30 http://203.0.113.9/");
        assert_eq!(
            seen.trim(),
            "website answers 203.0.113.1",
            "the host's address, not the node's"
        );
        assert!(h.cannot_ping("website", "172.20.0.11"));
        assert!(h.inside("website", "ip route add 172.20.0.0/24 via 203.0.113.1"));
        assert!(
            h.cannot_ping("website", "172.20.0.11"),
            "not even by routing through the host"
        );
    });
}

fn part5_published_ports() {
    let verbs = [
        "network add apps --subnet 172.20.0.0/24",
        "network add world --subnet 203.0.113.0/24 --outside",
        "node add app1 --network apps=172.20.0.11 --ready 80/tcp -- hallway serve 80",
        "publish app1 8081:80",
        "node add app2 --network apps=172.20.0.12 --publish 8082:80 --ready 80/tcp -- hallway serve 80",
        "node add app3 --network apps=172.20.0.13 --publish 3000:3000 --publish 5353:53/udp --publish 9000-9002:9000-9002 --ready 3000/tcp --ready 53/udp --ready 9000/tcp --ready 9001/tcp --ready 9002/tcp -- hallway serve 3000 53/udp 9000 9001 9002",
        "node add visitor --network world=203.0.113.9",
    ];
    both_ways("part5-ports", &verbs, |h| {
        for port in [8081, 8082, 3000, 9000, 9001, 9002] {
            for host in ["203.0.113.1", "172.20.0.1"] {
                assert!(
                    h.reads("app3", &format!("http://{host}:{port}/")),
                    "app3 → {host}:{port}"
                );
                assert!(
                    h.reads("app1", &format!("http://{host}:{port}/")),
                    "app1 → {host}:{port}"
                );
                sh(&format!("curl -s -m 30 http://{host}:{port}/"));
            }
            for host in ["127.0.0.1", "[::1]", "localhost"] {
                sh(&format!("curl -s -g -m 30 http://{host}:{port}/"));
            }
            let read = format!("exec visitor -- curl -s -m 30 http://203.0.113.1:{port}/");
            let text = h.ok(&read);
            assert!(
                text.contains("answers 203.0.113.9"),
                "the visitor's own address is seen: {text}"
            );
        }
        let ask = "import socket; s=socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(30); s.sendto(b'x', ('HOST', 5353)); print(s.recv(99).decode())";
        for (node, host) in [
            ("visitor", "203.0.113.1"),
            ("app1", "172.20.0.1"),
            ("app3", "203.0.113.1"),
        ] {
            let text = h
                .run(&[
                    "exec",
                    node,
                    "--",
                    "python3",
                    "-c",
                    &ask.replace("HOST", host),
                ])
                .ok();
            assert!(text.starts_with("app3 answers"), "udp from {node}: {text}");
        }
        assert!(
            sh(&format!(
                "python3 -c \"{}\"",
                ask.replace("HOST", "127.0.0.1")
            ))
            .starts_with("app3 answers")
        );
        assert!(h.cannot_read("visitor", "http://172.20.0.11/"));
    });
}

fn part6_security_zones() {
    let verbs = [
        "network add apps --subnet 172.20.0.0/24",
        "network add secure --subnet 10.10.0.0/24 --internal",
        "node add app1 --network apps=172.20.0.11",
        "node add app2 --network apps=172.20.0.12 --ready 80/tcp -- hallway serve 80",
        "node add app3 --network apps=172.20.0.13 --ready 80/tcp -- hallway serve 80",
        "node add database --network secure=10.10.0.2 --ready 3306/tcp -- hallway serve 3306",
        "deny app1 app2",
        "deny app2 app1",
        "allow app1 database --port 3306/tcp",
    ];
    both_ways("part6-zones", &verbs, |h| {
        assert!(h.cannot_ping("app1", "app2"), "on one bridge");
        assert!(h.cannot_ping("app2", "app1"));
        assert!(h.cannot_read("app1", "http://app2/"));
        assert!(h.reads("app1", "http://app3/"));
        assert!(h.reads("app2", "http://app3/"));
        assert!(h.reads("app1", "http://database:3306/"));
        assert!(h.cannot_ping("app1", "database"), "one port only");
        assert!(h.cannot_read("app2", "http://database:3306/"));
        assert!(h.cannot_ping("database", "app1"), "replies only");
        assert!(!sh("ip -n database route").contains("default"));
    });
}

fn three_tiers() {
    let h = hallway();
    let before = Snapshot::take();
    h.run(&["up", &format!("{EXAMPLES}/three-tier.yaml")]).ok();
    assert!(h.reads("web-server", "http://api-server:8000/"));
    assert!(h.reads("api-server", "http://db-server:3306/"));
    assert!(h.cannot_read("web-server", "http://db-server:3306/"));
    assert!(h.cannot_ping("db-server", "api-server"));
    assert!(h.cannot_ping("api-server", "web-server"));
    assert!(h.pings("web-server", "203.0.113.9"));
    assert!(h.cannot_ping("api-server", "203.0.113.9"));
    assert!(h.reads("visitor", "http://203.0.113.1:8080/"));
    for subnet in ["192.168.10", "192.168.20", "192.168.30"] {
        assert!(h.inside(
            "visitor",
            &format!("ip route add {subnet}.0/24 via 203.0.113.1")
        ));
        assert!(h.cannot_ping("visitor", &format!("{subnet}.10")));
    }
    assert!(h.cannot_read("visitor", "http://192.168.30.10:3306/"));
    h.ok("down");
    before.unchanged();
}

fn dual_stack() {
    let h = hallway();
    let before = Snapshot::take();
    h.run(&["up", &format!("{EXAMPLES}/dual-stack.yaml")]).ok();
    for server in ["10.77.0.20", "fd77::20"] {
        assert!(h.pings("client", server));
        assert!(h.cannot_ping("stranger", server));
    }
    for host in ["203.0.113.1", "[2001:db8::1]"] {
        assert!(h.reads("visitor", &format!("http://{host}:8090/")));
        assert!(
            h.reads("server", &format!("http://{host}:8090/")),
            "from itself by {host}"
        );
        assert!(h.reads("client", &format!("http://{host}:8090/")));
        assert!(h.reads("stranger", &format!("http://{host}:8090/")));
    }
    for host in ["127.0.0.1", "[::1]"] {
        sh(&format!("curl -s -g -m 30 http://{host}:8090/"));
    }
    assert!(h.pings("client", "2001:db8::9"));
    assert!(h.inside("visitor", "ip -6 route add fd77::/64 via 2001:db8::1"));
    assert!(h.cannot_read("visitor", "http://[fd77::20]/"));
    h.ok("down");
    before.unchanged();
}

fn routed() {
    let h = hallway();
    let before = Snapshot::take();
    h.run(&["up", &format!("{EXAMPLES}/routed.yaml")]).ok();
    assert!(ip_json("link show type bridge").is_empty());
    for (name, bracketed) in [("10.60.0.2", "10.60.0.2"), ("fd60::2", "[fd60::2]")] {
        assert!(h.pings("west", name), "west → {name}");
        assert!(h.reads("west", &format!("http://{bracketed}/")));
        assert!(h.cannot_ping("north", name), "north → {name}");
        assert!(h.cannot_read("north", &format!("http://{bracketed}/")));
    }
    assert!(h.pings("north", "10.60.0.3"));
    sh("ping -c 1 -W 30 10.60.0.4");
    h.ok("down");
    before.unchanged();
}

hallway_testkit::tests![
    part1_a_node_alone,
    part2_a_cable_with_a_web_server,
    part3_three_nodes_on_a_bridge,
    part4_internet_access_is_masqueraded,
    part5_published_ports,
    part6_security_zones,
    three_tiers,
    dual_stack,
    routed,
];
