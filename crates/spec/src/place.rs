//! Places in a file.

use serde::{Deserialize, Serialize};

/// A place in the project's file: errors, rule comments and explanations refer to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// From 1; 0 if it is not from a file.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Byte offset from the start of the text.
    pub offset: usize,
    /// Length in bytes.
    pub length: usize,
    /// The file, if it is not the one that the project was read from, but one that is included,
    /// extended or merged into it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The key path, like `policies[1]` or `nodes.web.ports[0]`.
    pub key: String,
}

impl Place {
    /// The name of the file for messages; `main` is the one that the project was read from.
    #[must_use]
    pub fn file<'a>(&'a self, main: &'a str) -> &'a str {
        match self.file.as_str() {
            "" => main,
            other => other,
        }
    }

    /// Whether it is from a file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.line > 0
    }
}
