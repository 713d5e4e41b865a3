//! What programs print, and how it reaches their logs.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::Read as _;

use hallway_testkit::{Hallway, sh, try_sh, wait_for};

fn places() -> [Hallway; 2] {
    Hallway::places(env!("CARGO_BIN_EXE_hallway"))
}

/// A project with one program.
fn up(h: &Hallway, keys: &str, script: &str) {
    h.up(&format!(
        "nodes: {{ a: {{ {keys}command: \"sh -c '{script}'\" }} }}\n"
    ))
    .ok();
}

/// A program of any user may open its standard streams by name, and its log is not emptied.
fn streams_are_opened_by_name() {
    let script =
        "echo first; echo second >/dev/stderr; echo third >/dev/stdout; echo last; exec sleep 1000";
    for h in places() {
        // An ordinary user cannot become others.
        let users = match try_sh("setpriv --reuid 1000 true").is_ok() {
            true => vec!["", "user: nobody, "],
            false => vec![""],
        };
        for user in users {
            up(&h, user, script);
            wait_for("the last line", || h.ok("logs a").ends_with("last\n"));
            assert_eq!(h.ok("logs a"), "first\nsecond\nthird\nlast\n", "{user}");
            h.ok("down");
        }
    }
}

/// Everything that was printed before the end is in the log when the end is reported; what the program has
/// started may print later.
fn the_log_is_complete_at_the_end() {
    sh("mkdir /run/later");
    for h in places() {
        let later =
            "while ! test -e /run/later/go; do sleep 0.05; done; echo late; exec sleep 1000";
        up(&h, "", &format!("({later}) & exec seq 1 50000"));
        wait_for("the end", || h.ok("status").contains("exited"));
        let log = h.ok("logs a");
        assert_eq!(log.lines().count(), 50_000);
        assert!(log.ends_with("\n50000\n"));
        sh("touch /run/later/go");
        wait_for("the late line", || h.ok("logs a").ends_with("late\n"));
        h.ok("down");
        sh("rm /run/later/go");
    }
}

/// A log larger than the memory that a command may have: its end is read alone.
fn large_logs_are_read_in_pieces() {
    let [h, _] = places();
    let h = h.project("p");
    up(&h, "", "seq 1 50000; exec sleep 1000");
    wait_for("the last line", || h.ok("logs a").ends_with("50000\n"));
    assert_eq!(h.ok("logs a").lines().count(), 50_000);
    assert_eq!(h.ok("logs a --tail 3"), "49998\n49999\n50000\n");
    let limited = |words: &str| {
        let mut command = std::process::Command::new("prlimit");
        let words: Vec<&str> = words.split(' ').collect();
        let inner = h.command(&words);
        command.args(["--as=1500000000", env!("CARGO_BIN_EXE_hallway")]);
        command.args(inner.get_args());
        for (key, value) in inner.get_envs() {
            if let Some(value) = value {
                command.env(key, value);
            }
        }
        let ran = command.output().unwrap();
        assert!(ran.status.success(), "{words:?}: {ran:?}");
        ran.stdout
    };
    sh("cd /run/state/*/projects/p; touch events.jsonl; truncate -s 3G logs/a.log events.jsonl");
    for words in [
        "logs a --tail 3",
        "logs -t --tail 2 a",
        "logs --events --tail 1",
    ] {
        assert!(limited(words).len() < 8 << 20, "{words}");
    }
    sh("cd /run/state/*/projects/p; printf '\\nnext\\nlast\\n' >> logs/a.log");
    assert_eq!(limited("logs a --tail 2"), b"next\nlast\n");
    h.ok("down");
}

/// `logs -f` ends with the nodes that it was asked for.
fn followed_until_the_node_is_removed() {
    for h in places() {
        h.up("nodes: { a: { command: \"sh -c 'echo one; exec sleep 1000'\" }, b: {} }\n")
            .ok();
        wait_for("the line", || h.ok("logs a") == "one\n");
        let mut follow = h.start(&["logs", "-f", "a"]);
        let mut printed = [0; 4];
        let mut pipe = follow.stdout.take().unwrap();
        pipe.read_exact(&mut printed).unwrap();
        assert_eq!(&printed, b"one\n");
        h.ok("node rm a");
        wait_for("its end", || follow.try_wait().unwrap().is_some());
        assert!(follow.wait().unwrap().success());
        h.ok("down");
    }
}

/// A log that cannot be written any more does not stop a program. As soon as it can be written, how much is
/// missing is in it.
fn a_full_disk_does_not_stop_a_program() {
    sh(
        "mkdir /run/later; mkdir -p -m 700 /run/state; mount -t tmpfs -o size=512k,mode=700 tmpfs /run/state",
    );
    for h in places() {
        let then = "while ! test -e /run/later/go; do sleep 0.05; done; echo later; wait";
        up(&h, "", &format!("seq 1 200000; sleep 4242 & {then}"));
        wait_for("its next command", || {
            try_sh("pgrep -x -f 'sleep 4242'").is_ok()
        });
        sh("mount -o remount,size=64m /run/state; touch /run/later/go");
        wait_for("the last line", || h.ok("logs a").ends_with("later\n"));
        let log = h.ok("logs a");
        let mut last = log.lines().rev();
        assert_eq!(last.next(), Some("later"));
        let missing = last.next().unwrap();
        let words = " bytes of output could not be written here";
        let bytes = missing
            .strip_prefix("hallway: ")
            .unwrap()
            .strip_suffix(words);
        let bytes: usize = bytes.unwrap().parse().unwrap();
        // All that was printed, and the note with its empty line, is there or counted.
        let there =
            log.len() - missing.len() - "later\n\n\n".len() - usize::from(!log.contains("\n\n"));
        let printed: usize = (1..=200_000).map(|n: usize| n.to_string().len() + 1).sum();
        assert!(
            printed.abs_diff(there + bytes) <= 1,
            "{printed} {there} {bytes}"
        );
        h.ok("down");
        sh("rm /run/later/go; mount -o remount,size=512k /run/state");
    }
}

hallway_testkit::tests![
    large_logs_are_read_in_pieces,
    streams_are_opened_by_name,
    the_log_is_complete_at_the_end,
    a_full_disk_does_not_stop_a_program,
    followed_until_the_node_is_removed,
];
