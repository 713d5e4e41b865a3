//! Compose files with the structures of real ones. Each is translated, or gets one message; the
//! result is next to it, and a person has read it.
//!
//! `HALLWAY_SNAPSHOTS=write cargo test -p hallway-import` writes the results again.

#![allow(clippy::unwrap_used, clippy::panic)] // a failing helper is a failing test

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hallway_import::{File, Imported, Options, Surroundings, import};
use hallway_spec::{Code, Document, Problems, parse};

const CORPUS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");

/// Programs on the machine of these tests.
const PROGRAMS: [&str; 3] = ["sh", "hallway", "python3"];

/// The first lines of a file may contain flags: `# flags: --stub --profile debug`.
fn options(text: &str) -> Options {
    let mut options = Options::default();
    let flags = text.lines().find_map(|l| l.strip_prefix("# flags: "));
    let mut words = flags.unwrap_or_default().split_whitespace();
    while let Some(word) = words.next() {
        match word {
            "--stub" => options.stub = true,
            "--profile" => options.profiles.extend(words.next().map(str::to_owned)),
            "--scale" => {
                let (name, count) = words.next().unwrap().split_once('=').unwrap();
                options.scale.insert(name.into(), count.parse().unwrap());
            }
            other => panic!("{other}"),
        }
    }
    options
}

fn translated(directory: &str, names: &[&str]) -> Result<Imported, Problems> {
    let read = |path: &str| {
        std::fs::read_to_string(Path::new(CORPUS).join(path))
            .map_err(|e| std::io::Error::from(e.kind()))
    };
    let files: Vec<File> = names
        .iter()
        .map(|name| {
            let path = format!("{directory}{name}");
            let text = read(&path).unwrap();
            File { path, text }
        })
        .collect();
    let variable = |name: &str| match name {
        "HOME" => Some("/home/me".to_owned()),
        "TAG" => Some("3.1".to_owned()),
        _ => None,
    };
    let surroundings = Surroundings {
        variable: &variable,
        read: &read,
        program: &|name| PROGRAMS.contains(&name),
        directory: &|path| path != "/app",
        ..Surroundings::bare()
    };
    import(&files, &options(&files[0].text), surroundings)
}

/// Compares with the content of a file, or writes it.
fn compare(path: &Path, text: &str) {
    if std::env::var("HALLWAY_SNAPSHOTS").is_ok_and(|v| v == "write") {
        std::fs::write(path, text).unwrap();
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(text, expected, "{}", path.display());
}

/// A debug text without places.
fn without_places(debug: &str) -> String {
    let mut out = String::new();
    let mut rest = debug;
    while let Some((before, after)) = rest.split_once("Place {") {
        out.push_str(before);
        // Keys have no closing brace outside of quotes.
        let end = after.find(" }").unwrap();
        rest = &after[end + 2..];
    }
    out.push_str(rest);
    out
}

fn check(directory: &str, names: &[&str], result: &Path) {
    match translated(directory, names) {
        Ok(imported) => {
            compare(result, &imported.commented(100));
            let again = parse("x.yaml", &imported.text);
            let again =
                again.unwrap_or_else(|e| panic!("{}: {e}\n{}", result.display(), imported.text));
            assert_eq!(
                without_places(&format!("{:?}", again.topology)),
                without_places(&format!("{:?}", imported.project.topology)),
                "{}",
                result.display()
            );
            assert!(
                Document::read(&imported.text).is_some(),
                "{}",
                imported.text
            );
        }
        Err(problems) => {
            for problem in &problems.problems {
                assert!(problem.place.line > 0, "{}: {problems}", result.display());
            }
            compare(result, &format!("{problems}\n"));
        }
    }
}

#[test]
fn every_file_is_translated_or_gets_one_message() {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(CORPUS)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "yaml"));
    paths.sort();
    for path in &paths {
        let name = path.file_name().unwrap().to_str().unwrap();
        check("", &[name], &path.with_extension("out"));
    }
    assert!(paths.len() >= 40, "{}", paths.len());
}

/// For every problem of a file there is a message, and its place is in the file.
#[test]
fn damaged_files_get_messages() {
    let attempt = |path: &str, text: String| {
        let lines = text.lines().count() as u32;
        let file = File {
            path: path.to_owned(),
            text,
        };
        if let Err(problems) = import(&[file], &Options::default(), Surroundings::bare()) {
            assert!(!problems.problems.is_empty());
            for problem in &problems.problems {
                let line = problem.place.line;
                assert!((1..=lines.max(1) + 1).contains(&line), "{problems}");
            }
        }
    };
    for entry in std::fs::read_dir(CORPUS).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "yaml") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for left_out in 0..lines.len() {
            let rest = lines.iter().enumerate().filter(|(i, _)| *i != left_out);
            let rest: Vec<&str> = rest.map(|(_, line)| *line).collect();
            attempt(name, rest.join("\n"));
        }
        for end in (0..text.len()).step_by(5) {
            attempt(name, text[..end].to_owned());
        }
        for (from, to) in [
            ("[", "{"),
            (":", ": -"),
            ("1", "99999999999"),
            ("{", "["),
            ("\"", ""),
        ] {
            for (at, _) in text.match_indices(from).step_by(3) {
                let after = &text[at + from.len()..];
                attempt(name, format!("{}{to}{after}", &text[..at]));
            }
        }
    }
}

/// Each code of a problem that only a file of another format can have.
#[test]
fn every_code_has_a_file() {
    let mut codes = BTreeSet::new();
    for entry in std::fs::read_dir(CORPUS).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".yaml")
            && let Err(problems) = translated("", &[&name])
        {
            codes.extend(problems.problems.iter().map(|p| p.kind.code().text()));
        }
    }
    let cycle = translated("several/", &["cycle.yaml"]).unwrap_err();
    codes.extend(cycle.problems.iter().map(|p| p.kind.code().text()));
    for code in [
        Code::BadInterpolation,
        Code::MissingVariable,
        Code::FileUnreadable,
        Code::ImportCycle,
        Code::InactiveProfile,
        Code::NotSupported,
    ] {
        assert!(codes.contains(code.text()), "{code}");
    }
}

#[test]
fn files_that_belong_together() {
    let result = |name: &str| Path::new(CORPUS).join(name);
    check(
        "several/",
        &["compose.yaml", "compose.override.yaml"],
        &result("several/override.out"),
    );
    check(
        "several/",
        &["include.yaml"],
        &result("several/include.out"),
    );
    check(
        "several/",
        &["extends.yaml"],
        &result("several/extends.out"),
    );
    check("several/", &["cycle.yaml"], &result("several/cycle.out"));
}
