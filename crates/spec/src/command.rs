//! The program of a node.

use serde::{Deserialize, Serialize};

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCommand {
    /// There is no program.
    #[error("a command needs at least the name of a program")]
    Empty,
    /// A word has a NUL character, which the kernel cannot pass to a program.
    #[error("a command may not have NUL characters")]
    Nul,
    /// A word that needs a shell.
    #[error("a command is run without a shell, which {0} needs")]
    ShellOperator(String),
    /// A quote is opened and not closed.
    #[error("the command has a quote that is not closed")]
    UnclosedQuote,
}

/// Words that are operators of a shell, but plain arguments for a program.
const OPERATORS: [&str; 8] = ["&&", "||", "|", ";", "&", ">", ">>", "<"];

/// The operator in a word that needs a shell.
fn operator(word: &str) -> Option<&str> {
    let ended = word.strip_suffix(';').filter(|before| !before.is_empty());
    match ended {
        Some(before) if before != "\\" => Some(";"),
        _ => Some(word).filter(|w| OPERATORS.contains(w)),
    }
}

/// A program and its arguments; never empty. It is run without a shell.
///
/// ```
/// use hallway_spec::Command;
///
/// let command = Command::split("sh -c 'echo hello'")?;
/// assert_eq!(command.words(), ["sh", "-c", "echo hello"]);
/// # Ok::<(), hallway_spec::InvalidCommand>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command(Vec<String>);

impl Command {
    /// From a list of words.
    ///
    /// # Errors
    /// When there is none, or one contains a NUL.
    pub fn new(words: Vec<String>) -> Result<Self, InvalidCommand> {
        if words.first().is_none_or(String::is_empty) {
            return Err(InvalidCommand::Empty);
        }
        if words.iter().any(|w| w.contains('\0')) {
            return Err(InvalidCommand::Nul);
        }
        Ok(Self(words))
    }

    /// From one line, split at spaces with a shell's quoting.
    ///
    /// # Errors
    /// When quotes are not closed, there is no word, or a separate word is an operator of a shell,
    /// like `&&`.
    pub fn split(line: &str) -> Result<Self, InvalidCommand> {
        let words = shell_words::split(line).map_err(|_unclosed| InvalidCommand::UnclosedQuote)?;
        // A quoted operator is an argument.
        let mut unquoted = line.split_whitespace();
        let found = unquoted.find_map(|word| {
            let operator = operator(word)?;
            words.iter().any(|w| w == word).then_some(operator)
        });
        if let Some(operator) = found {
            return Err(InvalidCommand::ShellOperator(operator.to_owned()));
        }
        Self::new(words)
    }

    /// Program first.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}
