//! The codes are documented, and no others are.

#![allow(clippy::unwrap_used)] // a failing helper is a failing test

use hallway_spec::{Code, EditCode, WarningCode};

/// The table rows of a section of the page of errors: code and meaning.
fn documented(section: &str) -> Vec<(String, String)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
    let page = std::fs::read_to_string(path).unwrap();
    let (_, rest) = page.split_once(&format!("\n## {section}\n")).unwrap();
    let rows = rest.split("\n## ").next().unwrap().lines();
    rows.filter_map(|row| {
        let (code, meaning) = row.strip_prefix("| `")?.split_once("` | ")?;
        let meaning = meaning.strip_suffix(" |")?;
        Some((code.to_owned(), meaning.to_owned()))
    })
    .collect()
}

fn pairs<'a>(codes: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<(String, String)> {
    codes
        .map(|(code, meaning)| (code.to_owned(), meaning.to_owned()))
        .collect()
}

#[test]
fn codes_of_problems_are_those_of_the_page() {
    let codes = pairs(Code::all().iter().map(|c| (c.text(), c.meaning())));
    assert_eq!(codes, documented("Codes of problems in a file"));
}

#[test]
fn codes_of_warnings_are_those_of_the_page() {
    let codes = pairs(WarningCode::all().iter().map(|c| (c.text(), c.meaning())));
    assert_eq!(codes, documented("Codes of warnings about a file"));
}

#[test]
fn codes_of_edits_are_those_of_the_page() {
    let codes = pairs(EditCode::all().iter().map(|c| (c.text(), c.meaning())));
    assert_eq!(codes, documented("Codes of edits that are not possible"));
}

#[test]
fn codes_are_in_kebab_case() {
    let all = Code::all().iter().map(|c| c.text());
    let all = all.chain(WarningCode::all().iter().map(|c| c.text()));
    for code in all.chain(EditCode::all().iter().map(|c| c.text())) {
        let kebab = code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        assert!(
            kebab && !code.starts_with('-') && !code.ends_with('-'),
            "{code}"
        );
    }
}
