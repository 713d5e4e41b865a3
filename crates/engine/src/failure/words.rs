//! Parts of messages.

use hallway_plan::compare::Difference;

/// The end of a log, below a message.
pub(super) fn quoted(lines: &[String]) -> String {
    match lines {
        [] => String::new(),
        lines => format!(
            "\n  the last lines of its log:\n    {}",
            lines.join("\n    ")
        ),
    }
}

/// At most this many objects are named in a message.
const NAMED: usize = 5;

/// The first differences.
pub(super) fn named(differences: &[Difference]) -> String {
    first_of(differences.iter().map(ToString::to_string), "; ")
}

/// The first of some words, and how many more there are.
pub(crate) fn first_of(all: impl ExactSizeIterator<Item = String>, separator: &str) -> String {
    let more = all.len().saturating_sub(NAMED);
    let mut words: Vec<String> = all.take(NAMED).collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(separator)
}
