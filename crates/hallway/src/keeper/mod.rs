//! The keeper: one process per project that has programs to run or ports to serve on localhost.
//! Started by `up`, ended by `down`. It is found by an abstract socket's name, which belongs to
//! the network namespace: unique there, needing no file, and gone when the keeper is.

pub(crate) mod client;
mod forward;
mod orphans;
pub(crate) mod porter;
mod ready;
mod server;
mod supervisor;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use hallway_spec::{PortProto, Protocol, Restart};
use serde::{Deserialize, Serialize};

pub(crate) use client::Client;
pub(crate) use orphans::stop_orphans;
pub(crate) use server::serve;

/// Everything a keeper is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Desired {
    pub(crate) services: Vec<ServiceSpec>,
    pub(crate) forwards: Vec<ForwardSpec>,
}

/// A program to run in a node. One that does not differ from what runs is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceSpec {
    pub(crate) node: String,
    pub(crate) netns: PathBuf,
    /// The namespace's inode number: a node built anew needs its program started anew.
    pub(crate) inode: u64,
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) working_dir: Option<PathBuf>,
    pub(crate) hosts: Option<PathBuf>,
    pub(crate) resolv_conf: Option<PathBuf>,
    pub(crate) log: PathBuf,
    pub(crate) ready: Vec<PortProto>,
    pub(crate) restart: Restart,
    pub(crate) depends_on: Vec<String>,
}

/// A listener whose connections are passed on to a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ForwardSpec {
    pub(crate) listen: SocketAddr,
    pub(crate) protocol: Protocol,
    pub(crate) target: SocketAddr,
    /// Listens in the real host's namespace, from within a sandbox.
    pub(crate) outer: bool,
}

/// How a program is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Waits for what it depends on.
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

/// A program as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceStatus {
    pub(crate) node: String,
    pub(crate) state: State,
    pub(crate) pid: Option<i32>,
    pub(crate) restarts: u32,
    pub(crate) exit_code: Option<i32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    /// Do this; descriptors of new listeners follow in the order of `handed`.
    Sync {
        desired: Desired,
        handed: Vec<ForwardSpec>,
    },
    Status,
    Restart {
        node: String,
    },
    Stop,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Response {
    Done {
        changed: usize,
    },
    Status {
        services: Vec<ServiceStatus>,
        forwards: Vec<ForwardSpec>,
    },
    Failed {
        message: String,
    },
}

/// The environment variables by which a process is known as ours.
pub(crate) const PROJECT_MARK: &str = "HALLWAY_PROJECT";
pub(crate) const NODE_MARK: &str = "HALLWAY_NODE";

fn socket_name(project: &str) -> String {
    format!("hallway-keeper/{project}")
}
