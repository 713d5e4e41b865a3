//! Packets of other programs are followed; traces do not mix, and nothing of them is left.

use std::io::{BufRead as _, BufReader};

use hallway_testkit::{Snapshot, milliseconds, sh, wait_for};
use serde_json::Value;

use crate::shop;
use crate::spine::{json, spine};

/// Packets of other programs are followed and shown, also those that are refused.
pub(crate) fn follow() {
    let h = shop();
    // Each request is sent when the one before has been shown.
    let seen = |to: &str, questions: &[&dyn Fn()]| -> Vec<Value> {
        let count = questions.len().to_string();
        let mut child = h.start(&[
            "trace", "app", to, "--follow", "-c", &count, "--format", "json",
        ]);
        let mut err = BufReader::new(child.stderr.take().unwrap()).lines();
        let begun = err.next().unwrap().unwrap();
        assert!(begun.contains("watching"), "{begun}");
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = questions.iter().map(|ask| {
            ask();
            serde_json::from_str(&out.next().unwrap().unwrap()).unwrap()
        });
        let told = told.collect();
        assert!(out.next().is_none());
        assert!(child.wait().unwrap().success());
        told
    };
    let read = |url: &str| {
        let ask = ["exec", "app", "--", "curl", "-s", "-g", "-m", "2", url];
        h.command(&ask).output().unwrap();
    };
    let stream = seen(
        "web:80",
        &[&|| read("http://10.1.0.11/"), &|| {
            read("http://[fd01::11]/")
        }],
    );
    assert_eq!(stream.len(), 2);
    for (one, address) in stream.iter().zip(["10.1.0.11", "fd01::11"]) {
        assert_eq!(one["schema_version"], 1);
        assert_eq!(one["path"]["outcome"], "open");
        assert_eq!(one["path"]["address"], address);
        let explained = json(&h, &["explain", "app", "web:80", "--format", "json"]);
        let paths = explained["paths"].as_array().unwrap();
        let same = paths.iter().find(|p| p["address"] == address).unwrap();
        for side in ["request", "reply"] {
            assert_eq!(spine(same, side), spine(&one["path"], side), "{side}");
        }
    }
    let refused = seen("web:81", &[&|| read("http://10.1.0.11:81/")]);
    assert_eq!(refused[0]["path"]["outcome"], "refused");
    assert_eq!(refused[0]["path"]["reason"]["code"], "no-listener");
    let denied = seen("db:80", &[&|| read("http://10.2.0.10:80/")]);
    assert_eq!(denied[0]["path"]["outcome"], "filtered");
    assert_eq!(denied[0]["path"]["reason"]["code"], "default-deny");
    let pinged = seen("web", &[&|| assert!(h.pings("app", "10.1.0.11"))]);
    assert_eq!(pinged[0]["path"]["outcome"], "open");
    // A closed pipe ends it, and so does Ctrl-C.
    let mut child = h.start(&["trace", "app", "web:80", "--follow"]);
    drop(child.stdout.take());
    wait_for("the end", || child.try_wait().unwrap().is_some());
    let mut child = h.start(&["trace", "app", "web:80", "--follow"]);
    wait_for("its tables", || {
        sh("nft list tables").contains("hallway:trace:")
    });
    sh(&format!("kill -INT {}", child.id()));
    assert!(child.wait().unwrap().success());
    h.ok("exec app -- true");
}

/// What else a trace could leave, in every place.
const OTHERS: &str = "for n in app web db visitor; do ip netns exec $n nft list ruleset; ip netns exec $n ip -o link; ip netns exec $n ip -o addr; ip netns exec $n ip route show table all; ip netns exec $n sysctl -a 2>/dev/null | grep -E '^net' | grep -v -E 'neigh|stable_secret|conntrack_count|buckets'; done";

pub(crate) fn nothing_stays() {
    let h = shop();
    let talk = "import socket,time
s=socket.create_server(('10.1.0.11',7777))
open('/run/keep','w').write('x')
c,_=s.accept()
while 1:
  d=c.recv(9)
  if not d: break
  c.sendall(d)";
    std::fs::write("/run/keep.py", talk).unwrap();
    let mut server = h.start(&["exec", "web", "--", "python3", "/run/keep.py"]);
    wait_for("the server", || std::path::Path::new("/run/keep").exists());
    let mut stream = std::net::TcpStream::connect("10.1.0.11:7777").unwrap();
    use std::io::{Read as _, Write as _};
    let mut spoken = || {
        stream.write_all(b"word").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
    };
    spoken();
    // Modules and neighbours that the first packet adds exist from now on.
    h.run(&["trace", "app", "db:3306"]).ok();
    h.run(&["trace", "visitor", "host:8080"]).ok();
    let before = (Snapshot::take(), sh(OTHERS));
    for (to, code) in [
        ("web:80", 0),
        ("db:3306", 0),
        ("db:80", 1),
        ("web:53/udp", 0),
        ("visitor", 0),
    ] {
        let ran = h.run(&[
            "trace",
            "app",
            to,
            "--timeout-ms",
            &milliseconds(1000),
            "--explain",
        ]);
        ran.exits(code);
        spoken();
    }
    h.run(&["reach", "visitor", "host:8080"]).ok();
    before.0.unchanged();
    assert_eq!(sh(OTHERS), before.1);
    // Its tables belong to its sockets: the kernel removes them.
    for _ in 0..2 {
        let mut child = h.start(&["trace", "app", "db:3306", "--follow"]);
        wait_for("its tables", || {
            sh("nft list tables; ip netns exec db nft list tables")
                .matches("hallway:trace:")
                .count()
                >= 6
        });
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("nothing", || sh(OTHERS) == before.1);
        before.0.unchanged();
    }
    spoken();
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Several at the same time, also of the same pair, do not affect each other.
pub(crate) fn several_at_once() {
    let h = shop();
    // Its tables exist while the others begin: they are not taken for rules of the nodes.
    let mut watching = h.start(&["trace", "app", "web:80", "--follow"]);
    wait_for("its tables", || {
        sh("nft list tables; ip netns exec app nft list tables; ip netns exec web nft list tables")
            .matches("hallway:trace:")
            .count()
            >= 3
    });
    let questions = [
        ("app", "web:80"),
        ("app", "web:80"),
        ("app", "db:80"),
        ("visitor", "host:8080"),
    ];
    let children: Vec<_> = questions
        .iter()
        .map(|(from, to)| {
            h.start(&[
                "trace",
                from,
                to,
                "--timeout-ms",
                &milliseconds(2000),
                "--format",
                "json",
            ])
        })
        .collect();
    for ((from, to), child) in questions.iter().zip(children) {
        let out = child.wait_with_output().unwrap();
        let value: Value = serde_json::from_slice(&out.stdout)
            .map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&out.stderr)))
            .unwrap();
        let explained = json(&h, &["explain", from, to, "--format", "json"]);
        let traced = value["paths"].as_array().unwrap();
        for (one, predicted) in traced.iter().zip(explained["paths"].as_array().unwrap()) {
            for side in ["request", "reply"] {
                assert_eq!(
                    spine(predicted, side),
                    spine(&one["path"], side),
                    "{from} → {to}"
                );
            }
        }
    }
    watching.kill().unwrap();
    watching.wait().unwrap();
}
