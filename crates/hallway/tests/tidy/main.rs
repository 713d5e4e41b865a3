//! Rules for the source code that a program can check.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

mod circles;
mod code;
mod functions;

use std::collections::BTreeMap;
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

/// The maximal length of a function, in tests too: a table of cases is a constant.
const FUNCTION_LINES: usize = 70;

#[test]
fn functions_stay_short() {
    for (name, text) in sources() {
        for (function, lines) in functions::lengths(&text) {
            let message = format!("{name}: {function} has {lines} lines: split it");
            assert!(lines <= FUNCTION_LINES, "{message}");
        }
    }
}

#[test]
fn no_files_import_each_other() {
    let sources = sources();
    let files = circles::Files::new(&sources);
    let names = files.names();
    for (name, _) in &sources {
        assert!(names.contains(name.as_str()), "no module contains {name}");
    }
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
    let order: BTreeMap<&str, &[&str]> = [
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
    ]
    .into();
    let members = std::fs::read_dir(format!("{ROOT}/crates")).unwrap();
    let members = members.map(|e| e.unwrap().file_name().into_string().unwrap());
    for name in members {
        let allowed = order.get(name.as_str());
        let allowed = allowed.unwrap_or_else(|| panic!("{name}: write what it may import"));
        let manifest = std::fs::read_to_string(format!("{ROOT}/crates/{name}/Cargo.toml")).unwrap();
        for other in imported(&manifest) {
            assert!(
                allowed.contains(&other.as_str()),
                "{name} must not know {other}"
            );
        }
    }
}

/// The crates of this workspace that a manifest names in any table of dependencies but that for tests.
fn imported(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            inside = table.contains("dependencies") && !table.contains("dev-dependencies");
        }
        let named = line.split("hallway-").skip(1).map(|rest| {
            let name = rest.split(|c: char| !c.is_alphanumeric() && c != '-');
            name.map(str::to_owned).next().unwrap_or_default()
        });
        found.extend(named.filter(|_| inside && !line.starts_with('#')));
    }
    found
}

#[test]
fn crates_are_found_in_every_table_of_a_manifest() {
    let manifest = "[package]\nname = \"hallway-x\"\n[dependencies]\na = { package = \"hallway-a\" }\n[dev-dependencies]\nhallway-t.workspace = true\n[dependencies.hallway-b]\nworkspace = true\n[target.'cfg(unix)'.dependencies]\nhallway-c.workspace = true\n[build-dependencies]\nhallway-d = \"1\"\n";
    assert_eq!(imported(manifest), ["a", "b", "c", "d"]);
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
