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

/// At most this many differences are named in a message.
const NAMED: usize = 5;

/// The first differences.
pub(super) fn named(differences: &[Difference]) -> String {
    let mut words: Vec<String> = differences
        .iter()
        .take(NAMED)
        .map(ToString::to_string)
        .collect();
    if differences.len() > NAMED {
        words.push(format!("and {} more", differences.len() - NAMED));
    }
    words.join("; ")
}
