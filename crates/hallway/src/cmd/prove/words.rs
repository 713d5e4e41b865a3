//! Answers as text.

use hallway_view::style::{BOLD, styled};

use super::proof::Row;

/// The question of a row.
pub(super) fn name(row: &Row) -> String {
    let address = row
        .path
        .address
        .filter(|a| a.to_string() != row.path.to)
        .map(|a| format!(" ({a})"))
        .unwrap_or_default();
    format!(
        "{} → {}{address} {}",
        row.path.from, row.path.to, row.path.service
    )
}

/// The error, in one line.
pub(super) fn failure(row: &Row, file: &str) -> String {
    let mut out = String::new();
    if let Some(expected) = &row.expected {
        let wanted = if expected.reachable {
            "reachable"
        } else {
            "not reachable"
        };
        out.push_str(&format!(
            "{}:{}: should be {wanted}; ",
            expected.place.file(file),
            expected.place.line
        ));
    }
    let detail = row.measured.as_ref().map(|m| m.detail.as_str());
    if let Some(why) = &row.no_service {
        out.push_str(why);
    } else if row.is_without_result() {
        out.push_str(&format!("no result: {}", detail.unwrap_or_default()));
    } else if row.agrees() {
        out.push_str(&reason(row, file));
    } else {
        out.push_str(&format!(
            "predicted {} because {}, but the packets show {}",
            row.path.outcome,
            row.path.reason.text,
            row.outcome()
        ));
        if let Some(detail) = detail.filter(|d| !d.is_empty()) {
            out.push_str(&format!(" ({detail})"));
        }
    }
    out
}

/// Why the prediction is as it is, with the line of the file that decides.
pub(super) fn reason(row: &Row, file: &str) -> String {
    let text = &row.path.reason.text;
    match &row.path.reason.place {
        Some(place) => format!("{text} ({}:{})", place.file(file), place.line),
        None => text.clone(),
    }
}

/// A heading in bold.
pub(super) fn heading(text: &str) -> String {
    styled(BOLD, text)
}
