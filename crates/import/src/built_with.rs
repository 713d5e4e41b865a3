//! The files and flags that a project was translated with, kept in a comment of the text, so that the command
//! that builds it again can be named.

use serde::{Deserialize, Serialize};

/// The beginning of the comment, which is the last line of the text.
const MARK: &str = "# built with: ";

/// What follows `hallway up`, apart from the one file of the project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BuiltWith {
    /// The files, if there are several.
    pub files: Vec<String>,
    /// Flags with their values.
    pub flags: Vec<String>,
}

impl BuiltWith {
    /// A text with the comment.
    #[must_use]
    pub fn written(&self, mut text: String) -> String {
        if *self != Self::default() {
            let json = serde_json::to_string(self).unwrap_or_default();
            text.push_str(&format!("{MARK}{json}\n"));
        }
        text
    }

    /// What the comment of a text says; nothing without one.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let line = text.lines().next_back().unwrap_or_default();
        let json = line.strip_prefix(MARK).unwrap_or_default();
        serde_json::from_str(json).unwrap_or_default()
    }
}
