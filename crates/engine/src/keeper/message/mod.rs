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
/// no packets of other machines in the guard, version 11 neither a check of source addresses nor of what
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
        programs: Vec<Status>,
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
#[allow(missing_docs)] // each field as there
pub struct Program {
    pub node: String,
    pub hostname: String,
    pub netns: PathBuf,
    pub inode: u64,
    pub command: Vec<String>,
    pub environment: BTreeMap<String, String>,
    pub working_dir: Option<PathBuf>,
    pub rights: Option<Rights>,
    pub hosts: Option<PathBuf>,
    pub resolv_conf: Option<PathBuf>,
    pub etc_inodes: [u64; 2],
    pub log: PathBuf,
    pub ready: Vec<Port>,
    pub restart: Restart,
    pub healthcheck: Option<Healthcheck>,
    pub depends_on: Vec<Dependency>,
}

/// See [`hallway_spec::Healthcheck`]. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Healthcheck {
    pub test: Command,
    pub interval: u64,
    pub timeout: u64,
    pub retries: u32,
    pub start_period: u64,
    pub start_interval: u64,
}

/// See [`hallway_spec::Dependency`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Dependency {
    pub node: Name,
    pub condition: Condition,
    pub required: bool,
}

/// See [`hallway_spec::Condition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Condition {
    ServiceStarted,
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

/// See [`hallway_spec::Health`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Health {
    Starting,
    Healthy,
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
#[allow(missing_docs)]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

/// When a program is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum Restart {
    No,
    OnFailure,
    Always,
    UnlessStopped,
}

/// See [`desired::Listen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Listen {
    pub address: SocketAddr,
    pub protocol: Protocol,
    /// In the real host's namespace, for a project in a sandbox.
    pub on_machine: bool,
}

/// See [`desired::Forward`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Forward {
    pub listen: Listen,
    pub target: SocketAddr,
}

/// See [`super::ProgramStatus`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Status {
    pub node: String,
    pub state: State,
    pub pid: Option<i32>,
    pub restarts: u32,
    pub health: Option<Health>,
    pub exit: Option<Exit>,
    pub ended_ms: Option<u64>,
}

/// See [`super::ProgramState`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum State {
    Waiting,
    Starting,
    Running,
    Restarting,
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
        change: &desired::Change,
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
