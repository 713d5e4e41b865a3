//! Whether programs have become ready: a pure function of their states.

use std::fmt;

use hallway_plan::Exit;
use hallway_spec::{Condition, Health};

use super::{Program, ProgramState, ProgramStatus};

/// Whether all programs are ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// All are, but for those that failed and that no program requires.
    Ready {
        /// Those.
        failed: Vec<NotRequired>,
    },
    /// This node's program is not ready yet.
    Waiting {
        /// The node.
        node: String,
        /// What is awaited.
        awaited: Awaited,
    },
    /// This node's program ended with an error and is not started again.
    Failed {
        /// The node.
        node: String,
        /// How it ended.
        end: ProgramEnd,
    },
}

/// A program that failed, and that others wait for without requiring it (`required: false`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRequired {
    /// The node.
    pub node: String,
    /// How it ended.
    pub end: ProgramEnd,
    /// The others.
    pub of: Vec<String>,
}

/// How a program ended. Displayed as the end of a sentence that begins with the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProgramEnd {
    /// Something before its program failed, like its directory.
    NotStarted,
    /// Its program cannot be executed.
    NotExecutable,
    /// There is no such program.
    NotFound,
    /// By this signal.
    Signal(i32),
    /// With this exit code.
    Code(i32),
    /// It has not ended, but its health check fails.
    Unhealthy,
    /// Before its health check succeeded, which another node waits for.
    NotHealthy,
}

impl From<Exit> for ProgramEnd {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::NotStarted(126) => Self::NotExecutable,
            Exit::NotStarted(127) => Self::NotFound,
            Exit::NotStarted(_) => Self::NotStarted,
            Exit::Signal(signal) => Self::Signal(signal),
            Exit::Code(code) => Self::Code(code),
        }
    }
}

impl fmt::Display for ProgramEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("its program could not be started"),
            Self::NotExecutable => f.write_str("its program cannot be executed"),
            Self::NotFound => f.write_str("its program was not found"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::Code(code) => write!(f, "ended with exit code {code}"),
            Self::Unhealthy => f.write_str("unhealthy: its health check fails"),
            Self::NotHealthy => f.write_str("ended before its health check succeeded"),
        }
    }
}

/// What a run waits for. Displayed after the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Awaited {
    /// The program runs.
    Runs,
    /// It listens on these ports.
    Listens(Vec<String>),
    /// Its health check succeeds.
    Healthy,
    /// It ends, since another node's program is started after that.
    Ends {
        /// That other node.
        before: String,
    },
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runs => Ok(()),
            Self::Listens(ports) => write!(f, ": {}", ports.join(", ")),
            Self::Healthy => f.write_str(": its health check"),
            Self::Ends { before } => write!(f, ": its end, since {before} starts then"),
        }
    }
}

/// Whether `programs` are ready. A program that is restarted repeatedly counts as ready unless it
/// has `ready` ports or a health check in `wanted`; one that ended with exit code 0 counts as
/// ready, and so does one that a command stopped. The failure of one that others depend on, none of
/// which requires it, makes nothing fail.
///
/// ```
/// use hallway_engine::keeper::{Exit, ProgramEnd, ProgramState, ProgramStatus, Readiness, readiness};
///
/// let ended = ProgramStatus {
///     node: "web".to_owned(),
///     state: ProgramState::Exited,
///     pid: None,
///     restarts: 0,
///     health: None,
///     exit: Some(Exit::NotStarted(127)),
///     ended_ms: Some(20),
/// };
/// let expected = Readiness::Failed { node: "web".to_owned(), end: ProgramEnd::NotFound };
/// assert_eq!(readiness(&[], &[ended]), expected);
/// ```
#[must_use]
pub fn readiness(wanted: &[Program], programs: &[ProgramStatus]) -> Readiness {
    let failed = |program: &ProgramStatus, end| Readiness::Failed {
        node: program.node.clone(),
        end,
    };
    let mut without = Vec::new();
    for program in programs {
        let Some(end) = failure(program) else {
            continue;
        };
        let Some(of) = not_requiring(wanted, program) else {
            return failed(program, end);
        };
        let node = program.node.clone();
        without.push(NotRequired { node, end, of });
    }
    let of = |node: &str| wanted.iter().find(|w| w.node == node);
    for program in programs {
        let ports = of(&program.node).map(ports).unwrap_or_default();
        let awaited = match program.state {
            ProgramState::Starting | ProgramState::Restarting if !ports.is_empty() => {
                Awaited::Listens(ports)
            }
            ProgramState::Starting => Awaited::Runs,
            ProgramState::Running if program.health == Some(Health::Starting) => Awaited::Healthy,
            ProgramState::Restarting if checked(of(&program.node)) => Awaited::Healthy,
            _ => continue,
        };
        return Readiness::Waiting {
            node: program.node.clone(),
            awaited,
        };
    }
    let waiting = programs.iter().find(|p| p.state == ProgramState::Waiting);
    match waiting {
        Some(program) => dependency(program, of(&program.node), programs),
        None => Readiness::Ready { failed: without },
    }
}

/// How a program failed, if it did.
fn failure(program: &ProgramStatus) -> Option<ProgramEnd> {
    match (program.state, program.exit) {
        (ProgramState::Exited, Some(Exit::Code(0))) => None,
        (ProgramState::Exited, Some(exit)) => Some(exit.into()),
        _ if program.health == Some(Health::Unhealthy) => Some(ProgramEnd::Unhealthy),
        _ => None,
    }
}

/// The programs that depend on this one; `None` if there are none, or one of them requires it.
fn not_requiring(wanted: &[Program], program: &ProgramStatus) -> Option<Vec<String>> {
    let mut of = Vec::new();
    for other in wanted {
        let mut on = other.depends_on.iter();
        if let Some(dependency) = on.find(|d| d.node.as_ref() == program.node) {
            if dependency.required {
                return None;
            }
            of.push(other.node.clone());
        }
    }
    (!of.is_empty()).then_some(of)
}

fn ports(program: &Program) -> Vec<String> {
    program.ready.iter().map(ToString::to_string).collect()
}

fn checked(program: Option<&Program>) -> bool {
    program.is_some_and(|p| p.healthcheck.is_some())
}

/// What a program that has not been started waits for.
fn dependency(
    program: &ProgramStatus,
    wanted: Option<&Program>,
    programs: &[ProgramStatus],
) -> Readiness {
    for dependency in wanted.iter().flat_map(|w| &w.depends_on) {
        let node = dependency.node.to_string();
        let Some(other) = programs.iter().find(|p| p.node == node) else {
            continue;
        };
        match (dependency.condition, other.state) {
            (Condition::ServiceHealthy, ProgramState::Exited)
                if dependency.required && other.exit.is_some() =>
            {
                let end = ProgramEnd::NotHealthy;
                return Readiness::Failed { node, end };
            }
            (Condition::ServiceCompletedSuccessfully, state) if state != ProgramState::Exited => {
                let before = program.node.clone();
                let awaited = Awaited::Ends { before };
                return Readiness::Waiting { node, awaited };
            }
            _ => {}
        }
    }
    Readiness::Waiting {
        node: program.node.clone(),
        awaited: Awaited::Runs,
    }
}
