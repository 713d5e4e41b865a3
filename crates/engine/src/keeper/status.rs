//! What a keeper reports about its programs.

use hallway_plan::Exit;
use hallway_spec::Health;
use serde::Serialize;

/// The state of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProgramState {
    /// Waits for the programs it depends on.
    Waiting,
    /// Runs; not all of its `ready` ports listen yet.
    Starting,
    /// Runs.
    Running,
    /// Ended, and will be started again.
    Restarting,
    /// Ended.
    Exited,
}

/// The present state of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProgramStatus {
    /// The node it runs in.
    pub node: String,
    /// Its state.
    pub state: ProgramState,
    /// Its process id while it runs, in the keeper's pid namespace.
    pub pid: Option<i32>,
    /// How many times it was started again.
    pub restarts: u32,
    /// The result of its health check while it runs; none without one.
    pub health: Option<Health>,
    /// How it ended last; none if it has not, or if a command stopped it.
    pub exit: Option<Exit>,
    /// How long ago it ended, in milliseconds; none while it runs.
    pub ended_ms: Option<u64>,
}
