//! Whether programs have become ready: a pure decision over their states.

use std::fmt;

use super::{Program, ProgramState, ProgramStatus};

/// Whether all programs are ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// All are.
    Ready,
    /// This node's program is not ready yet.
    Waiting {
        /// The node.
        node: String,
    },
    /// This node's program ended with an error and is not started again.
    Failed {
        /// The node.
        node: String,
        /// How it ended.
        end: ProgramEnd,
    },
}

/// How a program ended. Displayed as the end of a sentence that begins with the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramEnd {
    /// Exit code 125: its node could not be entered.
    NotEntered,
    /// Exit code 126.
    NotExecutable,
    /// Exit code 127.
    NotFound,
    /// By this signal.
    Signal(i32),
    /// With this exit code.
    Code(i32),
}

impl ProgramEnd {
    /// What an exit code means, as shells and containers number them.
    #[must_use]
    pub fn of_code(code: i32) -> Self {
        match code {
            125 => Self::NotEntered,
            126 => Self::NotExecutable,
            127 => Self::NotFound,
            129.. => Self::Signal(code - 128),
            code => Self::Code(code),
        }
    }
}

impl fmt::Display for ProgramEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotEntered => f.write_str("its node could not be entered"),
            Self::NotExecutable => f.write_str("its program cannot be executed"),
            Self::NotFound => f.write_str("its program was not found"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::Code(code) => write!(f, "ended with exit code {code}"),
        }
    }
}

/// Whether `programs` are ready. A program that is started again and again counts as ready unless
/// it has `ready` ports in `wanted`; one that ended with exit code 0 counts as ready, and so does
/// one that a command stopped.
///
/// ```
/// use hallway_engine::keeper::{ProgramEnd, ProgramState, ProgramStatus, Readiness, readiness};
///
/// let ended = ProgramStatus {
///     node: "web".to_owned(),
///     state: ProgramState::Exited,
///     pid: None,
///     restarts: 0,
///     exit_code: Some(127),
/// };
/// let expected = Readiness::Failed { node: "web".to_owned(), end: ProgramEnd::NotFound };
/// assert_eq!(readiness(&[], &[ended]), expected);
/// ```
#[must_use]
pub fn readiness(wanted: &[Program], programs: &[ProgramStatus]) -> Readiness {
    let must_listen = |node: &str| wanted.iter().any(|w| w.node == node && !w.ready.is_empty());
    let ended = programs
        .iter()
        .find(|p| p.state == ProgramState::Exited && p.exit_code.is_some_and(|code| code != 0));
    if let Some(program) = ended {
        return Readiness::Failed {
            node: program.node.clone(),
            end: ProgramEnd::of_code(program.exit_code.unwrap_or(-1)),
        };
    }
    let waiting = programs.iter().find(|p| match p.state {
        ProgramState::Running | ProgramState::Exited => false,
        ProgramState::Restarting => must_listen(&p.node),
        ProgramState::Waiting | ProgramState::Starting => true,
    });
    waiting.map_or(Readiness::Ready, |p| Readiness::Waiting {
        node: p.node.clone(),
    })
}
