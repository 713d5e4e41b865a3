//! The present state of a node's program.

use hallway_plan::Exit;
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
    /// A command stopped it.
    Stopped,
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
    /// The signal that ended it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// How long ago it ended; none while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_seconds_ago: Option<u64>,
    /// The last line of its log, if it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_line: Option<String>,
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
        let exit = match self.signal {
            Some(signal) => Exit::Signal(signal),
            None => Exit::Code(self.exit_code.unwrap_or(0)),
        };
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
            ProgramState::Restarting => styled(YELLOW, format!("restarting, {exit}{}", self.end())),
            ProgramState::Stopped => styled(YELLOW, "stopped"),
            ProgramState::Exited => styled(
                if exit == Exit::Code(0) { GREEN } else { RED },
                format!("{exit}{restarts}{}", self.end()),
            ),
        }
    }

    /// What is wrong with it, for a picture: it does not run although it has not finished its work, or is
    /// unhealthy.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let exit = match self.signal {
            Some(signal) => Exit::Signal(signal),
            None => Exit::Code(self.exit_code.unwrap_or(0)),
        };
        match self.state {
            ProgramState::Exited if exit != Exit::Code(0) => Some(exit.to_string()),
            ProgramState::Restarting => Some(format!("restarting, {exit}")),
            ProgramState::Stopped => Some("stopped".to_owned()),
            ProgramState::Running if self.health == Some(Health::Unhealthy) => {
                Some("unhealthy".to_owned())
            }
            ProgramState::Exited
            | ProgramState::Waiting
            | ProgramState::Starting
            | ProgramState::Running => None,
        }
    }

    /// When it ended, and the last line of its log.
    fn end(&self) -> String {
        let ago = self.ended_seconds_ago.map(|seconds| match seconds {
            0..120 => format!(", {seconds} s ago"),
            120..7200 => format!(", {} min ago", seconds / 60),
            7200..172_800 => format!(", {} h ago", seconds / 3600),
            _ => format!(", {} days ago", seconds / 86400),
        });
        let line = self.last_line.as_deref();
        let line = line.map(|line| format!("; last line: {}", shortened(line)));
        format!("{}{}", ago.unwrap_or_default(), line.unwrap_or_default())
    }
}

/// The beginning of a long line.
fn shortened(line: &str) -> String {
    const LENGTH: usize = 80;
    match line.char_indices().nth(LENGTH) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or(line)),
        None => line.to_owned(),
    }
}
