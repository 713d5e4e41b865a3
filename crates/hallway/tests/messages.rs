//! What people are told: of programs that ended, of arguments that a project does not allow, in narrow
//! terminals, and while they type.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use hallway_testkit::{Hallway, sh, skip, try_sh, wait_for};

const PROGRAM: &str = env!("CARGO_BIN_EXE_hallway");

fn hallway() -> Hallway {
    Hallway::host(PROGRAM).project("p")
}

/// When a program ended, with which code, and the last line of its log.
fn programs_that_ended() {
    let h = hallway();
    let file = "nodes:
  dies: { command: \"sh -c 'sleep 0.5; echo first; echo bye >&2; exit 3'\" }
  done: { command: \"sh -c 'echo well'\" }
";
    h.up(file).ok();
    wait_for("the end", || h.ok("status").contains("exited with 3"));
    let status = h.ok("status");
    let line = |node: &str| status.lines().find(|l| l.contains(node)).unwrap();
    assert!(line("dies").contains(" s ago; last line: bye"), "{status}");
    assert!(line("done").contains("exited with 0, "), "{status}");
    assert!(!line("done").contains("last line"), "{status}");
    let json = h.run(&["status", "--format", "json"]).json();
    let nodes = json["nodes"].as_array().unwrap();
    let program = |name: &str| &nodes.iter().find(|n| n["name"] == name).unwrap()["program"];
    assert_eq!(program("dies")["last_line"], "bye");
    assert!(program("dies")["ended_seconds_ago"].is_u64(), "{json}");
    h.ok("down");
}

/// `up --attach` says that a program has ended, after its output.
fn ends_are_printed() {
    let h = hallway();
    let file = "nodes:
  dies: { command: \"sh -c 'sleep 0.5; echo bye; exit 3'\" }
  stays: { command: sleep 1000 }
";
    std::fs::write("/run/two.yaml", file).unwrap();
    let mut child = h
        .command(&["up", "--attach", "/run/two.yaml"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap).filter(|l| l.starts_with("dies"));
    assert_eq!(lines.next().unwrap(), "dies  | bye");
    assert_eq!(lines.next().unwrap(), "dies has ended with code 3");
    sh(&format!("kill -INT {}", child.id()));
    assert!(child.wait().unwrap().success());
}

/// A program that is nowhere is not called forbidden, also if a directory of PATH may not be searched.
fn programs_that_are_nowhere() {
    let h = Hallway::sandbox(PROGRAM).project("p");
    sh("mkdir -p -m 700 /run/closed/bin; chmod 700 /run/closed");
    h.up("nodes: { a: {} }\n").ok();
    for words in [
        ["exec", "a", "--", "no-such-program"].as_slice(),
        &["sandbox", "shell", "--", "no-such-program"],
    ] {
        let mut command = h.command(words);
        let command = command.env("PATH", "/run/closed/bin:/usr/bin:/bin");
        let out = command.output().unwrap();
        let err = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(127), "{err}");
        assert!(
            err.contains("there is no program no-such-program in PATH"),
            "{err}"
        );
    }
    h.up("nodes: { a: { command: no-such-program } }\n")
        .exits(1)
        .says("its program was not found")
        .says("there is no program no-such-program in PATH");
}

/// The prompt has only what the shell understands.
fn prompts() {
    let h = hallway();
    h.up("nodes: { web: {} }\n").ok();
    // A shell that prints its prompt instead of showing it, under the names of others.
    let shell = |name: &str| {
        let path = format!("/run/{name}");
        std::fs::write(
            &path,
            "#!/bin/sh\nprintf '%s|%s' \"$PS1\" \"$PROMPT_COMMAND\"\n",
        )
        .unwrap();
        sh(&format!("chmod 755 {path}"));
        let mut command = h.command(&["shell", "web"]);
        let out = command.env("SHELL", path).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    assert_eq!(shell("dash"), "web$ |");
    assert!(shell("bash").starts_with("web:\\w\\$ |PS1="));
    assert_eq!(shell("zsh"), "web:%~%# |");
    h.ok("down");
}

/// Commands give the warnings of their own change only, and errors without lines of a text that nobody
/// has written.
fn warnings_once_and_errors_of_arguments() {
    let h = hallway();
    let file = "networks: { n: { subnet: 10.9.0.0/24 } }
nodes: { x: { networks: [n], ports: [\"7000:70/sctp\"] }, y: { networks: [n] } }
links: [{ endpoints: { x: 10.1.0.1/24, y: 10.2.0.1/24 } }]
";
    h.up(file).exits(0).says("not in one subnet").says("sctp");
    let quiet = |words: &str| {
        let ran = h.run(&words.split(' ').collect::<Vec<_>>()).exits(0);
        assert!(!ran.err.contains("warning"), "{words}: {}", ran.err);
    };
    quiet("deny x y");
    quiet("impair x:eth0 rate=1mbit");
    quiet("node add z --network n");
    let ran = h.run(&["publish", "y", "7001:70/sctp"]).exits(0);
    let count = ran.err.matches("warning").count();
    assert!(count == 1 && ran.err.contains("7001"), "{}", ran.err);
    assert!(!ran.err.contains("-->"), "{}", ran.err);
    let ran = h.run(&["allow", "nope", "x"]).exits(2).says("nope");
    assert!(!ran.err.contains("-->"), "{}", ran.err);
    h.ok("down");
}

/// One cable of several is removed by its interfaces.
fn one_cable_of_several() {
    let h = hallway();
    h.up("nodes: { y: {}, z: {} }\n").ok();
    for n in 0..3 {
        h.ok(&format!("link add z:10.0.{n}.1/30 y:10.0.{n}.2/30"));
    }
    h.run(&["link", "rm", "z", "y"])
        .exits(2)
        .says("there are 3 cables between z and y")
        .says("hallway link rm z:eth1 y:eth1");
    h.run(&["link", "rm", "y:eth1", "z:eth1"])
        .exits(0)
        .says("link between y:eth1 and z:eth1 removed");
    let left = || {
        let nodes = h.ok("node ls");
        let there = (0..3).filter(|n| nodes.contains(&format!("10.0.{n}.1/30")));
        there.collect::<Vec<i32>>()
    };
    assert_eq!(left(), [0, 2]);
    h.ok("link rm z:eth0 y");
    assert_eq!(left(), [2]);
    h.ok("link rm z y");
    h.run(&["link", "rm", "z", "y"])
        .exits(2)
        .says("there is no link between z and y");
    h.ok("down");
}

/// Usage shows no option that a variable gives.
fn usage_without_variables() {
    let ran = hallway().run(&["explain", "a"]);
    assert!(ran.err.contains("Usage:"), "{}", ran.err);
    assert!(!ran.err.contains("--state-dir"), "{}", ran.err);
}

/// Arguments that are not UTF-8.
fn arguments_of_any_bytes() {
    for before in [&["status", "-p"][..], &["up"], &[]] {
        let word = std::ffi::OsStr::from_bytes(b"\xff");
        let mut command = hallway().command(before);
        let ran = command.arg(word).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(2), "{said}");
        assert!(said.starts_with("error:"), "{said}");
    }
}

/// Long lines are broken in a narrow terminal.
fn narrow_terminals() {
    if try_sh("script -qec true /dev/null").is_err() {
        skip("there are no terminals here (/dev/pts)");
    }
    let file = "networks: { apps: { subnet: 10.9.0.0/24 } }
nodes:
  a: { networks: [apps], command: sleep 1000 }
  b: { networks: [apps], ports: [\"8080:80\"] }
";
    std::fs::write("/run/a-file-with-a-long-name-of-its-own.yaml", file).unwrap();
    let plan = "-p p plan /run/a-file-with-a-long-name-of-its-own.yaml";
    let commands = [
        plan,
        "-p p up /run/a-file-with-a-long-name-of-its-own.yaml",
        "-p p status",
        "up /run/another-file-with-a-long-name.yaml",
        "doctor",
        "-p p down",
    ];
    for words in commands {
        let line = format!(
            "stty cols 60; HALLWAY_STATE_DIR=/run/state HALLWAY_PASTA=0 {PROGRAM} --host {words}"
        );
        let out = sh(&format!("script -qec '{line}' /dev/null || true"));
        assert!(!out.is_empty(), "{words}");
        for line in out.lines() {
            let plain = without_colours(line.trim_end());
            let long = plain.split(' ').any(|word| word.chars().count() > 40);
            assert!(plain.chars().count() <= 60 || long, "{words}: {plain}");
        }
    }
}

/// A line without escape sequences.
fn without_colours(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    out.extend(parts.filter_map(|part| part.split_once('m').map(|(_, rest)| rest)));
    out
}

hallway_testkit::tests![
    programs_that_ended,
    ends_are_printed,
    programs_that_are_nowhere,
    prompts,
    warnings_once_and_errors_of_arguments,
    one_cable_of_several,
    usage_without_variables,
    arguments_of_any_bytes,
    narrow_terminals,
];
