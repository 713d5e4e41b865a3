//! Traces: as predicted, of packets of other programs, of dropped packets, and without leaving anything.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

mod foreign_drops;
mod reasons;
mod spine;
mod watching;

use std::process::Command;

use foreign_drops::*;
use hallway_testkit::{Hallway, sh};
use reasons::{
    addresses_of_others_and_half_connections, missing_routes, neighbours_that_do_not_answer,
    no_listener, what_the_file_forbids,
};
use spine::*;
use watching::*;

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn shop() -> Hallway {
    let h = Hallway::host(PROGRAM);
    let text = "name: p
networks:
  apps:  { subnet: [10.1.0.0/24, \"fd01::/64\"] }
  store: { subnet: [10.2.0.0/24, \"fd02::/64\"] }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  app: { networks: { apps: { address: [10.1.0.10, \"fd01::10\"] } } }
  web: { networks: { apps: { address: [10.1.0.11, \"fd01::11\"] } }, ports: [\"8080:80\"], command: hallway serve 80 53/udp, ready: [80/tcp, 53/udp] }
  db: { networks: { store: { address: [10.2.0.10, \"fd02::10\"] } } }
  visitor: { networks: { world: { address: 203.0.113.9 } } }
policies:
  - { from: app, to: db, ports: [3306/tcp] }
";
    h.up(text).ok();
    h.project("p")
}

/// Text output: each hop with its sentence, colours only when they are enabled.
fn words() {
    let h = shop();
    let out = h.run(&["trace", "app", "db:3306", "-4", "--explain"]).ok();
    for words in [
        "app → db (10.2.0.10) 3306/tcp: open",
        "because policy 1 allows it",
        "out by eth0",
        "forward inet forwarded",
        "accept: policy 1",
        "connection",
        "only the probe's own listener",
        "the longest prefix that contains the destination decides",
        "a socket receives the packet",
    ] {
        assert!(out.contains(words), "no {words:?} in\n{out}");
    }
    assert!(!out.contains('\u{1b}'));
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
        (&["trace", "nobody", "web"][..], "nobody is not a node"),
        (&["trace", "app", "web:0"], "web:0"),
        (&["trace", "app", "web:http"], "web:http"),
        (&["trace", "app"], "required"),
        (&["trace", "app", "web", "--count", "2"], "--follow"),
        (&["trace", "app", "web", "--timeout-ms", "1"], "50"),
        (&["trace", "198.51.100.1", "web"], "cannot be tried"),
        (&["reach", "app", "web:80/dccp2"], "dccp2"),
        (&["explain", "app", ""], "is not a node"),
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

/// In a sandbox, by a user without privileges on the machine.
fn an_ordinary_user() {
    let directory = "/run/ordinary";
    sh(&format!(
        "mkdir -p {directory}; cp {PROGRAM} {directory}/hallway; cp {EXAMPLES}/part5-ports.yaml {directory}/"
    ));
    // The tests themselves may be run by an ordinary user, who cannot change to another user.
    let root = is_root();
    if root {
        sh(&format!("chown -R 65534:65534 {directory}"));
    }
    let run = |words: &str| {
        let mut command = Command::new(if root { "setpriv" } else { "env" });
        if root {
            command.args([
                "--reuid",
                "65534",
                "--regid",
                "65534",
                "--clear-groups",
                "env",
            ]);
        }
        command
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

/// Whether this process can change to another user.
fn is_root() -> bool {
    sh("id -u").trim() == "0"
        && std::fs::read_to_string("/proc/self/uid_map")
            .unwrap()
            .contains("4294967295")
}

hallway_testkit::tests![
    part5,
    dual_stack,
    part1,
    part2,
    part3,
    part4,
    part5_without_bridge_hooks,
    part6,
    three_tier,
    routed,
    home_router,
    no_example_is_left_out,
    other_ways,
    follow,
    nothing_stays,
    several_at_once,
    words,
    wrong_usage,
    an_ordinary_user,
    what_the_file_forbids,
    missing_routes,
    neighbours_that_do_not_answer,
    addresses_of_others_and_half_connections,
    no_listener,
    rules_of_others,
    what_is_not_the_packet_filter,
];
