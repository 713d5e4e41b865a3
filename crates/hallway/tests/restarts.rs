//! Programs that are started while others of the same node end.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use hallway_testkit::{Hallway, Snapshot, patience, sh, try_sh, wait_for};

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway")).project("p")
}

/// What stops, kills or waits for an old program never ends the new one of the same node, in whatever
/// order commands come, and while the keeper itself starts programs again.
fn what_ends_a_program_does_not_end_the_next() {
    let h = hallway();
    // They end some time after SIGTERM, and leave a process that has left their process group.
    let slow = "trap 'sleep 0.05; exit 0' TERM; setsid sleep 900 & sleep 901 & wait";
    let file = |n: usize| {
        format!(
            "networks: {{ n: {{}} }}
nodes:
  a: {{ networks: [n], command: [sh, -c, \"{slow}; {n}\"] }}
  b: {{ networks: [n], command: [sh, -c, \"{slow}; {n}\"], restart: always }}
  c: {{ networks: [n], command: [sh, -c, \"exec sleep 902\"] }}
  d: {{ networks: [n], command: [sh, -c, \"sleep 0.{n}\"], restart: always }}
"
        )
    };
    let count = |of: &str| sh(&format!("pgrep -cfx 'sleep {of}' || true"));
    let both = |first: &[&str], second: &[&str]| {
        let started = [h.start(first), h.start(second)];
        for (child, words) in started.into_iter().zip([first, second]) {
            let out = child.wait_with_output().unwrap();
            let text = String::from_utf8_lossy(&out.stderr).into_owned();
            assert_eq!(out.status.code(), Some(0), "{words:?}: {text}");
        }
    };
    let path = "/run/next.hallway.yaml";
    let built = ["up", "--replace", path];
    let runs = |why: &str| {
        wait_for(why, || {
            let running = |node| h.node_status(node)["program"]["state"] == "running";
            let once = [("900", "2"), ("901", "2"), ("902", "1")];
            once.iter().all(|(of, n)| count(of).trim() == *n)
                && ["a", "b", "c"].map(running) == [true; 3]
        });
    };
    std::fs::write(path, file(0)).unwrap();
    h.run(&built).exits(0);
    for round in 1..6 {
        let c = sh("pgrep -fx 'sleep 902'");
        std::fs::write(path, file(round)).unwrap();
        both(&built, &["restart", "a"]);
        runs("up, restart");
        both(&["restart", "b"], &["restart", "b"]);
        runs("restart, restart");
        h.ok("node rm a");
        let command = format!("{slow}; {round}");
        let add = [
            "node",
            "add",
            "a",
            "--network",
            "n",
            "--",
            "sh",
            "-c",
            &command,
        ];
        h.run(&add).exits(0);
        runs("rm, add");
        assert_eq!(
            sh("pgrep -fx 'sleep 902'"),
            c,
            "the program of another node"
        );
        both(&["down"], &built);
        h.run(&built).exits(0);
        runs("down, up");
    }
    h.ok("down");
}

/// A program that has ended is started by `up`, but not again if the keeper has started it meanwhile.
fn a_program_that_the_keeper_started_again_goes_on() {
    let h = hallway();
    let file = |others: usize| {
        let others = (0..others).map(|n| format!("  n{n}: {{ networks: [n] }}\n"));
        let others: String = others.collect();
        format!(
            "networks: {{ n: {{}} }}\nnodes:\n  a: {{ networks: [n], command: sleep 903, restart: always }}\n{others}"
        )
    };
    h.up(&file(0)).ok();
    for round in 1..5 {
        sh("kill -9 $(pgrep -fx 'sleep 903')");
        // This takes longer than the keeper waits.
        h.up(&file(30 * round)).ok();
        let a = h.node_status("a");
        assert_eq!(a["program"]["state"], "running", "{a}");
        assert_eq!(a["program"]["restarts"], round, "{a}");
    }
    h.ok("down");
}

/// A program that exits with 143 was not ended by a signal, and one that a signal ended was.
fn ends_are_told_as_they_were() {
    let h = hallway();
    let file = |line: &str| {
        format!("nodes: {{ a: {{ command: [sh, -c, 'echo last words; sleep 0.5; {line}'] }} }}\n")
    };
    for (line, words, code, signal) in [
        ("exit 1", "exited with 1", 1, None),
        ("exit 130", "exited with 130", 130, None),
        ("exit 143", "exited with 143", 143, None),
        ("exit 127", "exited with 127", 127, None),
        ("exit 255", "exited with 255", 255, None),
        ("kill -TERM $$", "ended by signal 15", 143, Some(15)),
        ("kill -KILL $$", "ended by signal 9", 137, Some(9)),
        ("kill -64 $$", "ended by signal 64", 192, Some(64)),
    ] {
        h.up(&file(line)).ok();
        let ended = || h.node_status("a")["program"]["state"] == "exited";
        wait_for("the end", ended);
        let status = h.ok("status");
        assert_eq!(status.matches(words).count(), 2, "{line}: {status}");
        assert!(h.ok("plan").contains(words), "{line}");
        let program = h.node_status("a")["program"].clone();
        assert_eq!(program["exit_code"], code, "{line}");
        assert_eq!(program["signal"].as_i64(), signal, "{line}");
        h.ok("down");
    }
    for (line, words) in [
        ("exit 143", "ended with exit code 143"),
        ("exit 127", "ended with exit code 127"),
        ("kill -KILL $$", "ended by signal 9"),
    ] {
        // The run waits for its end.
        let after = "{ a: { condition: service_completed_successfully } }";
        let program = format!(
            "nodes: {{ a: {{ command: [sh, -c, '{line}'] }}, b: {{ command: sleep 1, depends_on: {after} }} }}\n"
        );
        h.up(&program).exits(1).says(&format!("node a: {words}"));
    }
    h.up("nodes: { a: { command: no-such-program } }\n")
        .exits(1)
        .says("its program was not found");
}

/// A program that a command stopped is not a difference, until it is started again.
fn stopped_by_a_command() {
    let h = hallway();
    let file = "nodes: { a: { command: sleep 903 }, b: { command: sleep 904 } }\n";
    h.up(file).ok();
    h.ok("stop a");
    let ran = h.run(&["status", "--exit-code"]).exits(0);
    assert!(ran.out.contains("p is up"), "{}", ran.out);
    assert!(ran.out.contains("sleep 903 (stopped)"), "{}", ran.out);
    assert!(
        ran.out
            .contains("stopped by hallway stop: a; started again by hallway --host start a")
    );
    assert!(!ran.out.contains("signal"), "{}", ran.out);
    let json = h.run(&["status", "--format", "json"]).json();
    assert_eq!(json["state"], "up");
    assert_eq!(json["drift"], 0);
    let program = h.node_status("a")["program"].clone();
    assert_eq!(program["state"], "stopped");
    assert!(program["exit_code"].is_null(), "{program}");
    assert!(h.ok("ls").contains(" up"));
    let ran = h.run(&["graph", "--live"]).exits(0);
    assert!(!ran.err.contains("degraded"), "{}", ran.err);
    let plan = h.ok("plan");
    assert!(
        plan.contains("program a") && plan.contains("stopped by hallway stop"),
        "{plan}"
    );
    // Only start and up start it, no other change.
    h.ok("network add extra --subnet 10.99.0.0/24");
    h.ok("node add c --network extra");
    assert_eq!(h.node_status("a")["program"]["state"], "stopped");
    // Others that end are differences.
    sh("kill -9 $(pgrep -fx 'sleep 904')");
    wait_for("the end", || {
        let ran = h.run(&["status", "--exit-code"]);
        ran.code == 3 && ran.out.contains("node b: program ended by signal 9")
    });
    let runs = |node: &str| {
        wait_for("a running program", || {
            h.node_status(node)["program"]["state"] == "running"
        });
    };
    h.ok("start a");
    runs("a");
    h.ok("stop");
    h.up(file).ok();
    runs("a");
    runs("b");
    h.ok("down");
}

/// Only `up`, `start` and `restart` start a program that ended: an edit says that it is not running, and is not
/// affected by it, nor by a health check that fails.
fn edits_do_not_start_what_ended() {
    let h = hallway();
    let file = "networks: { n: {} }
nodes:
  a: { networks: [n], command: [sh, -c, 'echo once; sleep 0.3; exit 3'] }
  b: { networks: [n], command: sleep 904 }
  done: { command: 'true' }
  ill: { command: sleep 905, may_fail: true, healthcheck: { test: 'false', interval: 50ms, retries: 1 } }
";
    h.up(file).ok();
    let is_ended = || h.node_status("a")["program"]["state"] == "exited";
    wait_for("the end", is_ended);
    for edit in [
        "deny a b",
        "allow b a",
        "policy rm 1",
        "publish b 9090:90",
        "unpublish b 9090:90",
        "network add e",
        "connect b e",
        "disconnect b e",
        "impair b --clear",
    ] {
        let ran = h.run(&edit.split(' ').collect::<Vec<_>>()).exits(0);
        assert!(is_ended(), "{edit}");
        let named = "a program is not running: a (exited with 3)";
        assert!(ran.err.matches(named).count() <= 1, "{edit}: {}", ran.err);
    }
    let said = h.run(&["deny", "b", "a"]).exits(0);
    said.says("warning: a program is not running: a (exited with 3)");
    assert_eq!(h.ok("logs a").matches("once").count(), 1);
    // What an edit itself starts it waits for.
    h.run(&["node", "add", "z", "--network", "n", "--", "false"])
        .exits(1)
        .says("node z: ended with exit code 1");
    h.up(file).ok();
    wait_for("the second end", || {
        h.ok("logs a").matches("once").count() == 2
    });
    h.ok("down");
}

/// `down` goes on to its end after a signal, and says so at once.
fn down_goes_on_after_a_signal() {
    let before = Snapshot::take();
    let h = hallway();
    // It notes SIGTERM, and ends only when the test lets it: `down` waits up to 10 s for that.
    let command = "trap ': > /run/asked' TERM; until [ -e /run/go ]; do sleep 0.05; done";
    let file = format!("nodes: {{ a: {{ command: [sh, -c, \"{command}\"] }} }}\n");
    for signal in ["INT", "TERM"] {
        h.up(&file).ok();
        // The shell has set its trap before.
        wait_for("the program", || {
            sh("pgrep -cfx 'sleep 0.05' || true").trim() != "0"
        });
        let mut down = h.start(&["down"]);
        wait_for("SIGTERM", || Path::new("/run/asked").exists());
        sh(&format!("kill -{signal} {}", down.id()));
        let mut lines = BufReader::new(down.stderr.take().unwrap()).lines();
        let said: Vec<String> = lines.by_ref().take(1).map(Result::unwrap).collect();
        std::fs::write("/run/go", "").unwrap();
        assert_eq!(
            said,
            ["down goes on to its end; a second signal ends it"],
            "{signal}"
        );
        let rest: Vec<String> = lines.map(Result::unwrap).collect();
        assert_eq!(down.wait().unwrap().code(), Some(0), "{signal}: {rest:?}");
        assert!(
            rest.iter().any(|line| line.starts_with("p is down")),
            "{rest:?}"
        );
        h.run(&["ls"]).exits(0).says("nothing is up");
        sh("rm /run/asked /run/go");
    }
    before.unchanged();
}

/// A signal while `down` waits for another command ends it: nothing is said of going on.
fn a_signal_before_down_begins() {
    let h = hallway();
    h.up("nodes: { a: { command: sleep 905 } }\n").ok();
    let path = Path::new("/run/state/host/lock");
    let lock = std::fs::File::options().write(true).open(path).unwrap();
    lock.lock().unwrap();
    let mut down = h.start(&["down"]);
    wait_for("the lock", || {
        let fds = std::fs::read_dir(format!("/proc/{}/fd", down.id()));
        let mut fds = fds.into_iter().flatten().flatten();
        let waits = fds.any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == path));
        waits || down.try_wait().unwrap().is_some()
    });
    sh(&format!("kill -INT {}", down.id()));
    let out = down.wait_with_output().unwrap();
    drop(lock);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert!(!said.contains("goes on"), "{said}");
    h.run(&["status", "--exit-code"]).exits(0);
    h.ok("down");
}

/// A debugger holds the runner, or the program itself, and does not wait for what it holds.
fn a_traced_runner_or_program_does_not_hold_up_the_end() {
    let h = hallway();
    let file = "nodes: { a: { command: hallway serve 80, ready: 80/tcp } }\n";
    let trace = "import ctypes, os, sys, time
c = ctypes.CDLL(None)
assert c.ptrace(16, int(sys.argv[1]), 0, 0) == 0  # PTRACE_ATTACH
open('/run/traced', 'w').close()
time.sleep(1000)";
    std::fs::write("/run/trace.py", trace).unwrap();
    for (process, limit) in [("__program [p]", 10), ("serve 8[0]", 20)] {
        for verb in ["restart", "stop"] {
            h.up(file).ok();
            let pid = sh(&format!("pgrep -f '{process}'"));
            let mut tracer = Command::new("python3")
                .args(["/run/trace.py", pid.trim()])
                .spawn()
                .unwrap();
            wait_for("the tracer", || Path::new("/run/traced").exists());
            let begin = Instant::now();
            h.run(&[verb, "a"]).exits(0);
            let took = begin.elapsed().as_secs();
            assert!(
                took < limit * u64::from(patience()),
                "{process} {verb}: {took} s"
            );
            tracer.kill().unwrap();
            tracer.wait().unwrap();
            std::fs::remove_file("/run/traced").unwrap();
        }
    }
    h.ok("down");
    assert_eq!(try_sh("pgrep -f 'serve 8[0]'").ok(), None);
}

hallway_testkit::tests![
    a_traced_runner_or_program_does_not_hold_up_the_end,
    down_goes_on_after_a_signal,
    a_signal_before_down_begins,
    what_ends_a_program_does_not_end_the_next,
    a_program_that_the_keeper_started_again_goes_on,
    ends_are_told_as_they_were,
    stopped_by_a_command,
    edits_do_not_start_what_ended,
];
