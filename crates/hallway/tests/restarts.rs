//! Programs that are started while others of the same node end.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, sh, wait_for};

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

hallway_testkit::tests![
    what_ends_a_program_does_not_end_the_next,
    a_program_that_the_keeper_started_again_goes_on,
];
