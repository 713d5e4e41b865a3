//! Where in a file something is said.

use serde::{Deserialize, Serialize};

/// A place in the project's file: what errors, rule comments and explanations point at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Place {
    /// From 1; 0 when the thing was not written in a file.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Byte offset from the start of the text.
    pub offset: usize,
    /// Length in bytes of what is pointed at.
    pub length: usize,
    /// The file, where it is not the one that the project was read from but one that this includes,
    /// extends or is changed by.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// The key path, like `policies[1]` or `nodes.web.ports[0]`.
    pub key: String,
}

impl Place {
    /// The file that it is in, as messages name it; `main` is the one that the project was read from.
    #[must_use]
    pub fn file<'a>(&'a self, main: &'a str) -> &'a str {
        match self.file.as_str() {
            "" => main,
            other => other,
        }
    }

    /// Whether it was written in a file.
    #[must_use]
    pub fn is_in_file(&self) -> bool {
        self.line > 0
    }
}
