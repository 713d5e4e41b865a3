//! Killed at any moment: the next `up` completes it, the next `down` removes it, and nothing is
//! left.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::time::{Duration, Instant};

use hallway_testkit::{Hallway, Snapshot, sh, wait_for};

const FILE: &str = "networks:
  apps: { subnet: [10.9.0.0/24, fd09::/64] }
  store: { subnet: 10.8.0.0/24, internal: true }
  world: { subnet: 203.0.113.0/24, outside: true }
nodes:
  a: { networks: [apps], command: hallway serve 80, ready: 80/tcp, ports: [\"8080:80\"] }
  b: { networks: [store], command: hallway serve 81, ready: 81/tcp }
  c: { networks: { apps: { bandwidth: 10mbit } } }
  d: { networks: [world] }
links: [{ endpoints: { c: 10.1.0.1/24, e: 10.1.0.2/24 } }]
policies: [{ from: a, to: b }, { action: deny, between: [a, c] }]
";

/// Moments during a run: evenly distributed, and more of them than it has steps.
const INSTANTS: u32 = 30;

fn foreign_things() {
    sh("nft add table inet theirs; nft 'add chain inet theirs c { type filter hook forward priority 5; }'
        ip netns add theirs; ip link add br-theirs type bridge; ip addr add 192.0.2.1/24 dev br-theirs
        ip link set br-theirs up");
}

/// How long a whole run takes here.
fn length(mut run: impl FnMut()) -> Duration {
    let started = Instant::now();
    run();
    started.elapsed()
}

/// Starts a command and kills it, and it alone, after some time.
fn kill_after(h: &Hallway, words: &[&str], after: Duration) {
    let mut child = h.start(words);
    std::thread::sleep(after);
    child.kill().ok();
    child.wait().unwrap();
}

fn works(h: &Hallway) {
    assert!(h.reads("a", "http://b:81/"), "allowed traffic");
    assert!(h.cannot_ping("a", "c"), "denied traffic");
    sh("curl -s -m 30 http://127.0.0.1:8080/");
}

fn while_building() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    foreign_things();
    std::fs::write("/run/up.hallway.yaml", FILE).unwrap();
    let before = Snapshot::take();
    let whole = length(|| {
        h.ok("up /run/up.hallway.yaml");
    });
    h.ok("down");
    before.unchanged();
    for instant in 0..INSTANTS {
        kill_after(
            &h,
            &["up", "/run/up.hallway.yaml"],
            whole * instant / INSTANTS,
        );
        if instant % 2 == 0 {
            h.ok("down");
            sh("rm -rf /run/state");
            before.unchanged();
        } else {
            h.ok("up /run/up.hallway.yaml");
            works(&h);
            h.ok("down");
            before.unchanged();
        }
    }
}

fn while_removing() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    foreign_things();
    std::fs::write("/run/up.hallway.yaml", FILE).unwrap();
    let before = Snapshot::take();
    h.ok("up /run/up.hallway.yaml");
    let whole = length(|| {
        h.ok("down");
    });
    for instant in 0..INSTANTS {
        h.ok("up /run/up.hallway.yaml");
        kill_after(&h, &["down"], whole * instant / INSTANTS);
        if instant % 2 == 0 {
            h.ok("up /run/up.hallway.yaml");
            works(&h);
        }
        h.ok("down");
        sh("rm -rf /run/state");
        before.unchanged();
    }
}

/// From one file to another and back, killed in between.
fn while_changing() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let before = Snapshot::take();
    let other = "networks: { apps: { subnet: 10.9.0.0/24, mode: routed } }
nodes: { c: { networks: [apps], command: hallway serve 90, ready: 90/tcp }, f: { networks: [apps] } }
";
    std::fs::write("/run/keep", other).unwrap();
    std::fs::write("/run/up.hallway.yaml", FILE).unwrap();
    h.ok("up --replace /run/up.hallway.yaml");
    let whole = length(|| {
        h.ok("up --replace /run/keep");
    });
    for instant in 0..INSTANTS {
        h.ok("up --replace /run/up.hallway.yaml");
        kill_after(
            &h,
            &["up", "--replace", "/run/keep"],
            whole * instant / INSTANTS,
        );
        match instant % 3 {
            0 => {
                h.ok("up --replace /run/up.hallway.yaml");
                works(&h);
            }
            1 => {
                h.ok("up --replace /run/keep");
                assert!(h.reads("f", "http://c:90/"));
            }
            _ => {
                h.ok("down");
                before.unchanged();
            }
        }
    }
    h.ok("down");
    before.unchanged();
}

/// One node is added and removed; what a killed command left is completed or removed by any next one.
fn while_one_node_comes_or_goes() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    let before = Snapshot::take();
    std::fs::write("/run/up.hallway.yaml", FILE).unwrap();
    h.ok("up /run/up.hallway.yaml");
    let add = "node add x --network apps --publish 8081:80";
    let run: Vec<&str> = add.split(' ').collect();
    let whole = length(|| {
        h.ok(add);
    });
    h.ok("node rm x");
    let same = |h: &Hallway| {
        h.run(&["status", "--exit-code"]).ok();
        works(h);
    };
    for instant in (0..INSTANTS).step_by(2) {
        kill_after(&h, &run, whole * instant / INSTANTS);
        match instant % 3 {
            0 => {
                h.ok("up /run/up.hallway.yaml");
                same(&h);
                h.ok(add);
            }
            1 => {
                h.ok("node add y --network apps");
                h.ok("node rm y");
                same(&h);
            }
            _ => {
                h.ok("down");
                before.unchanged();
                h.ok("up /run/up.hallway.yaml");
                h.ok(add);
            }
        }
        if h.run(&["inspect", "x"]).code == 0 {
            kill_after(&h, &["node", "rm", "x"], whole * instant / INSTANTS);
        }
        h.ok("up /run/up.hallway.yaml");
        same(&h);
    }
    h.ok("down");
    before.unchanged();
}

/// A keeper whose `up` was killed before it sent a request.
fn a_keeper_whose_starter_was_killed() {
    let before = Snapshot::take();
    let gone = std::process::Command::new("true").spawn().unwrap();
    let starter = gone.id().to_string();
    gone.wait_with_output().unwrap();
    let mut keeper = std::process::Command::new(env!("CARGO_BIN_EXE_hallway"))
        .args(["__keeper", "p", "-", &starter])
        .spawn()
        .unwrap();
    wait_for("its end", || keeper.try_wait().unwrap().is_some());
    before.unchanged();
}

hallway_testkit::tests![
    while_building,
    while_removing,
    while_changing,
    while_one_node_comes_or_goes,
    a_keeper_whose_starter_was_killed,
];
