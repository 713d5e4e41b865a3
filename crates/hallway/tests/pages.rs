//! Every command of the README and of docs/ is run, and what it prints is compared with the page.
//!
//! In a `console` block a line that begins with `$ ` is a command, `> ` goes on with it, and what
//! follows is its output; `...` stands for any lines. With `HALLWAY_PAGES=write` the pages are
//! rewritten with what the commands print now.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing helper is a failing test

use std::path::Path;
use std::process::Command;

use hallway_testkit::try_sh;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Where the commands of a page are run; it has the project's examples.
const DESK: &str = "/run/keep/hallway";
/// Ends a command's output.
const MARK: &str = "\u{1}";

/// A part of a page.
#[derive(Debug)]
enum Part {
    /// Lines as they are.
    Text(String),
    /// A command with its lines as written, and its output.
    Command { written: String, output: String },
}

fn parts(page: &str) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    let mut console = false;
    for line in page.lines() {
        if line.starts_with("```") {
            console = line == "```console";
            out.push(Part::Text(format!("{line}\n")));
            continue;
        }
        if console && line.starts_with("$ ") {
            out.push(Part::Command {
                written: format!("{line}\n"),
                output: String::new(),
            });
            continue;
        }
        match out.last_mut() {
            Some(Part::Command { written, output }) if console => {
                let into = if line.starts_with("> ") && output.is_empty() {
                    written
                } else {
                    output
                };
                into.push_str(&format!("{line}\n"));
            }
            Some(Part::Text(text)) => text.push_str(&format!("{line}\n")),
            _ => out.push(Part::Text(format!("{line}\n"))),
        }
    }
    out
}

/// What to run for a command as written.
fn script(written: &str) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_hallway")).parent().unwrap();
    written
        .lines()
        .map(|l| l.get(2..).unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
        .replace("cargo run --release --", "hallway")
        .replace("$PWD/target/release", bin.to_str().unwrap())
}

/// Without what differs from run to run: durations, ages, process ids.
fn settled(output: &str) -> String {
    let mut out = String::new();
    for line in output.lines() {
        let words: Vec<String> = line
            .replace(DESK, "~/hallway")
            .split(' ')
            .map(|w| w.to_owned())
            .collect();
        let mut kept: Vec<String> = Vec::new();
        for word in words {
            let unit = word.trim_end_matches([')', ',', ';']);
            let number = kept
                .last()
                .is_some_and(|n| n.trim_start_matches('(').parse::<f64>().is_ok());
            if matches!(unit, "ms" | "µs" | "s") && number {
                let open = kept.pop().is_some_and(|n| n.starts_with('('));
                kept.push(format!("{}N", if open { "(" } else { "" }));
            }
            kept.push(word);
        }
        out.push_str(kept.join(" ").trim_end());
        out.push('\n');
    }
    out
}

/// Whether an output is as the page says; `...` on a line of its own stands for any lines.
fn agrees(expected: &str, got: &str) -> bool {
    let (expected, got) = (settled(expected), settled(got));
    let mut rest = got.as_str();
    let mut first = true;
    for piece in expected.split("...\n") {
        match rest.find(piece) {
            Some(at) if !first || at == 0 => rest = &rest[at + piece.len()..],
            _ => return false,
        }
        first = false;
    }
    rest.is_empty() || expected.ends_with("...\n")
}

fn run(page: &str) {
    let path = Path::new(ROOT).join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let parts = parts(&text);
    std::fs::create_dir_all(DESK).unwrap();
    std::os::unix::fs::symlink(Path::new(ROOT).join("examples"), format!("{DESK}/examples"))
        .unwrap();
    let mut all = format!("exec 2>&1\ncd {DESK}\n");
    for part in &parts {
        if let Part::Command { written, .. } = part {
            all.push_str(&format!("{}\nprintf '{MARK}'\n", script(written)));
        }
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_hallway")).parent().unwrap();
    std::fs::write("/run/keep/script", all).unwrap();
    let mut shell = Command::new("/bin/sh");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("HALLWAY_")) {
        shell.env_remove(name);
    }
    let ran = shell
        .arg("/run/keep/script")
        .env("HALLWAY_STATE_DIR", "/run/state")
        .env("HALLWAY_PASTA", "0")
        .env("HOME", "/run/keep")
        .env(
            "PATH",
            format!(
                "{}:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin",
                bin.display()
            ),
        )
        .output()
        .unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    let mut outputs = printed.split(MARK);
    let write = std::env::var("HALLWAY_PAGES").is_ok_and(|v| v == "write");
    let mut fresh = String::new();
    let mut wrong = Vec::new();
    for part in &parts {
        match part {
            Part::Text(text) => fresh.push_str(text),
            Part::Command { written, output } => {
                let got = outputs.next().unwrap_or_default();
                fresh.push_str(written);
                if agrees(output, got) {
                    fresh.push_str(output);
                } else {
                    fresh.push_str(&got.replace(DESK, "~/hallway"));
                    wrong.push(format!("{written}says\n{got}and not\n{output}"));
                }
            }
        }
    }
    if write {
        std::fs::write(&path, fresh).unwrap();
    } else {
        assert!(wrong.is_empty(), "{page}: {}", wrong.join("\n"));
    }
    try_sh("test -z \"$(ip -o link | grep -v ' lo:')\"").expect("the page puts everything back");
}

/// Every `yaml` block is a file that hallway takes.
fn files_in_pages() {
    for page in pages() {
        let text = std::fs::read_to_string(Path::new(ROOT).join(&page)).unwrap();
        for (position, block) in text.split("```yaml\n").skip(1).enumerate() {
            let (block, _) = block.split_once("```").unwrap();
            if let Err(problems) = hallway_spec::parse(&page, block) {
                panic!("{page}, block {position}: {problems}");
            }
        }
    }
}

/// README.md and all of docs/.
fn pages() -> Vec<String> {
    let docs = std::fs::read_dir(Path::new(ROOT).join("docs")).unwrap();
    let mut out: Vec<String> = docs
        .map(|e| format!("docs/{}", e.unwrap().file_name().to_str().unwrap()))
        .filter(|p| p.ends_with(".md"))
        .collect();
    out.push("README.md".into());
    out.sort();
    out
}

fn readme() {
    run("README.md");
}

hallway_testkit::tests![readme, files_in_pages];
