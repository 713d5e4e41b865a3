//! Traces: the same hops as predicted, for every example; what others send; and nothing that stays.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use hallway_testkit::{Hallway, Snapshot, sh, wait_for};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn json(h: &Hallway, words: &[&str]) -> Value {
    let ran = h.run(words);
    assert!(ran.code < 2, "{}: {}", ran.words, ran.err);
    serde_json::from_str(&ran.out).unwrap()
}

/// Hops without what cannot be predicted: the port that is asked from, who listens, connection
/// tracking's entries, and tables that are not hallway's.
fn spine(path: &Value, side: &str) -> Vec<Value> {
    let chance = if side == "request" {
        "source_port"
    } else {
        "port"
    };
    let hops = path[side].as_array().unwrap().iter();
    let known = hops.filter(|h| h["hop"] != "connection" && h["ours"] != false);
    known
        .map(|hop| {
            let mut hop = hop.clone();
            for flow in ["flow", "before"] {
                if let Some(flow) = hop.get_mut(flow) {
                    flow[chance] = 0.into();
                }
            }
            if hop["hop"] == "listener" {
                hop["who"] = Value::Null;
            }
            hop
        })
        .collect()
}

/// A trace goes where the explanation says, by the same rules, for the same reason.
#[track_caller]
fn as_explained(h: &Hallway, from: &str, to: &str) -> usize {
    let explained = json(h, &["explain", from, to, "--format", "json"]);
    let open = |p: &Value| p["outcome"] == "open";
    let all_open = explained["paths"].as_array().unwrap().iter().all(open);
    let limit = if all_open { "2000" } else { "150" };
    let traced = json(
        h,
        &["trace", from, to, "--format", "json", "--timeout-ms", limit],
    );
    let (explained, traced) = (&explained["paths"], &traced["paths"]);
    let count = explained.as_array().unwrap().len();
    assert_eq!(traced.as_array().unwrap().len(), count);
    for index in 0..count {
        let (predicted, real) = (&explained[index], &traced[index]["path"]);
        for key in ["from", "to", "address", "service", "outcome", "reason"] {
            assert_eq!(predicted[key], real[key], "{key} of {from} → {to}");
        }
        for side in ["request", "reply"] {
            let (wanted, got) = (spine(predicted, side), spine(real, side));
            let other = wanted.iter().zip(&got).position(|(a, b)| a != b);
            assert_eq!(wanted, got, "{side} of {from} → {to}, hop {other:?}");
        }
        assert_eq!(traced[index]["agrees"], true);
    }
    count
}

/// Every pair and service of an example.
#[track_caller]
fn example(name: &str) {
    let h = Hallway::host(PROGRAM);
    h.run(&["up", &format!("{EXAMPLES}/{name}.yaml")]).ok();
    let matrix = json(&h, &["test", "--matrix", "--predict", "--format", "json"]);
    let mut asked = BTreeSet::new();
    for row in matrix["results"].as_array().unwrap() {
        let word = |key: &str| row[key].as_str().unwrap().to_owned();
        let (from, to, service) = (word("from"), word("to"), word("service"));
        // Nobody stands for the real world in some of them, and nothing is sent there.
        if from != "outside" && to != "outside" {
            asked.insert((from, format!("{to}:{service}")));
        }
    }
    let paths: usize = (asked.iter())
        .map(|(from, to)| as_explained(&h, from, to))
        .sum();
    assert!(paths >= asked.len());
    assert!(asked.len() >= 4 || name == "part1-namespace", "{name}");
}

fn part1() {
    example("part1-namespace");
}

fn part2() {
    example("part2-cable");
}

fn part3() {
    example("part3-bridge");
}

fn part4() {
    example("part4-internet");
}

fn part5() {
    example("part5-ports");
}

/// Bridges whose frames pass the hooks of IP only where a policy asks for it: the other setting.
fn part5_without_bridge_hooks() {
    sh("sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0");
    let h = Hallway::host(PROGRAM);
    h.run(&["up", &format!("{EXAMPLES}/part5-ports.yaml")]).ok();
    for (from, to) in [
        ("app1", "host:8081"),
        ("app1", "host:8082"),
        ("app2", "host:5353/udp"),
        ("visitor", "host:3000"),
        ("app1", "app2:80"),
        ("app3", "visitor"),
        ("app1", "host:22"),
    ] {
        as_explained(&h, from, to);
    }
}

fn part6() {
    example("part6-zones");
}

fn three_tier() {
    example("three-tier");
}

fn dual_stack() {
    example("dual-stack");
}

fn routed() {
    example("routed");
}

fn no_example_is_left_out() {
    let there: BTreeSet<String> = std::fs::read_dir(EXAMPLES)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    let here = "dual-stack part1-namespace part2-cable part3-bridge part4-internet part5-ports part6-zones routed three-tier";
    let here: BTreeSet<String> = here.split(' ').map(|n| format!("{n}.yaml")).collect();
    assert_eq!(there, here, "write a test like part1");
}

/// What the examples do not ask: the host of itself, addresses, routers, one's own address.
fn other_ways() {
    let h = Hallway::host(PROGRAM);
    h.run(&["up", &format!("{EXAMPLES}/part5-ports.yaml")]).ok();
    for (from, to) in [
        ("host", "host:8081"),
        ("host", "host:5353/udp"),
        ("host", "host:81"),
        ("host", "host"),
        ("host", "172.20.0.1:81"),
        ("app1", "172.20.0.11:80"),
        ("host", "172.20.0.1:8081"),
        ("host", "203.0.113.1:8082"),
        ("app1", "203.0.113.1:8082"),
        ("app1", "172.20.0.12:80"),
        ("172.20.0.11", "app2:81"),
        ("app1", "outside:80"),
        ("outside", "host:9001"),
        ("outside", "172.20.0.12:80"),
    ] {
        as_explained(&h, from, to);
    }
    h.ok("down");
    let text = "name: p
nodes:
  a: { routes: [{ to: 10.2.0.0/24, via: 10.1.0.2 }] }
  r: { forwarding: true }
  b: { routes: [{ to: 10.1.0.0/24, via: 10.2.0.2 }] }
links:
  - endpoints: { a: 10.1.0.1/24, r: 10.1.0.2/24 }
  - endpoints: { r: 10.2.0.2/24, b: 10.2.0.1/24 }
";
    h.up(text).ok();
    for to in ["b", "b:80", "b:53/udp", "r:80"] {
        as_explained(&h, "a", to);
    }
}

fn shop() -> Hallway {
    let h = Hallway::host(PROGRAM);
    let text = "name: p
networks:
  apps:  { subnet: [10.1.0.0/24, \"fd01::/64\"] }
  store: { subnet: [10.2.0.0/24, \"fd02::/64\"] }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  app: { networks: { apps: { address: [10.1.0.10, \"fd01::10\"] } } }
  web: { networks: { apps: { address: [10.1.0.11, \"fd01::11\"] } }, ports: [\"8080:80\"], command: hallway serve 80 53/udp, ready: 80/tcp }
  db: { networks: { store: { address: [10.2.0.10, \"fd02::10\"] } } }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
policies:
  - { from: app, to: db, ports: [3306/tcp] }
";
    h.up(text).ok();
    h.project("p")
}

/// What others send is followed; it is told as it went, refusals too.
fn follow() {
    let h = shop();
    let seen = |to: &str, count: &str, ask: &dyn Fn()| -> Vec<Value> {
        let child = h.start(&[
            "trace", "app", to, "--follow", "-c", count, "--format", "json", "-q",
        ]);
        wait_for("its tables", Duration::from_secs(5), || {
            sh("nft list tables").contains("hallway:trace:")
        });
        std::thread::sleep(Duration::from_millis(100)); // in every node
        ask();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    };
    let read = |url: &str| {
        let _ = h.reads("app", url);
    };
    let stream = seen("web:80", "2", &|| {
        read("http://10.1.0.11/");
        std::thread::sleep(Duration::from_millis(400));
        read("http://[fd01::11]/");
    });
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
    let refused = seen("web:81", "1", &|| read("http://10.1.0.11:81/"));
    assert_eq!(refused[0]["path"]["outcome"], "refused");
    assert_eq!(refused[0]["path"]["reason"]["code"], "no-listener");
    let denied = seen("db:80", "1", &|| read("http://10.2.0.10:80/"));
    assert_eq!(denied[0]["path"]["outcome"], "filtered");
    assert_eq!(denied[0]["path"]["reason"]["code"], "default-deny");
    let pinged = seen("web", "1", &|| assert!(h.pings("app", "10.1.0.11")));
    assert_eq!(pinged[0]["path"]["outcome"], "open");
    // A reader that hangs up ends it; and so does Ctrl-C.
    let mut child = h.start(&["trace", "app", "web:80", "--follow"]);
    drop(child.stdout.take());
    wait_for("the end", Duration::from_secs(5), || {
        child.try_wait().unwrap().is_some()
    });
    let mut child = h.start(&["trace", "app", "web:80", "--follow"]);
    wait_for("its tables", Duration::from_secs(5), || {
        sh("nft list tables").contains("hallway:trace:")
    });
    sh(&format!("kill -INT {}", child.id()));
    assert!(child.wait().unwrap().success());
    h.ok("exec app -- true");
}

/// What else a trace could leave behind, in every place.
const OTHERS: &str = "for n in app web db visitor; do ip netns exec $n nft list ruleset; ip netns exec $n ip -o link; ip netns exec $n ip -o addr; ip netns exec $n ip route show table all; ip netns exec $n sysctl -a 2>/dev/null | grep -E '^net' | grep -v -E 'neigh|stable_secret|conntrack_count|buckets'; done";

fn nothing_stays() {
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
    wait_for("the server", Duration::from_secs(5), || {
        std::path::Path::new("/run/keep").exists()
    });
    let mut stream = std::net::TcpStream::connect("10.1.0.11:7777").unwrap();
    use std::io::{Read as _, Write as _};
    let mut spoken = || {
        stream.write_all(b"word").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
    };
    spoken();
    // Modules and neighbours that come with the first packet are there from here on.
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
        let ran = h.run(&["trace", "app", to, "--timeout-ms", "300", "--explain"]);
        ran.exits(code);
        spoken();
    }
    h.run(&["reach", "visitor", "host:8080"]).ok();
    before.0.unchanged();
    assert_eq!(sh(OTHERS), before.1);
    // Its tables belong to its sockets: the kernel takes them away.
    for _ in 0..2 {
        let mut child = h.start(&["trace", "app", "db:3306", "--follow"]);
        wait_for("its tables", Duration::from_secs(5), || {
            sh("nft list tables; ip netns exec db nft list tables")
                .matches("hallway:trace:")
                .count()
                >= 6
        });
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("nothing", Duration::from_secs(5), || sh(OTHERS) == before.1);
        before.0.unchanged();
    }
    spoken();
    server.kill().unwrap();
    server.wait().unwrap();
}

/// Several at once, of the same pair too, do not get in each other's way.
fn several_at_once() {
    let h = shop();
    let questions = [
        ("app", "web:80"),
        ("app", "web:80"),
        ("app", "db:80"),
        ("visitor", "host:8080"),
    ];
    let children: Vec<_> = questions
        .iter()
        .map(|(from, to)| h.start(&["trace", from, to, "--timeout-ms", "800", "--format", "json"]))
        .collect();
    for ((from, to), child) in questions.iter().zip(children) {
        let out = child.wait_with_output().unwrap();
        let value: Value = serde_json::from_slice(&out.stdout)
            .map_err(|_| String::from_utf8_lossy(&out.stderr).into_owned())
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
}

/// People's words: each hop with its sentence, colours only where they are wanted.
fn words() {
    let h = shop();
    let told = h.run(&["trace", "app", "db:3306", "-4", "--explain"]).ok();
    for words in [
        "app → db (10.2.0.10) 3306/tcp: open",
        "because policies[0] allows it",
        "out by eth0",
        "forward inet forwarded",
        "accept: policies[0]",
        "connection",
        "nobody but the probe's own listener",
        "the longest prefix that holds the destination decides",
        "a socket takes the packet",
    ] {
        assert!(told.contains(words), "no {words:?} in\n{told}");
    }
    assert!(!told.contains('\u{1b}'));
    for variable in ["NO_COLOR", "CLICOLOR_FORCE"] {
        let out = h
            .command(&["trace", "app", "web:80", "-4"])
            .env(variable, "1")
            .output();
        let text = String::from_utf8(out.unwrap().stdout).unwrap();
        assert_eq!(text.contains('\u{1b}'), variable == "CLICOLOR_FORCE");
    }
    let quiet = h.run(&["trace", "app", "web:80", "-q"]).exits(0);
    assert!(quiet.err.is_empty() && quiet.out.contains("listener"));
}

fn wrong_usage() {
    let h = shop();
    for (words, says) in [
        (&["trace", "nobody", "web"][..], "nobody is no node"),
        (&["trace", "app", "web:0"], "web:0"),
        (&["trace", "app", "web:http"], "web:http"),
        (&["trace", "app"], "required"),
        (&["trace", "app", "web", "--count", "2"], "--follow"),
        (&["trace", "app", "web", "--timeout-ms", "1"], "50"),
        (&["trace", "198.51.100.1", "web"], "cannot be tried"),
        (&["reach", "app", "web:80/sctp"], "sctp"),
        (&["explain", "app", ""], "is no node"),
        (&["trace", "app", "web", "-4", "-6"], "cannot be used"),
    ] {
        let ran = h.run(words).exits(2).says(says);
        assert!(ran.out.is_empty(), "{}", ran.out);
    }
    h.project("other")
        .run(&["trace", "app", "web"])
        .exits(2)
        .says("other");
}

/// In a sandbox, by somebody who may do nothing on the machine.
fn an_ordinary_user() {
    let directory = "/run/ordinary";
    sh(&format!(
        "mkdir -p {directory}; cp {PROGRAM} {directory}/hallway; cp {EXAMPLES}/part5-ports.yaml {directory}/; chown -R 65534:65534 {directory}"
    ));
    let run = |words: &str| {
        let mut command = Command::new("setpriv");
        command
            .args([
                "--reuid",
                "65534",
                "--regid",
                "65534",
                "--clear-groups",
                "env",
            ])
            .args([
                "HOME=/run/ordinary",
                "XDG_RUNTIME_DIR=/run/ordinary",
                "HALLWAY_PASTA=0",
            ])
            .args([
                "HALLWAY_STATE_DIR=/run/ordinary/state",
                "PATH=/run/ordinary:/usr/bin:/bin",
                "hallway",
            ])
            .args(words.split(' '))
            .current_dir(directory);
        let out = command.output().unwrap();
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        (
            out.status.code(),
            text,
            String::from_utf8_lossy(&out.stderr).into_owned(),
        )
    };
    if !rustix_is_root() {
        return; // the tests themselves are run by an ordinary user: all others show it
    }
    let up = run("up part5-ports.yaml -q");
    assert_eq!(up.0, Some(0), "{}", up.2);
    for (words, code, says) in [
        ("trace app1 app2:80", 0, "hallway serve 80"),
        ("trace visitor host:8081", 0, "dnat"),
        ("trace visitor app1:80", 1, "no route"),
        ("reach app1 app3:53/udp", 0, "open"),
        ("test", 0, "pass"),
    ] {
        let (got, out, err) = run(words);
        assert_eq!(got, Some(code), "{words}: {out}{err}");
        assert!(out.contains(says), "{words}: {out}");
    }
    assert_eq!(run("down -q").0, Some(0));
}

fn rustix_is_root() -> bool {
    sh("id -u").trim() == "0"
        && std::fs::read_to_string("/proc/self/uid_map")
            .unwrap()
            .contains("4294967295")
}

hallway_testkit::tests![
    part5,
    dual_stack,
    part6,
    routed,
    three_tier,
    part1,
    part2,
    part3,
    part4,
    part5_without_bridge_hooks,
    no_example_is_left_out,
    other_ways,
    follow,
    nothing_stays,
    several_at_once,
    words,
    wrong_usage,
    an_ordinary_user,
];
