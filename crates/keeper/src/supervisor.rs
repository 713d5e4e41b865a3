//! When which program is started or stopped: a pure state machine. It gets events and the time, and
//! returns actions; it starts no process and reads no clock.
//!
//! ```text
//!       dependencies are satisfied      all `ready` ports listen
//! Waiting ─────────────────► Starting ─────────────────────────► Running
//!                                │                                  │
//!                                └───────────── exited ─────────────┘
//!                  backoff over ▲      │ policy restarts      │ policy does not
//!                               └─ Restarting ◄┘              └► Exited
//! ```
//!
//! A *run* is one start of a program with all processes of that start. A run lasts until its last
//! process has ended, which can be after the program itself exited. A node has one run at a time.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use hallway_keeper::supervisor::Supervisor;
//!
//! let mut supervisor = Supervisor::default();
//! let (changed, actions) = supervisor.sync(Vec::new(), Instant::now());
//! assert_eq!((changed, actions.len()), (0, 0));
//! ```

mod dependencies;
mod wanted;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hallway_engine::etc::EtcFiles;
use hallway_engine::keeper::{Exit, Program, ProgramState, ProgramStatus};
use hallway_spec::{Health, Restart};

const BACKOFF_FIRST: Duration = Duration::from_millis(100);
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// After a program has run this long, its next restart has the shortest pause again.
const STEADY: Duration = Duration::from_secs(10);
/// The end of a run that reported none: its runner was killed, and the program with it (SIGKILL).
const KILLED: Exit = Exit::Signal(9);

/// The number of a run, unique in a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunId(u64);

/// An action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start this program as this run.
    Start {
        /// Its number.
        run: RunId,
        /// The program.
        program: Box<Program>,
    },
    /// End everything that belongs to this run.
    Stop(RunId),
    /// Mount other files over /etc/hosts and /etc/resolv.conf for this run.
    ChangeEtc {
        /// The run.
        run: RunId,
        /// The files.
        files: EtcFiles,
    },
}

/// An event of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEvent {
    /// The program runs, with this process id.
    Started {
        /// The process id.
        pid: i32,
    },
    /// All its `ready` ports listen.
    Listening,
    /// The new result of its health check.
    Health(Health),
    /// The program ended, or could not be started. Processes it started may still run.
    Exited {
        /// How.
        exit: Exit,
    },
    /// The last process of the run has ended.
    Finished,
}

/// A node without a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("node {0} runs no command")]
pub struct NoProgram(pub String);

#[derive(Debug)]
struct Entry {
    program: Program,
    state: ProgramState,
    pid: Option<i32>,
    restarts: u32,
    health: Option<Health>,
    exit: Option<Exit>,
    started: Option<Instant>,
    ended: Option<Instant>,
    /// When it is started again; only in the state `Restarting`.
    due: Option<Instant>,
    backoff: Duration,
}

#[derive(Debug)]
struct Run {
    node: String,
    /// It belongs to the current program, not to one that was replaced or removed.
    current: bool,
    stopping: bool,
}

/// All programs of a project.
#[derive(Debug, Default)]
pub struct Supervisor {
    entries: BTreeMap<String, Entry>,
    runs: BTreeMap<RunId, Run>,
    last_run: u64,
}

impl Supervisor {
    /// Stops a program and starts it again.
    ///
    /// # Errors
    /// When the node has none.
    pub fn restart(&mut self, node: &str, now: Instant) -> Result<Vec<Action>, NoProgram> {
        let entry = self
            .entries
            .get_mut(node)
            .ok_or_else(|| NoProgram(node.to_owned()))?;
        *entry = Entry {
            restarts: entry.restarts + 1,
            ..Entry::new(entry.program.clone())
        };
        let mut actions = self.stop_runs(node);
        actions.extend(self.advance(now));
        Ok(actions)
    }

    /// Stops a program; it is not started again before [`Self::restart`].
    ///
    /// # Errors
    /// When the node has none.
    pub fn stop(&mut self, node: &str) -> Result<Vec<Action>, NoProgram> {
        let entry = self
            .entries
            .get_mut(node)
            .ok_or_else(|| NoProgram(node.to_owned()))?;
        *entry = Entry {
            state: ProgramState::Exited,
            restarts: entry.restarts,
            ..Entry::new(entry.program.clone())
        };
        Ok(self.stop_runs(node))
    }

    /// Stops everything; nothing is started again.
    pub fn stop_all(&mut self) -> Vec<Action> {
        let nodes: Vec<String> = self.runs.values().map(|r| r.node.clone()).collect();
        self.entries.clear();
        nodes.iter().flat_map(|node| self.stop_runs(node)).collect()
    }

    /// Handles an event of a run.
    pub fn event(&mut self, run: RunId, event: RunEvent, now: Instant) -> Vec<Action> {
        let Some(of) = self.runs.get(&run) else {
            return Vec::new();
        };
        let entry = of.current.then(|| self.entries.get_mut(&of.node)).flatten();
        let mut stop = false;
        match (event, entry) {
            (RunEvent::Started { pid }, Some(entry)) => entry.pid = Some(pid),
            (RunEvent::Listening, Some(entry)) if entry.state == ProgramState::Starting => {
                entry.state = ProgramState::Running;
            }
            (RunEvent::Health(health), Some(entry)) if entry.runs() => entry.health = Some(health),
            (RunEvent::Exited { exit }, Some(entry)) => {
                entry.exited(exit, now);
                // Processes that the program left must end before its next start.
                stop = entry.state == ProgramState::Restarting;
            }
            (RunEvent::Finished, entry) => {
                if let Some(entry) = entry.filter(|e| e.runs()) {
                    entry.exited(KILLED, now);
                }
                self.runs.remove(&run);
            }
            (
                RunEvent::Started { .. }
                | RunEvent::Listening
                | RunEvent::Health(_)
                | RunEvent::Exited { .. },
                _,
            ) => {}
        }
        let mut actions = Vec::new();
        if stop {
            actions.extend(self.stop_run(run));
        }
        actions.extend(self.advance(now));
        actions
    }

    /// Starts programs that are due.
    pub fn advance(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        let ready = self.ready();
        // Until the last process of a run has ended, its node gets no other.
        let mut busy: BTreeSet<String> = self.runs.values().map(|r| r.node.clone()).collect();
        for (node, entry) in &mut self.entries {
            let due = match entry.state {
                ProgramState::Waiting => ready.contains(node),
                ProgramState::Restarting => entry.due.is_some_and(|due| due <= now),
                ProgramState::Starting | ProgramState::Running | ProgramState::Exited => false,
            };
            if !due || !busy.insert(node.clone()) {
                continue;
            }
            if entry.state == ProgramState::Restarting {
                entry.restarts += 1;
            }
            self.last_run += 1;
            let run = RunId(self.last_run);
            entry.state = ProgramState::Starting;
            entry.started = Some(now);
            entry.health = entry.program.healthcheck.as_ref().map(|_| Health::Starting);
            entry.due = None;
            self.runs.insert(
                run,
                Run {
                    node: node.clone(),
                    current: true,
                    stopping: false,
                },
            );
            actions.push(Action::Start {
                run,
                program: Box::new(entry.program.clone()),
            });
        }
        actions
    }

    /// When [`Self::advance`] is to be called next, if nothing else happens.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let busy: BTreeSet<&String> = self.runs.values().map(|run| &run.node).collect();
        self.entries
            .iter()
            .filter(|(node, _)| !busy.contains(node))
            .filter_map(|(_, entry)| entry.due)
            .min()
    }

    /// Whether a run that is to stop has not ended yet.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.runs.values().any(|run| run.stopping)
    }

    /// Whether anything of any program is left.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.runs.is_empty()
    }

    /// The inode numbers of the network namespaces of all programs.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<u64> {
        self.entries.values().map(|e| e.program.inode).collect()
    }

    /// The state of each program.
    #[must_use]
    pub fn status(&self, now: Instant) -> Vec<ProgramStatus> {
        self.entries
            .values()
            .map(|entry| ProgramStatus {
                node: entry.program.node.clone(),
                state: entry.state,
                pid: entry.pid,
                restarts: entry.restarts,
                health: entry.health,
                exit: entry.exit,
                ended_ms: entry.ended.filter(|_| !entry.runs()).map(|ended| {
                    let passed = now.saturating_duration_since(ended).as_millis();
                    u64::try_from(passed).unwrap_or(u64::MAX)
                }),
            })
            .collect()
    }

    fn stop_runs(&mut self, node: &str) -> Vec<Action> {
        let of_node: Vec<RunId> = self
            .runs
            .iter_mut()
            .filter(|(_, run)| run.node == node)
            .map(|(id, run)| {
                run.current = false;
                *id
            })
            .collect();
        of_node
            .into_iter()
            .filter_map(|id| self.stop_run(id))
            .collect()
    }

    fn stop_run(&mut self, id: RunId) -> Option<Action> {
        let run = self.runs.get_mut(&id).filter(|run| !run.stopping)?;
        run.stopping = true;
        Some(Action::Stop(id))
    }
}

impl Entry {
    fn new(program: Program) -> Self {
        Self {
            program,
            state: ProgramState::Waiting,
            pid: None,
            restarts: 0,
            health: None,
            exit: None,
            started: None,
            ended: None,
            due: None,
            backoff: BACKOFF_FIRST,
        }
    }

    fn runs(&self) -> bool {
        matches!(self.state, ProgramState::Starting | ProgramState::Running)
    }

    fn exited(&mut self, exit: Exit, now: Instant) {
        self.pid = None;
        self.health = None;
        self.exit = Some(exit);
        self.ended = Some(now);
        let again = match self.program.restart {
            Restart::No => false,
            Restart::OnFailure => exit != Exit::Code(0),
            Restart::Always | Restart::UnlessStopped => true,
        };
        if !again {
            self.state = ProgramState::Exited;
            return;
        }
        let steady = |started: Instant| now.saturating_duration_since(started) > STEADY;
        if self.started.is_some_and(steady) {
            self.backoff = BACKOFF_FIRST;
        }
        self.state = ProgramState::Restarting;
        self.due = Some(now + self.backoff);
        self.backoff = (self.backoff * 2).min(BACKOFF_MAX);
    }
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
