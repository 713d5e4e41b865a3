//! Whether programs have become ready: a pure function of their states.

use std::collections::BTreeSet;
use std::fmt;

use hallway_plan::Exit;
use hallway_spec::{Condition, Dependency, Health};

use super::{Program, ProgramState, ProgramStatus};

/// Whether all programs are ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// All are, but for those that failed and that no program requires.
    Ready {
        /// Those.
        failed: Vec<NotRequired>,
    },
    /// These are not ready yet; at least one.
    Waiting(Vec<AwaitedProgram>),
    /// This node's program ended with an error and is not started again.
    Failed {
        /// The node.
        node: String,
        /// How it ended.
        end: ProgramEnd,
    },
}

/// A program that is not ready yet. Displayed with what is awaited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwaitedProgram {
    /// The node.
    pub node: String,
    /// What is awaited.
    pub awaited: Awaited,
}

impl fmt::Display for AwaitedProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.node, self.awaited)
    }
}

/// A program that failed, although no other requires it: others wait for it without requiring it (`required:
/// false`), or it may fail (`may_fail: true`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRequired {
    /// The node.
    pub node: String,
    /// How it ended.
    pub end: ProgramEnd,
    /// The others; none, if none waits for it.
    pub of: Vec<String>,
    /// The nodes whose program is not started, since they require it.
    pub not_started: Vec<String>,
}

impl fmt::Display for NotRequired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: {}; ", self.node, self.end)?;
        match (self.of.as_slice(), self.not_started.as_slice()) {
            ([], []) => f.write_str("the others run on"),
            ([], not_started) => write!(f, "therefore not started: {}", not_started.join(", ")),
            (of, _) => write!(f, "not required by {}", of.join(", ")),
        }
    }
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
    /// It was not started: what it requires failed.
    Blocked,
}

impl ProgramEnd {
    /// Whether the program was started, and failed after that.
    #[must_use]
    pub const fn is_after_start(self) -> bool {
        matches!(
            self,
            Self::Signal(_) | Self::Code(_) | Self::Unhealthy | Self::NotHealthy
        )
    }
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
            Self::Blocked => f.write_str("not started, since a program that it requires failed"),
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
/// ready, and so does one that a command stopped. The failure of one that no other requires makes nothing
/// fail, if others depend on it or it may fail.
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
    let mut without = Vec::new();
    for program in programs {
        let Some(end) = failure(program) else {
            continue;
        };
        let node = &program.node;
        let mut blocked = Vec::new();
        let Some(of) = not_requiring(wanted, node, &mut blocked) else {
            let node = node.clone();
            return Readiness::Failed { node, end };
        };
        let own = find(wanted, node);
        let of_itself = of.is_empty() && blocked.is_empty() && !may_fail(own, end);
        if of_itself || own.is_some_and(|p| p.may_fail) && is_not_started(wanted, node, end) {
            let node = node.clone();
            return Readiness::Failed { node, end };
        }
        let node = node.clone();
        let not_started = requiring(wanted, &node);
        without.push(NotRequired {
            node,
            end,
            of,
            not_started,
        });
        without.append(&mut blocked);
    }
    let mut awaited: Vec<AwaitedProgram> = programs
        .iter()
        .filter_map(|program| awaited(program, find(wanted, &program.node)))
        .collect();
    for program in programs.iter().filter(|p| p.state == ProgramState::Waiting) {
        if without.iter().any(|w: &NotRequired| w.node == program.node) {
            continue;
        }
        match dependency(program, find(wanted, &program.node), programs) {
            Ok(Some(before)) if !awaited.contains(&before) => awaited.push(before),
            Ok(_) => {}
            Err(NeverHealthy(node)) => {
                let of = not_requiring(wanted, &program.node, &mut without);
                let Some(of) = of.filter(|_| has_dependants(wanted, &program.node)) else {
                    let end = ProgramEnd::NotHealthy;
                    return Readiness::Failed { node, end };
                };
                without.push(blocked_program(wanted, &program.node, of));
                continue;
            }
        }
        // It is only started when what it waits for is ready.
        if awaited.is_empty() {
            awaited.push(AwaitedProgram {
                node: program.node.clone(),
                awaited: Awaited::Runs,
            });
        }
    }
    named_once(&mut without, programs);
    match awaited.is_empty() {
        true => Readiness::Ready { failed: without },
        false => Readiness::Waiting(awaited),
    }
}

/// Names each program once, and only those that were not started as such.
fn named_once(without: &mut Vec<NotRequired>, programs: &[ProgramStatus]) {
    // One that requires several that failed is found with each of them.
    let mut named = BTreeSet::new();
    without.retain(|program| named.insert(program.node.clone()));
    // What was started before the failure runs on.
    let waits = |node: &String| {
        let mut waiting = programs.iter().filter(|p| p.state == ProgramState::Waiting);
        waiting.any(|p| p.node == *node)
    };
    without.retain(|program| program.end != ProgramEnd::Blocked || waits(&program.node));
    for program in without {
        program.not_started.retain(&waits);
    }
}

fn find<'a>(wanted: &'a [Program], node: &str) -> Option<&'a Program> {
    wanted.iter().find(|w| w.node == node)
}

/// What is awaited of a program that has been started.
fn awaited(program: &ProgramStatus, wanted: Option<&Program>) -> Option<AwaitedProgram> {
    let ports = wanted.map(ports).unwrap_or_default();
    let awaited = match program.state {
        ProgramState::Starting | ProgramState::Restarting if !ports.is_empty() => {
            Awaited::Listens(ports)
        }
        ProgramState::Starting => Awaited::Runs,
        ProgramState::Running if program.health == Some(Health::Starting) => Awaited::Healthy,
        ProgramState::Restarting if checked(wanted) => Awaited::Healthy,
        _ => return None,
    };
    let node = program.node.clone();
    Some(AwaitedProgram { node, awaited })
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

/// Whether a program may fail in this way. One that could not even be started may not.
fn may_fail(wanted: Option<&Program>, end: ProgramEnd) -> bool {
    end.is_after_start() && wanted.is_some_and(|program| program.may_fail)
}

/// Whether a program could not be started that others need the start of.
fn is_not_started(wanted: &[Program], node: &str, end: ProgramEnd) -> bool {
    let mut on = wanted.iter().flat_map(|other| &other.depends_on);
    let start = |d: &Dependency| d.condition == Condition::ServiceStarted;
    !end.is_after_start() && on.any(|d| d.node.as_ref() == node && start(d))
}

/// The programs that depend on this one and do not require it; `None` if one requires it, and is required itself.
/// Those that require it and are not required are `blocked`.
fn not_requiring(
    wanted: &[Program],
    node: &str,
    blocked: &mut Vec<NotRequired>,
) -> Option<Vec<String>> {
    let mut of = Vec::new();
    for other in wanted {
        let mut on = other.depends_on.iter();
        let Some(dependency) = on.find(|d| d.node.as_ref() == node) else {
            continue;
        };
        if !dependency.required {
            of.push(other.node.clone());
        } else if !blocked.iter().any(|b| b.node == other.node) {
            let further = not_requiring(wanted, &other.node, blocked)?;
            // One that nothing depends on is wanted for itself.
            if !has_dependants(wanted, &other.node) {
                return None;
            }
            blocked.push(blocked_program(wanted, &other.node, further));
        }
    }
    Some(of)
}

/// A program that was not started since one that it requires failed.
fn blocked_program(wanted: &[Program], node: &str, of: Vec<String>) -> NotRequired {
    NotRequired {
        node: node.to_owned(),
        end: ProgramEnd::Blocked,
        of,
        not_started: requiring(wanted, node),
    }
}

fn has_dependants(wanted: &[Program], node: &str) -> bool {
    let mut on = wanted.iter().flat_map(|other| &other.depends_on);
    on.any(|d| d.node.as_ref() == node)
}

/// The programs that require this one.
fn requiring(wanted: &[Program], node: &str) -> Vec<String> {
    let requires = |other: &&Program| {
        let mut on = other.depends_on.iter();
        on.any(|d| d.required && d.node.as_ref() == node)
    };
    let all = wanted.iter().filter(requires);
    all.map(|other| other.node.clone()).collect()
}

fn ports(program: &Program) -> Vec<String> {
    program.ready.iter().map(ToString::to_string).collect()
}

fn checked(program: Option<&Program>) -> bool {
    program.is_some_and(|p| p.healthcheck.is_some())
}

/// The node whose program ended before it was healthy, which another waits for.
struct NeverHealthy(String);

/// A program that must end before this one is started.
///
/// # Errors
/// When what it waits for cannot come true any more.
fn dependency(
    program: &ProgramStatus,
    wanted: Option<&Program>,
    programs: &[ProgramStatus],
) -> Result<Option<AwaitedProgram>, NeverHealthy> {
    for dependency in wanted.iter().flat_map(|w| &w.depends_on) {
        let node = dependency.node.to_string();
        let Some(other) = programs.iter().find(|p| p.node == node) else {
            continue;
        };
        match (dependency.condition, other.state) {
            (Condition::ServiceHealthy, ProgramState::Exited)
                if dependency.required && other.exit.is_some() =>
            {
                return Err(NeverHealthy(node));
            }
            (
                Condition::ServiceCompletedSuccessfully,
                ProgramState::Running | ProgramState::Restarting,
            ) => {
                let before = program.node.clone();
                let awaited = Awaited::Ends { before };
                return Ok(Some(AwaitedProgram { node, awaited }));
            }
            _ => {}
        }
    }
    Ok(None)
}

#[cfg(test)]
#[path = "readiness_tests.rs"]
mod tests;
