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

/// Commands of a shell itself.
const BUILTINS: [&str; 9] = [
    "cd", "eval", "exec", "export", "set", "source", "ulimit", "umask", "unset",
];

/// Whether the first word of a line is for a shell: a command of its own, or a variable.
fn is_of_shell(word: &str) -> bool {
    let variable = word.split_once('=').is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    variable || BUILTINS.contains(&word)
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
    /// When quotes are not closed, there is no word, a separate word is an operator of a shell, like
    /// `&&`, or the first one is for a shell, like `cd` or `NAME=value`.
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
        if let Some(first) = words.first().filter(|w| is_of_shell(w)) {
            return Err(InvalidCommand::ShellOperator(first.clone()));
        }
        Self::new(words)
    }

    /// The first word that only a shell would act on, in a command that is run without one.
    ///
    /// ```
    /// use hallway_spec::Command;
    ///
    /// assert_eq!(Command::word_for_a_shell(&["sleep", "1", "&&", "ls"]), Some("&&"));
    /// assert_eq!(Command::word_for_a_shell(&["sh", "-c", "sleep 1 && ls"]), None);
    /// ```
    #[must_use]
    pub fn word_for_a_shell<'w>(words: &[&'w str]) -> Option<&'w str> {
        let first = words.iter().take(1).filter(|word| is_of_shell(word));
        // find(1) has an argument of this form.
        let operators = words.iter().filter(|w| OPERATORS.contains(w) && **w != ";");
        first.chain(operators).next().copied()
    }

    /// Program first.
    #[must_use]
    pub fn words(&self) -> &[String] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_needs_a_shell_is_refused() {
        for line in ["FOO=1 sleep 5", "cd /tmp", "export A=b", "a && b", "a; b"] {
            let refused = Command::split(line);
            let shell = matches!(refused, Err(InvalidCommand::ShellOperator(_)));
            assert!(shell, "{line}: {refused:?}");
        }
        for line in ["sleep 5", "./cd x", "env FOO=1 sleep 5", "sh -c 'cd /'"] {
            assert!(Command::split(line).is_ok(), "{line}");
        }
    }
}
