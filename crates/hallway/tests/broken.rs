//! Files with typical mistakes of beginners, each with the output of `validate`. A person has read
//! every message: it is true, shows the place, and contains what to do.
//!
//! `HALLWAY_SNAPSHOTS=write cargo test -p hallway --test broken` writes them again.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use std::path::{Path, PathBuf};
use std::process::Command;

const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/broken");

/// The output of `validate` for a file, in a terminal of 100 columns.
fn said(file: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hallway"))
        .args(["validate", "-f"])
        .arg(file.file_name().unwrap())
        .current_dir(FILES)
        .env_clear()
        .env("COLUMNS", "100")
        .env("HALLWAY_STATE_DIR", "/nonexistent")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

fn files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(FILES).unwrap();
    let mut all: Vec<PathBuf> = entries.map(|e| e.unwrap().path()).collect();
    all.retain(|path| path.extension().is_none_or(|e| e != "out"));
    all.sort();
    all
}

#[test]
fn every_broken_file_has_its_message() {
    let write = std::env::var("HALLWAY_SNAPSHOTS").is_ok_and(|v| v == "write");
    let mut wrong = Vec::new();
    for file in files() {
        let (code, text) = said(&file);
        assert_eq!(code, Some(2), "{}: {text}", file.display());
        let result = PathBuf::from(format!("{}.out", file.display()));
        if write {
            std::fs::write(&result, &text).unwrap();
        }
        if std::fs::read_to_string(&result).unwrap_or_default() != text {
            wrong.push(format!("{}:\n{text}", result.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(files().len() >= 50);
}

/// Every line fits, except quotes of a place or of a line of the file.
#[test]
fn nothing_is_wider_than_the_terminal() {
    for file in files() {
        for line in said(&file).1.lines().filter(|l| !l.starts_with("error")) {
            let quotes = line.contains('|') || line.contains("-->");
            assert!(quotes || line.chars().count() <= 100, "{line}");
        }
    }
}

/// Thousands of warnings of one code: ten are printed with their lines, the others are counted. The time
/// grows with the file, not with its square.
#[test]
fn further_warnings_of_a_code_are_counted() {
    let networks = "networks: { n: { subnet: 10.0.0.0/16 } }\nnodes: { a: { networks: [n] } }\n";
    let line = "  - { from: 10.0.0.0/17, to: 10.0.0.0/18 }\n";
    let text = format!("name: p\n{networks}policies:\n{}", line.repeat(2001));
    let name = format!("hallway-warnings-{}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("p.yaml"), text).unwrap();
    let told = |verbose: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hallway"))
            .args(["validate", "p.yaml"])
            .args(verbose)
            .current_dir(&directory)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let brief = told(&[]);
    assert_eq!(brief.matches("warning[").count(), 10, "{brief}");
    let rest = "… and 1990 more warnings of policy-shadowed; -v prints all";
    assert!(brief.contains(rest), "{brief}");
    let full = told(&["-v"]);
    assert_eq!(full.matches("warning").count(), 2000, "{full}");
    assert!(full.contains("(p.yaml:2005:"), "{full}");
    std::fs::remove_dir_all(&directory).unwrap();
}
