//! The present state of a node's program.

use hallway_spec::Health;
use serde::Serialize;

use crate::style::{GREEN, RED, YELLOW, styled};

/// A program's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramState {
    /// It waits for programs that it depends on.
    Waiting,
    /// It runs; not all of its `ready` ports listen yet.
    Starting,
    /// It runs.
    Running,
    /// It ended, and will be started again.
    Restarting,
    /// It ended.
    Exited,
}

/// A node's program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Program {
    /// The node.
    pub node: String,
    /// Its state.
    pub state: ProgramState,
    /// Its process, while it runs.
    pub pid: Option<i32>,
    /// How often it was started again.
    pub restarts: u32,
    /// The result of its health check while it runs; none without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Its last exit code; 128 and the signal's number if a signal ended it. None if it has not
    /// ended, or if a command stopped it.
    pub exit_code: Option<i32>,
}

impl Program {
    /// Its state in words.
    #[must_use]
    pub fn words(&self) -> String {
        let restarts = match self.restarts {
            0 => String::new(),
            1 => ", restarted once".into(),
            n => format!(", restarted {n} times"),
        };
        let code = self.exit_code.unwrap_or(0);
        match self.state {
            ProgramState::Waiting => styled(YELLOW, "waiting"),
            ProgramState::Starting => styled(YELLOW, "starting"),
            ProgramState::Running => match self.health {
                None => styled(GREEN, format!("running{restarts}")),
                Some(Health::Healthy) => styled(GREEN, format!("running, healthy{restarts}")),
                Some(Health::Starting) => styled(
                    YELLOW,
                    format!("running, not checked as healthy yet{restarts}"),
                ),
                Some(Health::Unhealthy) => styled(RED, format!("running, unhealthy{restarts}")),
            },
            ProgramState::Restarting => styled(YELLOW, format!("restarting, ended with {code}")),
            ProgramState::Exited if self.exit_code.is_none() => styled(YELLOW, "stopped"),
            ProgramState::Exited => styled(
                if code == 0 { GREEN } else { RED },
                format!("exited with {code}{restarts}"),
            ),
        }
    }
}
