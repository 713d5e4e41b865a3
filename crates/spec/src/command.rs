//! The program of a node.

use serde::{Deserialize, Serialize};

/// A program and its arguments; never empty. No shell reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command(Vec<String>);

impl Command {
    /// From a list of words.
    ///
    /// # Errors
    /// When there is none, or one has a NUL in it.
    pub fn new(words: Vec<String>) -> Result<Self, String> {
        if words.first().is_none_or(String::is_empty) {
            return Err("a command needs at least the name of a program".into());
        }
        if words.iter().any(|w| w.contains('\0')) {
            return Err("a command may not have NUL characters".into());
        }
        Ok(Self(words))
    }

    /// From one line, split at spaces with a shell's quoting.
    ///
    /// # Errors
    /// When quotes are not closed or there is no word.
    pub fn split(line: &str) -> Result<Self, String> {
        let words = shell_words::split(line)
            .map_err(|e| format!("the command cannot be split into words: {e}"))?;
        Self::new(words)
    }

    /// Program first.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}
