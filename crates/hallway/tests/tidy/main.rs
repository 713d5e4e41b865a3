//! Rules for the source code that a program can check.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

mod circles;
mod code;
mod functions;

use std::path::{Path, PathBuf};

use hallway_plan::reach::ReasonCode;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn walk(directory: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

fn sources() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    walk(&Path::new(ROOT).join("crates"), &mut paths);
    assert!(paths.len() > 50);
    paths
        .into_iter()
        .map(|p| {
            let name = p.strip_prefix(ROOT).unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&p).unwrap())
        })
        .collect()
}

/// Files that are tables of names rather than code.
const TABLES: [&str; 0] = [];

#[test]
fn files_stay_small_and_say_what_they_are() {
    for (name, text) in sources() {
        let lines = text.lines().count();
        let limit = if name.contains("/tests/") { 500 } else { 400 };
        let table = TABLES.contains(&name.as_str());
        assert!(
            table || lines <= limit,
            "{name} has {lines} lines: split it"
        );
        assert!(
            text.starts_with("//! "),
            "{name} does not say what it contains"
        );
    }
}

/// The maximal length of a function.
const FUNCTION_LINES: usize = 70;

#[test]
fn functions_stay_short() {
    for (name, text) in sources() {
        for (function, lines) in functions::lengths(&text) {
            let message = format!("{name}: {function} has {lines} lines: split it");
            assert!(
                name.contains("/tests/") || lines <= FUNCTION_LINES,
                "{message}"
            );
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let files = circles::Files::new(&sources());
    let circle = files.circle().map(|circle| circle.join("\n  imports "));
    assert_eq!(circle, None, "untie it");
}

#[test]
fn unsafe_is_in_one_file() {
    for (name, text) in sources() {
        let code = text.lines().filter(|l| !l.trim_start().starts_with("//"));
        let unsafe_lines = code.filter(|l| l.split_whitespace().any(|w| w == "unsafe"));
        if name != "crates/kernel/src/sys.rs" && !name.contains("/tidy/") {
            assert_eq!(unsafe_lines.count(), 0, "{name}");
        }
    }
}

/// spec ← import; spec, nftables ← plan ← view; kernel ← engine ← keeper ← hallway.
#[test]
fn crates_depend_in_one_direction() {
    for (name, allowed) in [
        ("spec", &[][..]),
        ("import", &["spec"]),
        ("nftables", &[]),
        ("kernel", &["nftables"]),
        ("plan", &["spec", "nftables"]),
        ("engine", &["spec", "plan", "nftables", "kernel"]),
        ("view", &["spec", "plan", "nftables"]),
        ("keeper", &["spec", "engine"]),
        ("testkit", &["spec", "kernel"]),
        (
            "hallway",
            &["spec", "import", "plan", "view", "engine", "keeper"],
        ),
    ] {
        let manifest = std::fs::read_to_string(format!("{ROOT}/crates/{name}/Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for line in dependencies
            .lines()
            .filter_map(|l| l.strip_prefix("hallway-"))
        {
            let other = line.split(['.', ' ']).next().unwrap();
            assert!(allowed.contains(&other), "{name} must not know {other}");
        }
    }
}

/// Only this program, programs that users name, pasta, newuidmap and newgidmap are run.
#[test]
fn nothing_is_shelled_out() {
    for (name, text) in sources() {
        if name.contains("/tests/") || name.contains("crates/testkit") {
            continue;
        }
        for line in text.lines().filter(|l| {
            l.contains("process::Command::new(")
                || l.contains(" Command::new(") && !name.contains("crates/spec")
        }) {
            let known = [
                "\"/proc/self/exe\"",
                "(found)",
                "(program)",
                "(&program)",
                "(pasta)",
            ];
            assert!(known.iter().any(|k| line.contains(k)), "{name}: {line}");
        }
    }
}

/// `./test` installs, and puts on the disk of the emulated machine, each package that a test needs.
#[test]
fn packages_of_tests_are_listed() {
    let listed = std::process::Command::new(format!("{ROOT}/test"))
        .arg("--list-packages")
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for package in hallway_testkit::packages() {
        assert!(listed.lines().any(|l| l == package), "{package}");
    }
}

/// Every reason of an answer is in the page of errors.
#[test]
fn every_reason_is_documented() {
    let page = std::fs::read_to_string(format!("{ROOT}/docs/errors.md")).unwrap();
    assert!(ReasonCode::all().len() > 25);
    for code in ReasonCode::all() {
        let row = format!("| `{}` | {} |", code.text(), code.meaning());
        assert!(page.contains(&row), "docs/errors.md lacks: {row}");
    }
}
