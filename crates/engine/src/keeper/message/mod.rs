//! The messages between a client and a keeper, apart from the types the rest of hallway uses.
//!
//! **Exchange.** Each side sends one [`Hello`] first. If the protocol numbers are equal, the client
//! sends [`Request`]s and gets one [`Answer`] for each; otherwise both close the connection.
//!
//! **Versions.** [`PROTOCOL`] grows with every change of a message, and of the rules that a keeper loads
//! when it repairs: one of an earlier build would replace those of the present one. The meaning of `Hello` never
//! changes and its unknown fields are ignored, so that any two versions can exchange it. All other
//! messages are exchanged between equal versions only: an unknown field or variant there is an
//! error, never ignored.
//!
//! **Descriptors.** After a [`Request::Sync`] or [`Request::Change`] the client sends the listeners that it announces, in
//! that order, in chunks; the keeper acknowledges each chunk (see [`super::frame`]). The socket of a
//! [`Request::Change`] comes last.

mod convert;
mod guarded;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use hallway_plan::Exit;
use hallway_spec::{Command, Name};
use serde::{Deserialize, Serialize};

pub use guarded::Guarded;

use super::{Desired, desired};
use crate::rights::Rights;

/// The version of these messages. Version 1 had no `Hello`, version 2 no guard, no rights and no
/// [`Request::Change`], version 3 no links and no socket in it, version 4 no health checks, no host
/// names and no inode numbers of files, version 5 not how long ago a program ended, version 6 no rule
/// about packets of networks that represent the outside, version 7 no rules about what leaves the host with
/// a private address and about UDP to a further network of a node, version 8 no rules about packets to networks
/// that represent the outside and about redirects of routers, version 9 none about published ports by the
/// host's address on a network of another project, no dependencies that are not required, no difference between a
/// signal and an exit code, and no rules about answers from addresses that have routes of their own, version 10
/// no packets between other links in the guard, version 11 neither a check of source addresses nor of what
/// leaves there.
pub const PROTOCOL: u32 = 12;

/// The first message of each side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The sender's [`PROTOCOL`].
    pub protocol: u32,
    /// The sender's version of hallway, for messages.
    pub version: String,
}

impl Hello {
    /// That of this build.
    #[must_use]
    pub fn own() -> Self {
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Whether both sides use the same messages.
    #[must_use]
    pub fn matches(&self) -> bool {
        self.protocol == PROTOCOL
    }
}

/// A request of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Run and serve exactly this. Answered when what had to be stopped has ended.
    Sync {
        /// Programs to run.
        programs: Vec<Program>,
        /// Ports to serve.
        forwards: Vec<Forward>,
        /// What the guard protects.
        guarded: Guarded,
        /// The new listeners whose descriptors follow, in this order.
        listeners: Vec<Listen>,
    },
    /// End and close some, then run and serve others besides the rest. Answered when what had to be
    /// stopped has ended.
    Change {
        /// Nodes whose programs end.
        stop: Vec<String>,
        /// Listeners to close.
        close: Vec<Listen>,
        /// Programs to run.
        programs: Vec<Program>,
        /// Ports to serve.
        forwards: Vec<Forward>,
        /// The new listeners whose descriptors follow, in this order.
        listeners: Vec<Listen>,
        /// See [`desired::RemovedLinks`].
        links: Vec<String>,
        /// Whether a socket follows that is to be closed.
        socket: bool,
    },
    /// The state of all programs.
    Programs {},
    /// The ports that are served.
    Forwards {},
    /// Stop a program and start it again.
    Restart {
        /// The node it runs in.
        node: String,
    },
    /// Stop a program, until it is started again. Answered when it has ended.
    StopProgram {
        /// The node it runs in.
        node: String,
    },
    /// Stop everything and end.
    Stop {},
}

/// The answer of a keeper.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// It has been done.
    Done {
        /// How many programs and forwards changed, and the guard.
        changed: usize,
    },
    /// The state of all programs.
    Programs {
        /// One for each.
        programs: Vec<ProgramStatus>,
    },
    /// The ports that are served.
    Forwards {
        /// One for each.
        forwards: Vec<Forward>,
    },
    /// It has not been done.
    Refused(Refusal),
}

/// Why a keeper does not carry out a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Refusal {
    /// The node runs no program.
    NoProgram {
        /// The node.
        node: String,
    },
    /// The keeper may not open as many files as there are listeners.
    OpenFiles {
        /// Its limit (RLIMIT_NOFILE).
        limit: u64,
    },
    /// The kernel refused the guard.
    Guard {
        /// The kernel's answer.
        why: String,
    },
    /// The kernel refused a listener.
    Listener {
        /// The kernel's answer.
        why: String,
    },
}

/// See [`desired::Program`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The node in which it runs.
    pub node: String,
    /// The host name there.
    pub hostname: String,
    /// The file of the node's network namespace.
    pub netns: PathBuf,
    /// The inode number of that namespace.
    pub inode: u64,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Its variables.
    pub environment: BTreeMap<String, String>,
    /// The directory in which it starts.
    pub working_dir: Option<PathBuf>,
    /// The user, group and capabilities that it gets.
    pub rights: Option<Rights>,
    /// The file that it sees as /etc/hosts.
    pub hosts: Option<PathBuf>,
    /// The file that it sees as /etc/resolv.conf.
    pub resolv_conf: Option<PathBuf>,
    /// The inode numbers of these two files; 0 for one that does not exist.
    pub etc_inodes: [u64; 2],
    /// The file of its output.
    pub log: PathBuf,
    /// The ports on which it must listen to be ready.
    pub ready: Vec<Port>,
    /// When it is started again.
    pub restart: Restart,
    /// How its health is tested.
    pub healthcheck: Option<Healthcheck>,
    /// The programs that must be in some state before it starts.
    pub depends_on: Vec<Dependency>,
}

/// See [`hallway_spec::Healthcheck`]. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Healthcheck {
    /// The command of the test.
    pub test: Command,
    /// Between two tests.
    pub interval: u64,
    /// The limit of one test.
    pub timeout: u64,
    /// So many failures in a row make it unhealthy.
    pub retries: u32,
    /// Failures in this time after the start do not count.
    pub start_period: u64,
    /// Between two tests in that time.
    pub start_interval: u64,
}

/// See [`hallway_spec::Dependency`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// The node of the program.
    pub node: Name,
    /// What must hold of it.
    pub condition: Condition,
    /// Whether this program stays stopped if it cannot hold.
    pub required: bool,
}

/// See [`hallway_spec::Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It has been started.
    ServiceStarted,
    /// Its health check succeeds.
    ServiceHealthy,
    /// It has ended with exit code 0.
    ServiceCompletedSuccessfully,
}

/// See [`hallway_spec::Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// No result counts yet.
    Starting,
    /// The last test succeeded.
    Healthy,
    /// As many tests failed as the limit allows.
    Unhealthy,
}

/// A port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// 1 to 65535.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// When a program is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Never.
    No,
    /// After an exit code other than 0.
    OnFailure,
    /// Whenever it has ended.
    Always,
    /// Whenever it has ended, unless it was stopped by a command.
    UnlessStopped,
}

/// See [`desired::Listen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The address and port.
    pub address: SocketAddr,
    /// The protocol.
    pub protocol: Protocol,
    /// In the real host's namespace, for a project in a sandbox.
    pub on_machine: bool,
}

/// See [`desired::Forward`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// Where clients connect.
    pub listen: Listen,
    /// The address of the node, and the port there.
    pub target: SocketAddr,
}

/// See [`super::ProgramStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramStatus {
    /// Its node.
    pub node: String,
    /// What it does.
    pub state: State,
    /// Its process, while it runs.
    pub pid: Option<i32>,
    /// How often it was started again.
    pub restarts: u32,
    /// The result of its health check, if it has one.
    pub health: Option<Health>,
    /// How it ended.
    pub exit: Option<Exit>,
    /// When it ended, in milliseconds since 1970.
    pub ended_ms: Option<u64>,
}

/// See [`super::ProgramState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It waits for what it depends on.
    Waiting,
    /// It runs, and is not ready.
    Starting,
    /// It runs, and is ready.
    Running,
    /// It has ended, and is started again after a pause.
    Restarting,
    /// It has ended.
    Exited,
}

impl Request {
    /// The request that makes a keeper do `desired`.
    #[must_use]
    pub fn sync(desired: &Desired, listeners: &[desired::Listen]) -> Self {
        Self::Sync {
            programs: desired.programs.iter().map(Into::into).collect(),
            forwards: desired.forwards.iter().map(|f| (*f).into()).collect(),
            guarded: (&desired.guarded).into(),
            listeners: listeners.iter().map(|l| (*l).into()).collect(),
        }
    }

    /// The request that makes a keeper do `change`.
    #[must_use]
    pub fn change(
        change: &desired::KeeperChange,
        listeners: &[desired::Listen],
        remains: &desired::RemovedLinks,
    ) -> Self {
        Self::Change {
            stop: change.stop.clone(),
            close: change.close.iter().map(|l| (*l).into()).collect(),
            programs: change.programs.iter().map(Into::into).collect(),
            forwards: change.forwards.iter().map(|f| (*f).into()).collect(),
            listeners: listeners.iter().map(|l| (*l).into()).collect(),
            links: remains.links.clone(),
            socket: remains.socket.is_some(),
        }
    }
}
