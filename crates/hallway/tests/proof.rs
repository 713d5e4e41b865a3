//! `reach`, `test` and `up --test`: the results of packets, in every format, within the time limit,
//! and with nothing left.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::process::Child;
use std::time::{Duration, Instant};

use hallway_testkit::{
    Hallway, Ran, Snapshot, milliseconds, patience, processes, sh, try_sh, wait_for,
};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
const SHOP: &str = "name: p
networks:
  apps:  { subnet: [10.1.0.0/24, \"fd01::/64\"] }
  store: { subnet: [10.2.0.0/24, \"fd02::/64\"] }
  world: { subnet: [203.0.113.0/24, \"2001:db8::/64\"], outside: true }
nodes:
  app: { networks: { apps: { address: [10.1.0.10, \"fd01::10\"] } } }
  web: { networks: { apps: { address: [10.1.0.11, \"fd01::11\"] } }, ports: [\"8080:80\"], command: hallway serve 80 53/udp, ready: [80/tcp, 53/udp] }
  db: { networks: { store: { address: [10.2.0.10, \"fd02::10\"] } } }
  visitor: { networks: { world: { address: [203.0.113.9, \"2001:db8::9\"] } } }
policies:
  - { from: app, to: db, ports: [3306/tcp, 53/udp] }
expect:
  - { from: app, to: web, port: 80/tcp }
  - { from: app, to: db, port: 3306/tcp }
  - { from: visitor, to: host, port: 8080/tcp }
  - { from: app, to: db, port: 22/tcp, reachable: false }
";
/// Two expectations that are not true, and one that is.
const WRONG: &str = "  - { from: app, to: db, port: 80/tcp }
  - { from: app, to: web, reachable: false }
";

fn host() -> Hallway {
    Hallway::host(PROGRAM)
}

fn value(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap()
}

#[track_caller]
fn reach(h: &Hallway, from: &str, to: &str, outcome: &str) -> Vec<Value> {
    let answered = ["open", "refused"].contains(&outcome);
    let limit = milliseconds(if answered { 10_000 } else { 500 });
    let ran = h.run(&[
        "reach",
        from,
        to,
        "--timeout-ms",
        &limit,
        "--format",
        "json",
    ]);
    let value = value(&ran);
    assert_eq!(value["schema_version"], 1);
    let probes = value["probes"].as_array().unwrap().clone();
    for probe in &probes {
        assert_eq!(
            probe["measured"]["outcome"], outcome,
            "{from} → {to}: {probe:#}"
        );
        let timed = probe["measured"]["latency_us"].as_u64();
        assert_eq!(timed.is_some(), answered, "{probe:#}");
    }
    let ran = ran.exits(i32::from(outcome != "open"));
    assert!(ran.err.is_empty(), "{}", ran.err);
    probes
}

/// Every client, every service, both IP versions, and each outcome.
fn reaching() {
    let h = host();
    h.up(SHOP).ok();
    for (from, to, families, listener) in [
        ("app", "web", 2, "kernel"),
        ("app", "web:80", 2, "service"),
        ("app", "web:53/udp", 2, "service"),
        ("app", "web:81", 2, "temporary"),
        ("app", "web:81/udp", 2, "temporary"),
        ("app", "db:3306", 2, "temporary"),
        ("app", "db:53/udp", 2, "temporary"),
        ("app", "visitor:80", 2, "temporary"),
        ("app", "outside", 2, "kernel"),
        ("host", "db:80", 2, "temporary"),
        ("outside", "host:8080", 2, "service"),
        ("visitor", "203.0.113.1:8080", 1, "service"),
        ("app", "host:8080", 2, "service"),
        ("web", "host:8080", 2, "service"),
        ("host", "host:8080", 2, "service"),
        ("app", "[fd01::11]:80", 1, "service"),
        ("fd01::10", "fd01::11", 1, "kernel"),
        ("app", "app:80", 2, "temporary"),
    ] {
        let probes = reach(&h, from, to, "open");
        assert_eq!(probes.len(), families, "{from} → {to}");
        for probe in probes {
            assert_eq!(probe["measured"]["listener"], listener, "{from} → {to}");
        }
    }
    for (from, to, outcome) in [
        ("visitor", "host:81", "refused"),
        ("visitor", "host:81/udp", "refused"),
        ("app", "db:22", "filtered"),
        ("app", "db:22/udp", "filtered"),
        ("app", "db", "filtered"),
        ("app", "host:22", "filtered"),
        ("visitor", "web:80", "unreachable"),
        ("visitor", "web", "unreachable"),
        ("host", "10.1.0.99", "unreachable"),
        ("app", "10.1.0.99:80", "unreachable"),
    ] {
        reach(&h, from, to, outcome);
    }
    let told = h.run(&["reach", "app", "web:81", "-4"]).ok();
    assert!(
        told.contains("81/tcp: open (") && told.contains("s; nothing listens there"),
        "{told}"
    );
    // Probes leave no listener behind.
    assert!(!sh("ip netns exec web ss -Hltnu").contains(":81 "));
}

/// Programs that refuse, or receive and do not answer.
fn services_of_all_kinds() {
    let h = host();
    h.up(SHOP).ok();
    let hold = |what: &str| -> Child {
        std::fs::remove_file("/run/held").ok();
        let script = format!("import socket,time\n{what}\nopen('/run/held','w')\ntime.sleep(3600)");
        let child = h.start(&["exec", "db", "--", "python3", "-c", &script]);
        wait_for("the program", || std::path::Path::new("/run/held").exists());
        child
    };
    // It has bound the port, but does not listen.
    let mut held = hold("s=socket.socket(); s.bind(('10.2.0.10',3306))");
    let ran = h
        .run(&["reach", "app", "db:3306", "-4", "--format", "json"])
        .exits(1);
    let probe = &value(&ran)["probes"][0];
    assert_eq!(probe["measured"]["outcome"], "refused");
    assert_eq!(probe["measured"]["listener"], "service");
    assert_eq!(probe["agrees"], false);
    held.kill().unwrap();
    held.wait().unwrap();
    // It receives datagrams, but answers none.
    let mut held = hold("s=socket.socket(socket.AF_INET6,socket.SOCK_DGRAM); s.bind(('::',53))");
    for probe in reach(&h, "app", "db:53/udp", "open") {
        assert_eq!(probe["measured"]["listener"], "service");
        let detail = probe["measured"]["detail"].as_str().unwrap();
        assert!(detail.contains("does not answer"), "{detail}");
    }
    held.kill().unwrap();
    held.wait().unwrap();
}

fn formats() {
    let h = host();
    h.up(&format!("{SHOP}{WRONG}")).ok();
    let text = h.run(&["test"]).exits(1).says("8 passed, 4 failed");
    assert_eq!(text.out.matches("FAIL  ").count(), 4);
    assert!(text.out.contains("up.hallway.yaml:18"), "{}", text.out);
    let ran = h.run(&["test", "--format", "json"]).exits(1);
    let json = value(&ran);
    assert_eq!(
        (&json["schema_version"], &json["passed"], &json["failed"]),
        (&1.into(), &8.into(), &4.into())
    );
    let results = json["results"].as_array().unwrap();
    assert_eq!(results.len(), 12);
    for row in results {
        assert_eq!(row["agrees"], true);
        let wanted = row["expected"].as_bool().unwrap();
        let open = row["measured"]["outcome"] == "open";
        assert_eq!(row["pass"], wanted == open);
        assert!((13..=19).contains(&row["line"].as_u64().unwrap()));
    }
    let tap = h.run(&["test", "--format", "tap"]).exits(1).out;
    let mut lines = tap.lines();
    assert_eq!(lines.next(), Some("TAP version 13"));
    assert_eq!(lines.next(), Some("1..12"));
    let points: Vec<&str> = lines.filter(|l| !l.starts_with('#')).collect();
    for (index, point) in points.iter().enumerate() {
        let rest = point.strip_prefix("not ").unwrap_or(point);
        assert!(rest.starts_with(&format!("ok {} - ", index + 1)), "{point}");
    }
    assert_eq!(points.len(), 12);
    assert_eq!(points.iter().filter(|p| p.starts_with("not ")).count(), 4);
    let junit = h.run(&["test", "--format", "junit"]).exits(1).out;
    std::fs::write("/run/keep", junit).unwrap();
    let read = "import xml.etree.ElementTree as e; r=e.parse('/run/keep').getroot(); s=r.find('testsuite'); c=s.findall('testcase'); print(r.get('tests'), r.get('failures'), len(c), sum(1 for x in c if x.find('failure') is not None), c[0].get('classname'), c[0].get('name'))";
    let told = sh(&format!("python3 -c \"{read}\""));
    assert_eq!(
        told.trim(),
        "12 4 12 4 up.hallway.yaml app → web (10.1.0.11) 80/tcp"
    );
    formats_without_failures(&h);
}

/// Where all is as expected, and where another file has the expectations.
fn formats_without_failures(h: &Hallway) {
    h.up(SHOP).ok();
    h.run(&["test"]).exits(0).says("8 passed");
    assert!(h.run(&["test", "--format", "tap"]).ok().contains("1..8"));
    let quiet = h.run(&["test", "-q"]).exits(0);
    assert!(
        quiet.err.is_empty() && quiet.out.is_empty(),
        "{}",
        quiet.out
    );
    let verbose = h.run(&["test", "-v"]).exits(0).out;
    let begins = |word: &str| {
        let lines = verbose.lines().map(str::trim_start);
        lines.filter(|l| l.starts_with(word)).count()
    };
    assert_eq!((begins("pass"), begins("because")), (8, 8), "{verbose}");
    // The expectations of another file are named by that file.
    let other = SHOP.replace("reachable: false", "reachable: true");
    std::fs::write("/run/other.yaml", other).unwrap();
    let failed = h.run(&["test", "/run/other.yaml"]).exits(1).out;
    assert!(
        failed.contains("other.yaml:17: should be reachable"),
        "{failed}"
    );
    let other = |format| h.run(&["test", "/run/other.yaml", "--format", format]).out;
    let junit = other("junit");
    assert!(junit.contains("\"other.yaml\"") && !junit.contains("\"up.hallway.yaml\""));
    let json: serde_json::Value = serde_json::from_str(&other("json")).unwrap();
    let results = json["results"].as_array().unwrap();
    assert!(results.iter().all(|r| r["file"] == "other.yaml"), "{json}");
    let matrix = h.run(&["test", "--matrix", "--format", "json"]).exits(0);
    let all = value(&matrix)["results"].as_array().unwrap().len();
    assert!(all > 60, "{all}");
    let grid = h
        .run(&["test", "--matrix", "--port", "3306/tcp"])
        .exits(0)
        .out;
    assert!(grid.starts_with("from"), "{grid}");
    assert_eq!(
        h.run(&["test", "--matrix", "--predict", "--port", "3306/tcp"])
            .ok(),
        grid
    );
}

/// Hundreds of attempts without an answer take the time of a few.
fn in_bounded_time() {
    let h = host();
    let mut text = String::from(
        "name: p\nnetworks: { a: { subnet: 10.1.0.0/24 }, w: { subnet: 203.0.113.0/24, outside: true } }\nnodes:\n  v: { networks: [w], routes: [{ to: 10.1.0.0/24, via: 203.0.113.1 }] }\n",
    );
    let mut expect = String::from("expect:\n");
    for node in 0..20 {
        text.push_str(&format!("  n{node}: {{ networks: [a] }}\n"));
        for port in 1..=5 {
            expect.push_str(&format!(
                "  - {{ from: v, to: n{node}, port: {port}/tcp, reachable: false }}\n"
            ));
        }
    }
    h.up(&format!("{text}{expect}")).ok();
    let started = Instant::now();
    h.run(&["test", "--timeout-ms", &milliseconds(2000)])
        .exits(0)
        .says("100 passed");
    // One after the other they would take 200 s, however fast the machine is.
    assert!(started.elapsed() < Duration::from_secs(60) * patience());
}

/// The pairs of a network have more neighbours than the kernel's one table takes (1024 entries): the tests are
/// made in parts, and what they put there is removed.
fn every_pair_of_a_large_network() {
    const NODES: usize = 36;
    let h = host();
    let mut text =
        String::from("name: p\nnetworks: { a: { subnet: [10.1.0.0/24, fd01::/64] } }\nnodes:\n");
    for node in 0..NODES {
        text.push_str(&format!("  n{node}: {{ networks: [a] }}\n"));
    }
    h.up(&text).ok();
    let told = h.run(&["test", "--matrix"]).exits(0).says(" passed (");
    assert!(!told.out.contains('!'), "{}", told.out);
    let listed = sh("for n in 0 17 35; do ip -n n$n neigh show | grep -vi router; done");
    assert!(listed.lines().count() < 3 * 2 * 8, "{listed}");
}

fn wrong_usage() {
    let h = host();
    let file = format!("{EXAMPLES}/part3-bridge.yaml");
    h.run(&["test", &file]).exits(2).says("--ephemeral");
    h.run(&["test", &file, "--ephemeral"])
        .exits(2)
        .says("--host");
    h.up("name: p\nnodes: { a: {} }\n").ok();
    h.run(&["test"])
        .exits(2)
        .says("expects nothing")
        .says("--matrix");
    h.run(&["test", "--port", "80/tcp"])
        .exits(2)
        .says("--matrix");
    h.run(&["test", "--matrix", "--port", "http"]).exits(2);
    h.run(&["test", "--format", "xml"]).exits(2).says("junit");
    h.run(&["test", "/nowhere.yaml"])
        .exits(2)
        .says("/nowhere.yaml");
    h.run(&["reach", "a", "b"]).exits(2).says("b is not a node");
    h.up("name: p\nnetworks: { n: { subnet: 10.1.0.0/24 } }\nnodes: { a: { networks: [n] } }\nexpect: [{ from: outside, to: a }]\n").ok();
    h.run(&["test"]).exits(2).says("up.hallway.yaml:4");
}

/// By default the network is tested, with `--service` the programs too.
fn programs() {
    let h = host();
    h.up("name: p
networks: { n: { subnet: 10.1.0.0/24 } }
nodes:
  a: { networks: [n] }
  b: { networks: [n], command: hallway serve 80, ready: 80/tcp }
  c: { networks: [n] }
expect:
  - { from: a, to: b, port: 80/tcp }
  - { from: a, to: b }
  - { from: a, to: b, port: 81/tcp }
  - { from: a, to: c, port: 80/tcp }
")
        .ok();
    h.run(&["test"]).exits(0).says("4 passed");
    let ran = h.run(&["test", "--service"]).exits(1);
    let words = "the program of b does not listen on 81/tcp";
    assert!(ran.out.contains(words), "{}", ran.out);
    ran.says("3 passed, 1 failed");
    sh("kill -9 $(ip netns pids b) 2>/dev/null || true");
    wait_for("the end of the program", || {
        h.run(&["status"]).out.contains("signal 9")
    });
    h.run(&["test"]).exits(0);
    let ran = h.run(&["test", "--service", "--format", "json"]).exits(1);
    let report = value(&ran);
    assert_eq!(report["failed"], 3);
    let program = report["results"][0]["program"].as_str().unwrap();
    assert!(program.starts_with("the program of b "), "{program}");
}

/// What an ephemeral test could leave: namespaces, processes, files, ports.
fn traces_of_it() -> (Vec<String>, String) {
    (
        processes(),
        sh("find /run/state 2>/dev/null; ls /run/netns 2>/dev/null; ss -Hltnu; ip -o link; true"),
    )
}

fn ephemeral() {
    let h = Hallway::sandbox(PROGRAM);
    let before = Snapshot::take();
    // It does not use the machine's ports: this one is in use.
    let _taken = std::net::TcpListener::bind("127.0.0.1:8080").unwrap();
    let file = "/run/up.hallway.yaml";
    std::fs::write(file, SHOP).unwrap();
    h.run(&["test", file, "--ephemeral"])
        .exits(0)
        .says("8 passed");
    before.unchanged();
    std::fs::write(file, format!("{SHOP}{WRONG}")).unwrap();
    let ran = h
        .run(&["test", file, "--ephemeral", "--format", "json"])
        .exits(1);
    assert_eq!(value(&ran)["failed"], 4);
    before.unchanged();
    h.run(&["test", file, "--ephemeral", "--matrix"]).exits(0);
    // A program that does not become ready.
    std::fs::write(file, SHOP.replace("hallway serve 80 53/udp", "false")).unwrap();
    h.run(&["test", file, "--ephemeral"])
        .exits(1)
        .says("node web");
    before.unchanged();
    std::fs::write(file, SHOP.replace("10.1.0.11", "10.9.0.11")).unwrap();
    h.run(&["test", file, "--ephemeral"]).exits(2);
    before.unchanged();
}

/// Ctrl-C at any time, and a closed pipe, leave nothing either.
fn ephemeral_interrupted() {
    let h = Hallway::sandbox(PROGRAM);
    let before = (Snapshot::take(), traces_of_it());
    // The last expectation takes all of the time.
    let slow = SHOP.replace(
        "expect:\n",
        "expect:\n  - { from: host, to: 10.1.0.99/32, reachable: false }\n",
    );
    let file = "/run/up.hallway.yaml";
    std::fs::write(file, slow).unwrap();
    let words = ["test", file, "--ephemeral", "--timeout-ms", "60000"];
    for (wait, signal) in [(20, "INT"), (90, "INT"), (250, "TERM"), (900, "INT")] {
        let mut child = h.start(&words);
        std::thread::sleep(Duration::from_millis(wait));
        sh(&format!("kill -{signal} {}", child.id()));
        let started = Instant::now();
        let code = child.wait().unwrap().code();
        // A signal before anything is made ends it at once.
        let wanted = if signal == "INT" { 130 } else { 143 };
        assert!(
            code.is_none_or(|c| c == wanted),
            "after {wait} ms: {code:?}"
        );
        assert!(
            started.elapsed() < Duration::from_secs(40) * patience(),
            "after {wait} ms it does not wait for its answer"
        );
        wait_for("nothing", || traces_of_it() == before.1);
        before.0.unchanged();
    }
    let mut child = h.start(&[
        "test",
        &format!("{EXAMPLES}/part5-ports.yaml"),
        "--ephemeral",
    ]);
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    before.0.unchanged();
}

/// `up --test` keeps what it built only if all expectations are met.
fn up_with_proof() {
    let h = host();
    let clean = Snapshot::take();
    let up = |text: &str| {
        std::fs::write("/run/up.hallway.yaml", text).unwrap();
        h.run(&["up", "/run/up.hallway.yaml", "--test"])
    };
    // There was nothing before.
    up(&format!("{SHOP}{WRONG}"))
        .exits(1)
        .says("not met")
        .says("help");
    clean.unchanged();
    let told = up(SHOP).exits(0).says("p is up");
    assert!(told.out.contains("pass  app → web"), "{}", told.out);
    let there = || {
        let program = h.run(&["inspect", "web"]).json()["program"]["pid"].clone();
        (
            sh(
                "ip -o link | sed 's/^[0-9]*: //'; nft list tables | sort | while read -r _ family name; do nft list table $family $name; done | sed 's, # progname.*,,; s/packets [0-9]* bytes [0-9]*//; /set counted/,/^\t}/d; /set ended/,/^\t}/d'",
            ),
            program,
            h.ok("export"),
        )
    };
    let before = there();
    up(SHOP).exits(0).says("nothing to change");
    // An edit with an expectation that is not met: as before, also connections and programs.
    let edited = SHOP
        .replace("ports: [3306/tcp, 53/udp]", "ports: [22/tcp]")
        .replace(
            "visitor:",
            "more: { networks: [apps], command: sleep 100 }\n  visitor:",
        );
    up(&edited)
        .exits(1)
        .says("the former state has been restored");
    assert_eq!(there(), before);
    assert!(try_sh("ip netns exec more true").is_err());
    h.project("p").run(&["test"]).exits(0);
    // Interrupted while it tests.
    let slow = SHOP
        .replace(
            "expect:\n",
            "expect:\n  - { from: host, to: 10.1.0.99/32 }\n",
        )
        .replace("8080:80", "8081:80");
    std::fs::write("/run/up.hallway.yaml", slow).unwrap();
    let mut child = h.start(&["up", "/run/up.hallway.yaml", "--test"]);
    wait_for("the probe's raw socket", || {
        let sockets = std::fs::read_to_string("/proc/net/raw").unwrap();
        sockets.lines().count() > 1
    });
    sh(&format!("kill -INT {}", child.id()));
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(there(), before);
    h.ok("-p p down");
    clean.unchanged();
}

hallway_testkit::tests![
    reaching,
    services_of_all_kinds,
    formats,
    in_bounded_time,
    every_pair_of_a_large_network,
    wrong_usage,
    programs,
    ephemeral,
    ephemeral_interrupted,
    up_with_proof,
];
