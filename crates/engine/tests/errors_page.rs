//! The codes of conflicts, failures and warnings are documented, and no other codes are.

use hallway_engine::failure::{FailureCode, WarningCode};
use hallway_plan::ConflictCode;
use hallway_testkit::{documented, pairs};

#[test]
fn codes_of_conflicts_are_those_of_the_page() {
    let codes = pairs(ConflictCode::all().iter().map(|c| (c.text(), c.meaning())));
    assert_eq!(codes, documented("Codes of conflicts with the host"));
}

#[test]
fn codes_of_failures_are_those_of_the_page() {
    let codes = pairs(FailureCode::all().iter().map(|c| (c.text(), c.meaning())));
    assert_eq!(
        codes,
        documented("Codes of failures while a project is built, changed or read")
    );
}

#[test]
fn codes_of_warnings_are_those_of_the_page() {
    let codes = pairs(WarningCode::all().iter().map(|c| (c.text(), c.meaning())));
    assert_eq!(
        codes,
        documented("Codes of warnings while a project is built or changed")
    );
}
