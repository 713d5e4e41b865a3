//! The codes are documented, and no other codes are.

use hallway_spec::{Code, EditCode, WarningCode};
use hallway_testkit::{documented, pairs};

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
