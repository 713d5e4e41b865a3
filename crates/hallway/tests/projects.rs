//! Which project a command is about, which file it was built from, and what commands added to it.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use hallway_testkit::{Hallway, sh, wait_for};

fn sandbox() -> Hallway {
    Hallway::sandbox(env!("CARGO_BIN_EXE_hallway"))
}

const SHOP: &str = "# a comment, so that nothing is on line 1
networks: { apps: { subnet: 10.9.0.0/24 } }
nodes:
  web: { networks: [apps], ports: [\"8080:80\"] }
  db: { networks: [apps] }
policies:
  - { action: deny, from: web, to: db, ports: [22/tcp] }
";

fn write(path: &str, text: &str) {
    let path = std::path::Path::new(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Without `name:` a project has the name of its file, or of the directory of `hallway.yaml`.
fn the_name_of_a_project() {
    let h = sandbox();
    for (path, name) in [
        ("/run/shop/hallway.yaml", "shop"),
        ("/run/two words/hallway.yml", "two-words"),
        ("/run/shop/lab.yaml", "lab"),
        ("/run/shop/mine.hallway.yaml", "mine"),
    ] {
        write(path, "nodes: { a: {} }\n");
        h.run(&["up", path]).exits(0).says(&format!("{name} is up"));
        h.run(&["down", path]).ok();
    }
    let h = h.within("/run/shop");
    std::fs::remove_file("/run/shop/lab.yaml").unwrap();
    std::fs::remove_file("/run/shop/mine.hallway.yaml").unwrap();
    h.run(&["up"]).exits(0).says("shop is up");
    h.run(&["up"]).exits(0).says("nothing to change");
    h.run(&["exec", "a", "--", "true"]).ok();
    // A directory is named in the place of its file.
    h.run(&["up", "."]).exits(0).says("nothing to change");
    h.run(&["down", "/run/shop"]).exits(0).says("shop is down");
    h.run(&["validate", "/run"])
        .exits(2)
        .says("lab.conf in /run");
}

/// A file with the project name of another file by accident does not replace the running project.
fn another_file_does_not_replace_a_project() {
    let h = sandbox();
    write("/run/a/shop.yaml", "nodes: { a: {} }\n");
    write("/run/e/shop.yaml", "nodes: { a: {} }\n");
    write("/run/b/shop.yaml", "nodes: { b: {} }\n");
    write("/run/c/lab.yaml", "name: shop\nnodes: { c: {} }\n");
    h.run(&["up", "/run/a/shop.yaml"]).ok();
    h.run(&["up", "/run/b/shop.yaml"])
        .exits(1)
        .says("/run/a/shop.yaml")
        .says("/run/b/shop.yaml")
        .says("--replace");
    h.run(&["plan", "/run/b/shop.yaml"])
        .exits(0)
        .says("hallway up --replace carries them out")
        .says("shop is up from /run/a/shop.yaml, which is another file than /run/b/shop.yaml");
    let equal = h.run(&["plan", "/run/e/shop.yaml"]).exits(0);
    assert!(equal.out.contains("matches this file"), "{}", equal.out);
    drop(equal.says("shop is up from /run/a/shop.yaml, which is another file"));
    h.run(&["test", "-f", "/run/e/shop.yaml"])
        .exits(2)
        .says("shop is up from /run/a/shop.yaml, which is another file");
    h.run(&["exec", "a", "--", "true"]).ok();
    // Nor do other commands change it.
    write("/run/b/shop/hallway.yaml", "nodes: { b: {} }\n");
    let b = h.within("/run/b/shop");
    for words in [
        ["down"].as_slice(),
        &["down", "hallway.yaml"],
        &["deny", "a", "any"],
    ] {
        let ran = b.run(words).exits(2);
        ran.says("/run/a/shop.yaml")
            .says("/run/b/shop/hallway.yaml");
    }
    h.run(&["exec", "a", "--", "true"]).ok();
    // The same file by another path counts as the same.
    std::os::unix::fs::symlink("/run/a", "/run/link").unwrap();
    h.run(&["up", "/run/link/shop.yaml"]).ok();
    h.run(&["up", "--replace", "/run/b/shop.yaml"]).ok();
    h.run(&["exec", "b", "--", "true"]).ok();
    h.run(&["up", "/run/b/shop.yaml"])
        .exits(0)
        .says("nothing to change");
    // An equal file at another path becomes the project's file.
    write("/run/d/shop.yaml", "nodes: { b: {} }\n");
    h.run(&["up", "/run/d/shop.yaml"]).exits(1);
    h.run(&["up", "--replace", "/run/d/shop.yaml"])
        .exits(0)
        .says("nothing to change")
        .says("is now from /run/d/shop.yaml");
    h.run(&["up", "/run/d/shop.yaml"]).ok();
    h.run(&["up", "/run/b/shop.yaml"]).exits(1);
    // A file with an explicit project name replaces it.
    h.run(&["up", "/run/c/lab.yaml"])
        .exits(0)
        .says("shop was up from /run/d/shop.yaml, and is now from /run/c/lab.yaml");
    h.run(&["-p", "shop", "down"]).ok();
}

/// The file of a directory decides only if its project is up; otherwise the only project that is up is
/// used, and the output states this. Verbs of other programs get the answer which verb hallway has.
fn the_project_that_is_meant() {
    sh("mkdir -p /run/desk");
    write(
        "/run/desk/hallway.yaml",
        "name: idle\nnodes: { c: {} }\nexpect: []\n",
    );
    write(
        "/run/lab.yaml",
        "nodes: { a: {}, b: {} }\nlinks: [{ endpoints: { a: 10.9.0.1/24, b: 10.9.0.2/24 } }]\n",
    );
    let h = sandbox().within("/run/desk");
    h.run(&["up", "/run/lab.yaml"]).ok();
    for line in "explain a b|exec a -- true|stop|start|restart|logs|reach a b|test --matrix|status --format json|deny a b|node ls".split('|') {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = h.run(&words);
        let said = "using project lab, the only one that is up; idle, whose file is in this directory, is not up";
        assert_eq!(ran.err.matches(said).count(), 1, "{line}: {}", ran.err);
        assert!(!ran.out.contains("using project"), "{line}");
        let ran = h.run(&[&["-q"], words.as_slice()].concat());
        assert!(!ran.err.contains("using project"), "{line}: {}", ran.err);
    }
    assert!(
        !h.run(&["-p", "lab", "explain", "a", "b"])
            .err
            .contains("using project")
    );
    h.run(&["up"]).ok();
    h.run(&["exec", "c", "--", "true"]).ok();
    assert!(!h.run(&["explain", "c", "c"]).err.contains("using project"));
    h.run(&["down"]).exits(0).says("idle is down");
    h.run(&["graph"]).exits(0).says("using project lab");
    sh("mkdir -p /run/bare");
    let bare = sandbox().within("/run/bare");
    bare.run(&["-p", "nope", "explain", "a", "b"])
        .exits(2)
        .says("project nope is not up");
    write("/run/other.yaml", "nodes: { a: {} }\n");
    bare.run(&["up", "/run/other.yaml"]).ok();
    for words in [
        ["explain", "a", "b"].as_slice(),
        &["graph"],
        &["test"],
        &["down"],
    ] {
        bare.run(words).exits(2).says("several projects are up");
    }
    bare.run(&["down", "-p", "other"]).ok();
    bare.run(&["down"])
        .exits(0)
        .says("lab is down in sandbox default")
        .says("; it was built from /run/lab.yaml");
    h.run(&["config"]).exits(2).says("hallway validate");
    assert!(h.run(&["version"]).ok().starts_with("hallway "));
    assert!(h.run(&["--help"]).ok().contains("  version "));
    for words in [["-q", "version"], ["-q", "--version"]] {
        assert!(h.run(&words).ok().starts_with("hallway "), "{words:?}");
    }
}

/// Lines of the file stay correct after commands have edited the project; what a command added is
/// shown as that.
fn commands_and_lines_of_the_file() {
    let h = sandbox();
    write("/run/shop.yaml", SHOP);
    h.run(&["up", "/run/shop.yaml"]).ok();
    h.run(&["deny", "db", "web"]).ok();
    let list = h.run(&["policy", "ls"]).ok();
    let rows: Vec<Vec<&str>> = list
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    assert_eq!(rows[1], ["1", "deny", "db", "→", "web", "hallway", "deny"]);
    assert_eq!(
        rows[2],
        ["2", "deny", "web", "→", "db", "22/tcp", "line", "7"]
    );
    let status = h.run(&["status"]).ok();
    assert!(
        status.contains("deny db → web  added by hallway deny"),
        "{status}"
    );
    let line_7 = || {
        let explained = h.run(&["explain", "web", "db:22"]).exits(1);
        assert!(explained.out.contains("shop.yaml:7:"), "{}", explained.out);
    };
    line_7();
    let added = h.run(&["explain", "db", "web:80"]).exits(1);
    assert!(!added.out.contains("shop.yaml:"), "{}", added.out);
    let json = h.run(&["policy", "ls", "--format", "json"]).json();
    assert_eq!(json[0]["added_by"], "hallway deny");
    assert_eq!(json[1]["line"], 7);
    // A policy that undoes another one replaces it.
    h.run(&["allow", "db", "web"]).ok();
    h.run(&["deny", "db", "web"]).ok();
    assert_eq!(h.run(&["policy", "ls"]).ok().lines().count(), 3);
    h.run(&["policy", "rm", "3"])
        .exits(2)
        .says("there is no policy 3: there are 2");
    h.run(&["policy", "rm", "0"]).exits(2);
    h.run(&["policy", "rm", "x"]).exits(2).says("policy ls");
    h.run(&["policy", "rm", "1"])
        .exits(0)
        .says("policy 1 removed (deny db → web; added by hallway deny)");
    assert!(h.pings("db", "web"));
    line_7();
    // Those of the file are kept, and an equal one of a command is the one that is removed.
    h.run(&["deny", "web", "db", "--port", "22/tcp"]).ok();
    let json = h.run(&["policy", "ls", "--format", "json"]).json();
    assert_eq!(
        (&json[0]["line"], &json[1]["line"]),
        (&serde_json::Value::Null, &7.into())
    );
    h.run(&["policy", "rm", "1"]).exits(0).says("added by");
    line_7();
    h.run(&["allow", "db", "web", "--port", "99999"])
        .exits(2)
        .says("--port must be");
    h.run(&["connect", "db", "nowhere"])
        .exits(2)
        .says("hallway network add nowhere");
    h.run(&["down"]).ok();
}

/// `ls --all` lists every sandbox; for a node that is not in the project, its place is shown.
fn nodes_of_other_projects_and_sandboxes() {
    let h = sandbox();
    write("/run/one.yaml", "nodes: { a: {} }\n");
    write("/run/two.yaml", "nodes: { b: {} }\n");
    write("/run/three.yaml", "nodes: { c: {} }\n");
    h.run(&["up", "/run/one.yaml"]).ok();
    h.run(&["up", "/run/two.yaml"]).ok();
    h.run(&["--sandbox", "blue", "up", "/run/three.yaml"]).ok();
    let list = h.run(&["ls", "--all"]).ok();
    for row in [
        ["sandbox", "default", "one", "a", "up"],
        ["sandbox", "default", "two", "b", "up"],
        ["sandbox", "blue", "three", "c", "up"],
    ] {
        let found = list.lines().any(|l| l.split_whitespace().eq(row));
        assert!(found, "{row:?} in {list}");
    }
    assert!(!h.run(&["ls"]).ok().contains("three"));
    h.run(&["-p", "one", "exec", "b", "--", "true"])
        .exits(125)
        .says("project one has no node b")
        .says("-p two");
    h.run(&["-p", "one", "restart", "c"])
        .exits(2)
        .says("project one has no node c")
        .says("--sandbox blue -p three");
    h.run(&["-p", "one", "logs", "nope"])
        .exits(2)
        .says("its nodes: a");
    h.run(&["sandbox", "rm", "blue"]).ok();
    h.run(&["sandbox", "rm"]).ok();
}

/// What a run waits for is printed, also after the time limit.
fn what_up_waits_for() {
    let h = sandbox();
    write(
        "/run/slow.yaml",
        "nodes: { slow: { command: sleep 100, ready: [9999/tcp, 53/udp] } }\n",
    );
    h.run(&["up", "--wait-timeout", "2", "/run/slow.yaml"])
        .exits(1)
        .says("waiting for slow: 9999/tcp, 53/udp, 1 s")
        .says("not ready after 2 s: it must listen on 9999/tcp, 53/udp");
}

/// `stop` ends a program and leaves its node; `start` and `up` start it again.
fn programs_stop_and_start() {
    let h = sandbox();
    let file = "nodes:
  a: { command: hallway serve 80, ready: 80/tcp, restart: always }
  b: { command: hallway serve 80, ready: 80/tcp }
";
    write("/run/two.yaml", file);
    h.run(&["up", "-d", "/run/two.yaml"]).ok();
    let state = |node: usize| {
        let status = h.run(&["status", "--format", "json"]).json();
        status["nodes"][node]["program"]["state"].clone()
    };
    h.run(&["stop", "a"]).exits(0).says("a has been stopped");
    assert_eq!(state(0), "stopped");
    assert_eq!(state(1), "running");
    assert!(h.run(&["status"]).out.contains("stopped"));
    h.run(&["stop", "a"]).exits(0).says("a does not run");
    h.run(&["exec", "a", "--", "true"]).ok();
    h.run(&["start", "a"]).exits(0).says("a has been started");
    h.run(&["start"]).exits(0).says("b runs already");
    h.run(&["stop"]).exits(0).says("b has been stopped");
    h.run(&["up", "/run/two.yaml"]).ok();
    assert_eq!(state(0), "running");
    assert_eq!(state(1), "running");
    h.run(&["stop", "nope"]).exits(2).says("no node nope");
    h.run(&["logs", "--tail", "all", "a"]).ok();
    h.run(&["logs", "--tail", "few"])
        .exits(2)
        .says("write a number of lines, or all");
    h.run(&["down"]).ok();
}

/// `up --attach` prints the output of programs, and removes the project at its end.
fn attached_until_interrupted() {
    let h = sandbox();
    let file = "nodes:
  a: { command: 'sh -c \"echo from a; sleep 1000\"' }
  b: { command: 'sh -c \"echo from b; sleep 1000\"' }
";
    write("/run/two.yaml", file);
    let mut child = h
        .command(&["up", "--attach", "/run/two.yaml"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut left = vec!["a | from a", "b | from b"];
    while !left.is_empty() {
        let line = lines.next().unwrap().unwrap();
        left.retain(|expected| *expected != line);
    }
    sh(&format!("kill -INT {}", child.id()));
    assert!(child.wait().unwrap().success());
    h.run(&["ls"]).exits(0).says("nothing is up");
}

/// `up --attach` ends when all programs have ended, and removes the project.
fn attached_until_all_have_ended() {
    let h = sandbox();
    write(
        "/run/short.yaml",
        "nodes:
  a: { command: \"sh -c 'echo from a'\" }
  b: { command: \"sh -c 'sleep 1; printf %s from-b; exit 3'\" }
",
    );
    let ran = h.run(&["up", "--attach", "/run/short.yaml"]).exits(0);
    for line in ["a | from a", "b | from-b", "b exited with 3"] {
        assert!(ran.out.lines().any(|l| l == line), "{line}: {}", ran.out);
    }
    drop(ran.says("short is down"));
    h.run(&["ls"]).exits(0).says("nothing is up");
}

/// Programs for administrators are found in nodes and sandboxes, even if PATH lacks them.
fn programs_for_administrators_are_found() {
    let h = sandbox();
    write("/run/one.yaml", "nodes: { a: {} }\n");
    h.run(&["up", "/run/one.yaml"]).ok();
    for words in [
        ["exec", "a", "--", "sh", "-c", "echo $PATH"].as_slice(),
        &["sandbox", "shell", "--", "sh", "-c", "echo $PATH"],
    ] {
        let mut command = h.command(words);
        let out = command.env("PATH", "/usr/bin:/bin").output().unwrap();
        let path = String::from_utf8(out.stdout).unwrap();
        assert!(path.starts_with("/usr/bin:/bin:/usr/sbin:/sbin"), "{path}");
    }
    h.run(&["down"]).ok();
}

/// Existing names are completed, in bash as in other shells.
fn names_are_completed() {
    let h = sandbox();
    write("/run/shop.yaml", SHOP);
    h.run(&["up", "/run/shop.yaml"]).ok();
    let script = h.run(&["completions", "bash"]).ok();
    assert!(script.contains("HALLWAY_COMPLETE"), "{script}");
    for shell in ["zsh", "fish", "elvish"] {
        let script = h.run(&["completions", shell]).ok();
        assert!(script.contains("hallway"), "{shell}: {script}");
    }
    let completes = |words: &[&str]| -> Vec<String> {
        let mut command = h.command(&[]);
        command.env("HALLWAY_COMPLETE", "bash");
        command.env("_CLAP_COMPLETE_INDEX", words.len().to_string());
        command.args(["--", "hallway"]).args(words);
        let out = command.output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        text.lines().map(|l| l.trim().to_owned()).collect()
    };
    assert_eq!(completes(&["exec", "w"]), ["web"]);
    assert_eq!(completes(&["network", "rm", "a"]), ["apps"]);
    assert_eq!(completes(&["deny", "a"]), ["any", "apps"]);
    assert_eq!(completes(&["-p", "s"]), ["shop"]);
    assert_eq!(completes(&["explain", "web", "d"]), ["db"]);
    assert_eq!(completes(&["node", "add", "w"]), Vec::<String>::new());
    assert_eq!(completes(&["link", "add", "d"]), ["db"]);
    assert_eq!(completes(&["inspect", "a"]), ["apps"]);
    assert_eq!(completes(&["capture", "h"]), ["host"]);
    assert_eq!(completes(&["--sandbox", ""]), ["default"]);
    assert_eq!(completes(&["down", "--sandbox", ""]), ["default"]);
    h.run(&["down"]).ok();
}

/// Two directories of one name: verbs in the second do not act on the project of the first.
fn a_file_of_the_same_name_elsewhere() {
    let h = sandbox();
    for place in ["/run/a/app", "/run/b/app"] {
        write(
            &format!("{place}/hallway.yaml"),
            "nodes: { x: {}, y: {} }\n",
        );
    }
    h.within("/run/a/app").run(&["up"]).ok();
    let other = h.within("/run/b/app");
    for words in [
        "down",
        "down hallway.yaml",
        "status",
        "node rm x",
        "exec x -- true",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let refused = other.run(&words);
        assert_ne!(refused.code, 0, "{words:?}");
        let text = "project app is up from /run/a/app/hallway.yaml, which is another file";
        drop(refused.says(text));
    }
    other.run(&["-p", "app", "node", "rm", "x"]).ok();
    h.within("/run/a/app").run(&["down"]).ok();
}

/// Other projects are repaired and changed while an `up` waits for a program; the same project is not.
fn an_up_that_waits_holds_up_no_other_project() {
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    let repairing = h.repairing();
    write(
        "/run/a.yaml",
        "networks: { a: { subnet: 10.9.0.0/24 } }\nnodes: { x: { networks: [a] } }\n",
    );
    write(
        "/run/b.yaml",
        "networks: { b: { subnet: 10.8.0.0/24 } }\nnodes: { y: { networks: [b], command: sleep 999, ready: 9/tcp } }\n",
    );
    repairing.run(&["up", "/run/a.yaml"]).ok();
    let mut waits = h.start(&["up", "/run/b.yaml", "--wait-timeout", "300"]);
    wait_for("its program", || {
        hallway_testkit::processes()
            .iter()
            .any(|p| p.contains("sleep 999"))
    });
    sh("nft delete table inet hallway-a");
    let loaded = || hallway_testkit::try_sh("nft list table inet hallway-a").is_ok();
    wait_for("the repair", loaded);
    h.project("a").ok("node add z --network a");
    assert!(waits.try_wait().unwrap().is_none(), "it still waits");
    let mut down = h.project("b").start(&["down"]);
    h.project("a").ok("down");
    assert!(down.try_wait().unwrap().is_none(), "the project is in use");
    sh(&format!("kill -INT {}", waits.id()));
    assert!(!waits.wait().unwrap().success());
    down.wait().unwrap();
    assert!(hallway_testkit::try_sh("ip netns list | grep -w y").is_err());
}

hallway_testkit::tests![
    an_up_that_waits_holds_up_no_other_project,
    a_file_of_the_same_name_elsewhere,
    the_name_of_a_project,
    another_file_does_not_replace_a_project,
    the_project_that_is_meant,
    commands_and_lines_of_the_file,
    nodes_of_other_projects_and_sandboxes,
    what_up_waits_for,
    programs_stop_and_start,
    attached_until_interrupted,
    attached_until_all_have_ended,
    names_are_completed,
    programs_for_administrators_are_found,
];
