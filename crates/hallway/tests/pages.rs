//! Every command of the README and of docs/ is run, and its output is compared with the page.
//!
//! In a `console` block a line that begins with `$ ` is a command, `> ` continues it, and the other
//! lines are its output; `...` matches any lines. With `HALLWAY_PAGES=write` the pages are
//! rewritten with the present output, and the pictures are drawn again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing helper is a failing test

use std::path::Path;
use std::process::Command;

use hallway_import::{File, FileFormat, Options, Surroundings, import};
use hallway_testkit::{Hallway, Snapshot};

#[path = "pages/settled.rs"]
mod settled;

use settled::settled;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// The directory for the commands of a page; it contains the project's examples.
const DESK: &str = "/run/keep/hallway";
/// Ends a command's output.
const MARK: &str = "\u{1}";

/// A part of a page.
#[derive(Debug)]
enum Part {
    /// Unchanged lines.
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
        .replace("$PWD/target/release", bin.to_str().unwrap())
}

/// Whether an output matches the page; `...` on a line of its own matches any lines.
fn agrees(written: &str, expected: &str, got: &str) -> bool {
    let (expected, got) = (settled(written, expected), settled(written, got));
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

/// Whether an output has an error message of hallway.
fn reports_error(output: &str) -> bool {
    let mut lines = output.lines();
    lines.any(|l| l.starts_with("error:") || l.starts_with("error["))
}

fn rewriting() -> bool {
    std::env::var("HALLWAY_PAGES").is_ok_and(|v| v == "write")
}

/// Runs the commands of a page in one shell; everything they built must be removed at its end.
fn run(page: &str) {
    let path = Path::new(ROOT).join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let parts = parts(&text);
    let before = Snapshot::take();
    // Copies: the program prints the names of files without symbolic links.
    let examples = Path::new(DESK).join("examples");
    std::fs::create_dir_all(&examples).unwrap();
    for entry in std::fs::read_dir(Path::new(ROOT).join("examples")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), examples.join(entry.file_name())).unwrap();
    }
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
    let mut fresh = String::new();
    let mut wrong = Vec::new();
    for part in &parts {
        match part {
            Part::Text(text) => fresh.push_str(text),
            Part::Command { written, output } => {
                let got = outputs.next().unwrap_or_default();
                fresh.push_str(written);
                if agrees(written, output, got) {
                    fresh.push_str(output);
                } else {
                    assert!(
                        !rewriting() || !reports_error(got) || reports_error(output),
                        "{page}: {written}fails now, so the page is not written:\n{got}"
                    );
                    fresh.push_str(&got.replace(DESK, "~/hallway"));
                    wrong.push(format!("{written}prints\n{got}and not\n{output}"));
                }
            }
        }
    }
    if rewriting() {
        std::fs::write(&path, fresh).unwrap();
    } else {
        assert!(wrong.is_empty(), "{page}: {}", wrong.join("\n"));
    }
    before.unchanged();
}

/// Every `yaml` block is a valid file.
fn files_in_pages() {
    for page in pages() {
        let text = std::fs::read_to_string(Path::new(ROOT).join(&page)).unwrap();
        for (position, block) in text.split("```yaml\n").skip(1).enumerate() {
            let (block, _) = block.split_once("```").unwrap();
            let read = match FileFormat::of(&page, block) {
                Some(_) => translated(&page, block),
                None => hallway_spec::parse(&page, block).map(|_| ()),
            };
            if let Err(problems) = read {
                panic!("{page}, block {position}: {problems}");
            }
        }
    }
}

/// A block in another format.
fn translated(page: &str, block: &str) -> Result<(), hallway_spec::Problems> {
    let file = File {
        path: page.to_owned(),
        text: block.to_owned(),
    };
    import(&[file], &Options::default(), Surroundings::bare()).map(|_| ())
}

/// README.md and all of docs/.
fn pages() -> Vec<String> {
    let mut out = vec!["README.md".to_owned()];
    let mut directories = vec!["docs".to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(Path::new(ROOT).join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{directory}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                directories.push(name);
            } else if name.ends_with(".md") {
                out.push(name);
            }
        }
    }
    out.sort();
    out
}

/// A page with commands but without a test would not be run.
fn every_page_is_run() {
    for page in pages() {
        let text = std::fs::read_to_string(Path::new(ROOT).join(&page)).unwrap();
        let has_commands = text.lines().any(|l| l == "```console");
        assert_eq!(
            has_commands,
            RUN.contains(&page.as_str()),
            "{page}: list it at the end of this file if it has console blocks, and only then"
        );
    }
}

/// The summary names every page below docs/, and no other.
fn the_summary_is_complete() {
    let summary = std::fs::read_to_string(Path::new(ROOT).join("docs/SUMMARY.md")).unwrap();
    let mut named: Vec<String> = summary
        .split("](")
        .skip(1)
        .map(|l| format!("docs/{}", l.split_once(')').unwrap().0))
        .collect();
    named.sort();
    let mut there = pages();
    there.retain(|p| p.starts_with("docs/") && p != "docs/SUMMARY.md");
    assert_eq!(named, there);
}

/// Links between pages lead to existing files.
fn links_lead_to_files() {
    for page in pages() {
        let path = Path::new(ROOT).join(&page);
        let text = std::fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1) {
            let to = link.split([')', '#']).next().unwrap();
            if !to.is_empty() && !to.starts_with("http") {
                let file = path.parent().unwrap().join(to);
                assert!(file.exists(), "{page} links to {to}");
            }
        }
    }
}

/// The pictures are the present output of `graph`, and each is shown in the tutorial.
fn pictures_are_current() {
    let directory = Path::new(ROOT).join("docs/tutorial/pictures");
    let hallway = Hallway::sandbox(env!("CARGO_BIN_EXE_hallway"));
    for example in PICTURES {
        let file = format!("{ROOT}/examples/{example}.yaml");
        let drawn = "/run/picture.svg";
        hallway
            .run(&["graph", &file, "--format", "svg", "-o", drawn])
            .ok();
        let drawn = std::fs::read_to_string(drawn).unwrap();
        let picture = directory.join(format!("{example}.svg"));
        if rewriting() {
            std::fs::write(&picture, &drawn).unwrap();
        }
        let there = std::fs::read_to_string(&picture).unwrap_or_default();
        assert!(there == drawn, "{example}.svg is not what graph draws now");
        let shown = format!("(pictures/{example}.svg)");
        assert!(
            pages()
                .iter()
                .any(|p| std::fs::read_to_string(Path::new(ROOT).join(p))
                    .unwrap()
                    .contains(&shown)),
            "no page shows {example}.svg"
        );
    }
    let kept = std::fs::read_dir(directory).unwrap().count();
    assert_eq!(kept, PICTURES.len(), "pictures that nothing draws");
}

const PICTURES: [&str; 8] = [
    "part1-namespace",
    "part2-cable",
    "part3-bridge",
    "part4-internet",
    "part5-ports",
    "part6-zones",
    "three-tier",
    "dual-stack",
];

/// The pages that are run, each as a test of its own, beside the tests of all pages.
macro_rules! pages {
    ($($name:ident: $page:literal,)* ; $($other:ident,)*) => {
        const RUN: &[&str] = &[$($page),*];
        $(fn $name() {
            run($page);
        })*
        hallway_testkit::tests![$($name,)* $($other,)*];
    };
}

pages! {
    readme: "README.md",
    part0_introduction: "docs/tutorial/0-introduction.md",
    part1_node: "docs/tutorial/1-node.md",
    part2_cable: "docs/tutorial/2-cable.md",
    part3_network: "docs/tutorial/3-network.md",
    part4_internet: "docs/tutorial/4-internet.md",
    part5_ports: "docs/tutorial/5-ports.md",
    part6_zones: "docs/tutorial/6-zones.md",
    part7_three_tiers: "docs/tutorial/7-three-tiers.md",
    part8_ipv6: "docs/tutorial/8-ipv6.md",
    part9_cleaning_up: "docs/tutorial/9-cleaning-up.md",
    cheat_sheet: "docs/cheat-sheet.md",
    coming_from: "docs/coming-from.md",
    compose: "docs/compose.md",
    install: "docs/install.md",
    sandboxes: "docs/sandboxes.md",
    finding_out_why: "docs/tutorial/finding-out-why.md",
    ;
    files_in_pages,
    every_page_is_run,
    the_summary_is_complete,
    links_lead_to_files,
    pictures_are_current,
    what_is_settled,
}

/// Settling must not make different things the same.
fn what_is_settled() {
    settled::check();
}
