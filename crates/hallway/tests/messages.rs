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
  fails: { command: \"sh -c 'sleep 0.5; echo first; echo bye >&2; exit 3'\" }
  done: { command: \"sh -c 'echo well'\" }
";
    h.up(file).ok();
    wait_for("the end", || h.ok("status").contains("exited with 3"));
    let status = h.ok("status");
    let line = |node: &str| status.lines().find(|l| l.contains(node)).unwrap();
    assert!(line("fails").contains(" s ago; last line: bye"), "{status}");
    assert!(line("done").contains("exited with 0, "), "{status}");
    assert!(!line("done").contains("last line"), "{status}");
    let json = h.run(&["status", "--format", "json"]).json();
    let nodes = json["nodes"].as_array().unwrap();
    let program = |name: &str| &nodes.iter().find(|n| n["name"] == name).unwrap()["program"];
    assert_eq!(program("fails")["last_line"], "bye");
    assert!(program("fails")["ended_seconds_ago"].is_u64(), "{json}");
    h.ok("down");
}

/// `up --attach` says that a program has ended, after its output.
fn ends_are_printed() {
    let h = hallway();
    let file = "nodes:
  fails: { command: \"sh -c 'sleep 0.5; echo bye; exit 3'\" }
  stays: { command: sleep 1000 }
";
    std::fs::write("/run/two.yaml", file).unwrap();
    let mut child = h
        .command(&["up", "--attach", "/run/two.yaml"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap).filter(|l| l.starts_with("fails"));
    assert_eq!(lines.next().unwrap(), "fails | bye");
    assert_eq!(lines.next().unwrap(), "fails exited with 3");
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
            "#!/bin/sh\nprintf '%s|%s' \"$PS1\" \"$PROMPT_COMMAND$*\"\n",
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
    let fish = shell("fish");
    assert!(
        fish.contains("|--init-command function fish_prompt;"),
        "{fish}"
    );
    assert!(fish.contains("echo -n 'web:'(prompt_pwd)"), "{fish}");
    h.ok("down");
}

/// Root of a sandbox is another user than root of the machine, and may not read its home: shells get
/// another one, and print no errors for it.
fn a_home_that_is_closed() {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap();
    if !map.trim_end().ends_with(" 4294967295") {
        skip("needs root of the machine");
    }
    sh(
        "mkdir -m 700 /run/home; printf '#!/bin/sh\necho home $HOME\n' > /run/shell; chmod 755 /run/shell",
    );
    let h = Hallway::sandbox(PROGRAM).project("p");
    h.up("nodes: { web: {} }\n").ok();
    let home = |words: &[&str]| {
        let mut command = h.command(words);
        command.env("SHELL", "/run/shell").env("HOME", "/run/home");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for words in [["shell", "web"], ["sandbox", "shell"]] {
        assert_eq!(home(&words), "home /\n", "{words:?}");
    }
    sh("chmod 711 /run/home");
    assert_eq!(home(&["shell", "web"]), "home /run/home\n");
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
        .says("there are 3 links between z and y")
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
        "-p p validate /run/a-file-with-a-long-name-of-its-own.yaml",
        "-p p explain a b:80",
        "-p p reach b a:9999",
        "-p p graph",
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

/// A node of another project or sandbox, and a network that does not exist.
fn names_that_are_elsewhere() {
    let h = Hallway::sandbox(PROGRAM);
    h.up("name: one\nnetworks: { apps: {} }\nnodes: { app1: { networks: [apps] } }\n")
        .ok();
    std::fs::write("/run/two.yaml", "nodes: { x: {}, app1: {} }\n").unwrap();
    h.ok("up /run/two.yaml");
    for verb in ["explain", "reach", "trace"] {
        h.run(&["-p", "one", verb, "x", "app1"])
            .exits(2)
            .says("project one has no node x\n  help: there is a node x elsewhere; name its project with -p two");
    }
    h.run(&[
        "--sandbox",
        "other",
        "explain",
        "-f",
        "/run/two.yaml",
        "app1",
        "y:80",
    ])
    .exits(2)
    .says("y:80 is not a node");
    h.run(&["-p", "one", "connect", "app1", "nope"])
        .exits(2)
        .says("error: there is no network nope\n  help: hallway network add nope adds it");
    h.run(&["-p", "one", "connect", "app1", "aps"])
        .exits(2)
        .says("error: there is no network aps\n  help: did you mean apps?");
    h.run(&["-p", "two", "node", "add", "late", "--network", "apps"])
        .exits(2)
        .says("error: there is no network apps\n  help: there is a network apps elsewhere; name its project with -p one");
    h.ok("sandbox rm default");
}

/// Without a terminal no line is folded, and none of the file is cut.
fn messages_in_a_pipe() {
    let h = Hallway::sandbox(PROGRAM);
    let long = "x".repeat(300);
    let text = format!("nodes: {{ a: {{ environment: {{ LONG: {long} }}, commandd: {long} }} }}\n");
    std::fs::write("/run/long.yaml", &text).unwrap();
    let said = h.run(&["validate", "/run/long.yaml"]).exits(2).err;
    assert!(said.contains(text.trim_end()), "{said}");
    let help = said.lines().find(|l| l.contains("= help:")).unwrap();
    assert!(help.ends_with("forwarding, limits"), "{said}");
    let mut narrow = h.command(&["validate", "/run/long.yaml"]);
    let narrow = narrow.env("COLUMNS", "60").output().unwrap();
    let narrow = String::from_utf8(narrow.stderr).unwrap();
    assert!(narrow.lines().all(|l| l.chars().count() <= 60), "{narrow}");
}

/// What an ordinary user may not do, and what to do instead.
fn rights_of_an_ordinary_user() {
    if try_sh("setpriv --reuid 1001 true").is_err() {
        skip("needs root, to act as two users");
    }
    let user = |words: &str| {
        sh(&format!(
            "setpriv --reuid 1001 --regid 1001 --clear-groups --bounding-set=-all {PROGRAM} {words} 2>&1 || true"
        ))
    };
    sh("echo 1024 > /proc/sys/net/ipv4/ip_unprivileged_port_start");
    let said = user("serve 80");
    assert!(said.contains("hallway serve 8080"), "{said}");
    assert!(said.contains("ip_unprivileged_port_start=80"), "{said}");
    std::fs::create_dir_all("/run/root").unwrap();
    sh("chmod 755 /run/root");
    let said = user("install apparmor --directory /run/root");
    assert!(said.contains("sudo hallway install apparmor"), "{said}");
    assert!(said.contains("--print"), "{said}");
}

/// A copy of the repository's examples, as someone has it who follows the help.
const COPY: &str = "/run/copy";

/// Examples that run until Ctrl-C, and that are not run here: a measurement, and a file of the machine.
const UNTIL_CTRL_C: [&str; 6] = [
    "--attach",
    " -f",
    " capture ",
    " serve ",
    "-w web.pcap",
    "--watch",
];
const NOT_RUN: [&str; 2] = ["hallway bench ", "hallway install apparmor"];

fn examples_of_help() {
    let h = Hallway::sandbox(PROGRAM).within(COPY);
    std::fs::create_dir_all(format!("{COPY}/examples")).unwrap();
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../examples/three-tier.yaml"
    );
    std::fs::copy(file, format!("{COPY}/examples/three-tier.yaml")).unwrap();
    let verbs = verbs(&h, "");
    let below = verbs.iter().flat_map(|verb| self::verbs(&h, verb));
    let all: Vec<String> = verbs.iter().cloned().chain(below).collect();
    let (mut count, mut failed) = (0, Vec::new());
    for verb in all {
        let help = h.ok(&format!("help {verb}"));
        assert!(help.contains("\nExample"), "{verb}");
        let (_, examples) = help.split_once("\nExample").unwrap();
        h.ok("up --replace examples/three-tier.yaml");
        let examples = examples.lines().skip(1).map(str::trim);
        for example in examples.filter(|e| e.starts_with("hallway ")) {
            failed.extend(run_example(&h, example));
            count += 1;
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(count > 70, "{count}");
    h.ok("down -p three-tier");
}

/// The verbs, or those below one.
fn verbs(h: &Hallway, of: &str) -> Vec<String> {
    let help = h.ok(format!("help {of}").trim());
    let (list, _) = help.split_once("Options:").unwrap_or((&help, ""));
    let list = match of {
        "" => list,
        _ => list.split_once("Commands:").map_or("", |(_, list)| list),
    };
    let lines = list
        .lines()
        .filter(|l| l.starts_with("  ") && !l.starts_with("   "));
    let names = lines.filter_map(|l| l.split_whitespace().next());
    let names = names.filter(|name| *name != "help");
    names
        .map(|name| format!("{of} {name}").trim().to_owned())
        .collect()
}

/// Why an example does not work.
fn run_example(h: &Hallway, example: &str) -> Option<String> {
    if NOT_RUN.iter().any(|words| example.starts_with(words)) && !example.contains("--print") {
        return None;
    }
    let (command, to) = example.split_once(" > ").unwrap_or((example, ""));
    let words = hallway_spec::Command::split(command).unwrap();
    let words: Vec<&str> = words.words().iter().skip(1).map(String::as_str).collect();
    if UNTIL_CTRL_C.iter().any(|part| command.contains(part)) {
        let printed = std::fs::File::create("/run/printed").unwrap();
        let mut command = h.command(&words);
        command.stdout(printed.try_clone().unwrap()).stderr(printed);
        let mut child = command.spawn().unwrap();
        let begun = || std::fs::metadata("/run/printed").unwrap().len() > 0;
        wait_for(example, || begun() || child.try_wait().unwrap().is_some());
        // Unlike SIGINT, it is not ignored in programs that a shell has started in the background.
        sh(&format!("kill -TERM {}", child.id()));
        let ended = child.wait().unwrap();
        let printed = std::fs::read_to_string("/run/printed").unwrap();
        let as_told = matches!(ended.code(), Some(0 | 130 | 143) | None);
        return (!as_told).then(|| format!("{example}: {ended} {printed}"));
    }
    let ran = h.run(&words);
    if !to.is_empty() {
        std::fs::write(format!("{COPY}/{to}"), &ran.out).unwrap();
    }
    let no_netem = ran.err.contains("this kernel has no netem");
    (ran.code != 0 && !no_netem).then(|| format!("{example}: {} {}", ran.code, ran.err))
}

hallway_testkit::tests![
    a_home_that_is_closed,
    examples_of_help,
    names_that_are_elsewhere,
    messages_in_a_pipe,
    rights_of_an_ordinary_user,
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
