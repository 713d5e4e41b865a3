//! How programs end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a program ended. Displayed as the end of a sentence that begins with the program.
///
/// ```
/// use hallway_plan::Exit;
///
/// assert_eq!((Exit::Code(143).code(), Exit::Signal(15).code()), (143, 143));
/// assert_eq!(Exit::Code(143).to_string(), "exited with 143");
/// assert_eq!(Exit::Signal(15).to_string(), "ended by signal 15");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exit {
    /// With this exit code of its own.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It could not be started, with the code that shells have for the reason: 127 not found, 126 not
    /// executable, 125 something before it.
    NotStarted(i32),
}

impl Exit {
    /// As one number, like in shells: 128 and the signal's number if a signal ended it.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Self::Code(code) | Self::NotStarted(code) => code,
            Self::Signal(signal) => 128 + signal,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with {code}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::NotStarted(_) => f.write_str("could not be started"),
        }
    }
}

/// A program as its keeper reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenProgram {
    /// It runs, starts, or waits for the programs it depends on.
    Runs,
    /// It runs, and its health check fails.
    Unhealthy,
    /// It ended, and the keeper is about to start it again.
    Restarting(Exit),
    /// It ended, and is not started again.
    Ended(Exit),
    /// A command stopped it.
    Stopped,
}
