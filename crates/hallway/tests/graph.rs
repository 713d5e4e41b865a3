//! `graph` draws every example in every format, and the present state of a project.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_testkit::{Hallway, sh, wait_for};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

fn hallway() -> Hallway {
    Hallway::host(env!("CARGO_BIN_EXE_hallway"))
}

/// Python's parser reads it; returns its texts.
fn texts(path: &str) -> Vec<String> {
    let script = "import sys, xml.etree.ElementTree as e; \
        [print(t.text or t[0].tail) for t in e.parse(sys.argv[1]).iter() if t.tag.endswith('}text')]";
    let out = sh(&format!("python3 -c \"{script}\" {path}"));
    out.lines().map(str::to_owned).collect()
}

fn every_example_in_every_format() {
    let h = hallway();
    let mut count = 0;
    for entry in std::fs::read_dir(EXAMPLES).unwrap() {
        let path = entry.unwrap().path();
        let file = path.to_str().unwrap();
        if !file.ends_with(".yaml") {
            continue;
        }
        count += 1;
        let tree = h.run(&["graph", file]).ok();
        assert!(
            tree.contains("├─ host") || tree.contains("└─ host"),
            "{tree}"
        );
        let chart = h.run(&["graph", file, "--format", "mermaid"]).ok();
        assert!(chart.contains("\nflowchart TB\n"), "{chart}");
        let dot = h.run(&["graph", file, "--format", "dot"]).ok();
        assert!(dot.starts_with("digraph ") && dot.ends_with("}\n"), "{dot}");
        let out = "/run/keep.svg";
        h.run(&["graph", file, "-o", out]).ok();
        let shown = texts(out);
        let nodes = h.run(&["graph", file, "--format", "mermaid"]).ok();
        for line in nodes.lines().filter(|l| l.ends_with(":::member")) {
            let name = line.split('"').nth(1).unwrap();
            assert!(
                shown.iter().any(|t| t == name),
                "{file}: {name} in {shown:?}"
            );
        }
    }
    assert!(count > 8);
}

fn what_is_up_and_what_is_missing() {
    let h = hallway();
    h.run(&["graph", "--live", &format!("{EXAMPLES}/part3-bridge.yaml")])
        .exits(2)
        .says("is not up");
    h.run(&["up", &format!("{EXAMPLES}/part3-bridge.yaml")])
        .ok();
    assert!(h.pings("app1", "172.20.0.12"));
    assert!(h.ok("graph").contains("app1  172.20.0.11"));
    let tree = h.ok("graph --live");
    for words in ["✓ apps", "✓ app1", " B ↑ "] {
        assert!(tree.contains(words), "{words}:\n{tree}");
    }
    assert!(!tree.contains("missing"), "{tree}");
    sh("ip -n app2 link del eth0; ip link del br-apps");
    let ran = h.run(&["graph", "--live"]);
    let tree = ran.says("part3-bridge.yaml repairs it").ok();
    for words in ["✗ missing: apps", "eth0 missing", "✗ app2"] {
        assert!(tree.contains(words), "{words}:\n{tree}");
    }
    let live = ["graph", "--live", "--format", "svg", "-o", "/run/keep.svg"];
    h.run(&live).ok();
    let shown = texts("/run/keep.svg");
    assert!(shown.iter().any(|t| t == "bridge missing"), "{shown:?}");
    h.ok("down");
}

/// A program that ended with an error, or was stopped, has a mark; one that finished its work has none.
fn programs_that_do_not_run() {
    let h = hallway();
    let file = "nodes:
  fails: { command: \"sh -c 'sleep 0.5; exit 3'\" }
  done: { command: \"true\" }
  runs: { command: sleep 1000 }
  halts: { command: sleep 1001 }
";
    h.up(file).ok();
    let h = h.project("up");
    h.ok("stop halts");
    wait_for("the end", || h.ok("status").contains("exited with 3"));
    let tree = h.ok("graph --live");
    let line = |node: &str| tree.lines().find(|l| l.contains(node)).unwrap();
    assert!(line("fails").contains("✗ fails") && line("fails").contains("(exited with 3)"));
    assert!(line("halts").contains("✗ halts") && line("halts").contains("(stopped)"));
    assert!(
        line("runs").contains("✓ runs") && line("done").contains("✓ done"),
        "{tree}"
    );
    h.ok("graph --live -o /run/keep.svg");
    let svg = std::fs::read_to_string("/run/keep.svg").unwrap();
    assert_eq!(svg.matches("class=\"card missing\"").count(), 2);
    let shown = texts("/run/keep.svg");
    assert!(shown.iter().any(|t| t == "exited with 3"), "{shown:?}");
    let chart = h.ok("graph --live --format mermaid");
    assert!(
        chart.contains("fails<br/>exited with 3\"]:::missing"),
        "{chart}"
    );
    assert!(!h.ok("graph").contains('✗'));
    h.ok("down");
}

fn without_a_file_or_a_project() {
    let h = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway"));
    h.run(&["graph"]).exits(2).says("hallway.yaml");
    std::fs::create_dir("/run/keep").unwrap();
    std::fs::write("/run/keep/hallway.yaml", "nodes: { alone: {} }\n").unwrap();
    assert!(h.within("/run/keep").ok("graph").contains("alone"));
    h.run(&["graph", "--live"]).exits(2).says("nothing is up");
    h.run(&["graph", "/run/keep/hallway.yaml", "-o", "/nowhere/x"])
        .exits(1)
        .says("cannot write");
    h.run(&["graph", "/run/keep/hallway.yaml", "-o", "/nowhere/x", "-v"])
        .says("code: write");
    h.run(&["man", "--output", "/proc/x", "-v"])
        .exits(1)
        .says("code: write");
    h.within("/run")
        .run(&["graph", "-v"])
        .exits(2)
        .says("code: no-project-file");
}

/// The nodes around one with many cables share cards, so that the picture is not wider than a page.
fn a_large_star() {
    let ends = (0..100)
        .map(|i| format!("  - endpoints: {{ hub: 10.0.{i}.1/30, leaf{i}: 10.0.{i}.2/30 }}\n"));
    let text = format!("links:\n{}", ends.collect::<String>());
    std::fs::write("/run/star.hallway.yaml", text).unwrap();
    let h = Hallway::host(env!("CARGO_BIN_EXE_hallway"));
    h.ok("graph /run/star.hallway.yaml -o /run/star.svg");
    let svg = std::fs::read_to_string("/run/star.svg").unwrap();
    let size = |name: &str| -> u32 {
        let value = svg.split(&format!("{name}=\"")).nth(1).unwrap();
        value.split('"').next().unwrap().parse().unwrap()
    };
    assert!(
        size("width") < 1500 && size("height") < 1500,
        "{} {}",
        size("width"),
        size("height")
    );
    let shown = texts("/run/star.svg").join(" ");
    let words: Vec<&str> = shown.split_whitespace().collect();
    let there = |i: u32| words.contains(&format!("leaf{i}").as_str());
    assert!((0..100).all(there), "{shown}");
    assert!(svg.contains("and 71 more interfaces"));
}

hallway_testkit::tests![
    a_large_star,
    every_example_in_every_format,
    what_is_up_and_what_is_missing,
    programs_that_do_not_run,
    without_a_file_or_a_project,
];
