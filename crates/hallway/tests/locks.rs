//! Commands that wait for a lock: a signal ends the wait, and nothing has changed.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use hallway_testkit::{Hallway, patience, sh, wait_for};

const FILE: &str = "name: p
networks: { n: { subnet: 10.91.0.0/24 }, m: { subnet: 10.92.0.0/24 } }
nodes: { a: { networks: [n], ports: [\"8091:80\"] }, b: { networks: [n] } }
links: [ { endpoints: { a: 10.0.9.1/30, b: 10.0.9.2/30 } } ]
policies: [ { action: deny, from: a, to: b } ]
";

/// Every command that changes something.
const VERBS: [&str; 20] = [
    "up --replace /run/other.yaml",
    "down",
    "gc",
    "gc --yes",
    "node add z --network n",
    "node rm b",
    "network add o --subnet 10.93.0.0/24",
    "network rm m",
    "connect a m",
    "disconnect b n",
    "publish b 8092:80",
    "unpublish a 8091:80",
    "allow b a",
    "deny b a",
    "policy rm 1",
    "link add a:10.0.8.1/30 b:10.0.8.2/30",
    "link rm a b",
    "impair b delay=10ms",
    "restart a",
    "stop a",
];

/// Of these, what does not need the lock ends without a signal.
const WITHOUT_LOCK: [&str; 2] = ["restart a", "stop a"];

const LOCK: &str = "/run/state/host/lock";

fn start(h: &Hallway, verb: &str, ignoring: bool) -> Child {
    let words: Vec<&str> = verb.split(' ').collect();
    let command = h.command(&words);
    let script = match ignoring {
        true => "trap '' INT TERM; exec \"$@\"",
        false => "exec \"$@\"",
    };
    let mut wrapped = Command::new("sh");
    wrapped
        .args(["-c", script, "sh"])
        .arg(command.get_program());
    wrapped.args(command.get_args()).current_dir("/run");
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(key, value),
            None => wrapped.env_remove(key),
        };
    }
    let quiet = wrapped.stdin(Stdio::null()).stdout(Stdio::null());
    quiet.stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until it has opened the lock's file; false if it has ended without.
fn reaches_the_lock(child: &mut Child) -> bool {
    let mut ended = false;
    wait_for("the lock, or the end", || {
        ended = child.try_wait().unwrap().is_some();
        let fds = std::fs::read_dir(format!("/proc/{}/fd", child.id()));
        let mut fds = fds.into_iter().flatten().flatten();
        let at_lock = |path: std::path::PathBuf| path == std::path::Path::new(LOCK);
        ended || fds.any(|fd| std::fs::read_link(fd.path()).is_ok_and(at_lock))
    });
    !ended
}

/// Each is waiting, gets a signal, and ends with its number.
fn all_react(h: &Hallway, signal: &str, code: i32, ignoring: bool) {
    for verb in VERBS {
        let mut child = start(h, verb, ignoring);
        if !reaches_the_lock(&mut child) {
            assert!(WITHOUT_LOCK.contains(&verb), "{verb} does not wait");
            continue;
        }
        // Only what waits has not ended after this.
        std::thread::sleep(Duration::from_millis(60));
        if WITHOUT_LOCK.contains(&verb) {
            child.wait().unwrap();
            continue;
        }
        assert!(child.try_wait().unwrap().is_none(), "{verb} does not wait");
        sh(&format!("kill -{signal} {}", child.id()));
        let sent = Instant::now();
        let status = child.wait_with_output().unwrap();
        assert!(
            sent.elapsed() < Duration::from_secs(2) * patience(),
            "{verb}: {:?}",
            sent.elapsed()
        );
        let said = String::from_utf8_lossy(&status.stderr).into_owned();
        assert_eq!(status.status.code(), Some(code), "{verb} {signal}: {said}");
        assert!(said.contains("interrupted"), "{verb} {signal}: {said}");
    }
}

fn a_signal_ends_the_wait_for_a_lock() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p");
    std::fs::write("/run/other.yaml", FILE.replace("policies", "#")).unwrap();
    h.up(FILE).ok();
    let before = h.ok("status --format json");
    let script = format!(
        "import fcntl,sys; f=open('{LOCK}','r+'); fcntl.flock(f,fcntl.LOCK_EX); print(1,flush=True); sys.stdin.read()"
    );
    let mut holder = Command::new("python3");
    let holder = holder.args(["-c", &script]).stdin(Stdio::piped());
    let mut holder = holder.stdout(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0]).unwrap();
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        for ignoring in [false, true] {
            all_react(&h, signal, code, ignoring);
        }
    }
    assert_eq!(h.ok("status --format json"), before);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    h.run(&["status", "--exit-code"]).exits(0);
    // What waits goes on once the lock is free.
    h.ok("down");
}

hallway_testkit::tests![a_signal_ends_the_wait_for_a_lock];
