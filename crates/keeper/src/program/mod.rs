//! Running programs so that ending one ends everything it started.
//!
//! Each run of a program has a *runner*: a small process between the keeper and the program that
//! has made itself a child subreaper (PR_SET_CHILD_SUBREAPER, prctl(2)). Every process that a
//! program starts stays below its runner, also if it makes sessions, process groups or namespaces,
//! or its parents end. To end a run, the runner sends SIGTERM to the program's process group,
//! waits, and then kills its own children until it has none; their children become its own. Only
//! children are signalled, which keep their process id until the runner has waited for them.
//!
//! - The keeper is killed: the runners read the end of their socket and kill their programs.
//! - A runner is killed: its program is killed with it (PR_SET_PDEATHSIG), and its other processes
//!   become the keeper's, also a subreaper, which kills children it did not start.
//! - Both are killed at the same time: what a program started may remain. `hallway down` finds it
//!   by the mark in its environment (`hallway_engine::keeper::stop_leftovers`).
//!
//! What was tried and not used:
//!
//! - **A pid namespace per program.** Works for root and in user namespaces. But process 1 of a pid
//!   namespace ignores SIGTERM unless it handles it, so a runner is needed in any case;
//!   every program would see itself as process 1 or 2, which differs from the process id that
//!   `hallway status` shows, that pid files hold and that `kill` from `hallway exec` needs; and the
//!   /proc it needs may not be mounted in containers that hide parts of /proc.
//! - **A cgroup per program** (cgroup.kill). Not writable without root or delegation: mkdir(2) in
//!   /sys/fs/cgroup is refused in a sandbox of an ordinary user, and so is a mount of cgroup2. On
//!   machines with the old hierarchy it is elsewhere; and the directories outlive a killed keeper.

mod children;
mod handle;
mod health;
mod listening;
mod log_limit;
mod output;
mod runner;

use std::path::PathBuf;

use hallway_engine::enter::Enter;
use hallway_engine::etc::EtcFiles;
use hallway_engine::keeper::{Exit, message::Port};
use hallway_spec::{Health, Healthcheck};
use serde::{Deserialize, Serialize};

pub(crate) use children::{kill_children, reap};
pub(crate) use handle::{Common, Handle, Report};
use listening::all_listen;
pub use runner::run_program;

/// The order of a runner: the first message from the keeper to it. [`RunChange`]s may follow; the end
/// of the socket is the order to stop. Keeper and runner are the same program, so these messages
/// have no version.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    enter: Enter,
    /// Output is appended to this file.
    log: PathBuf,
    /// Ports to wait for before the program counts as running.
    ready: Vec<Port>,
    /// How its health is checked.
    healthcheck: Option<Healthcheck>,
    /// How long it may take to end after SIGTERM, in milliseconds.
    grace_ms: u64,
    /// The soft limit on open files.
    open_files: Option<u64>,
}

/// Changes of a running program.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RunChange {
    /// Other files are mounted over /etc/hosts and /etc/resolv.conf.
    Etc(EtcFiles),
    /// The machine's own files may have been replaced.
    EtcReplaced,
}

/// The reports of a runner. It ends when the last process of the run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RunReport {
    Started { pid: i32 },
    Listening,
    Health { health: Health },
    Exited { exit: Exit },
}
