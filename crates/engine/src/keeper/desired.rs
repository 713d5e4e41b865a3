//! What a keeper is to do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::rights::Rights;
use hallway_plan::rules::Guarded;
use hallway_spec::{Dependency, Healthcheck, PortProto, Protocol, Restart};

/// Everything a keeper is to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Desired {
    /// Programs to run.
    pub programs: Vec<Program>,
    /// Ports to serve on localhost.
    pub forwards: Vec<Forward>,
    /// What the guard protects.
    pub guarded: Guarded,
}

/// Changes of a keeper's tasks; everything else stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeeperChange {
    /// Nodes whose programs end.
    pub stop: Vec<String>,
    /// Listeners to close.
    pub close: Vec<Listen>,
    /// Programs to run besides the others.
    pub programs: Vec<Program>,
    /// Ports to serve besides the others.
    pub forwards: Vec<Forward>,
}

/// What the kernel has not removed yet of a removed node. The keeper waits for that, so that the
/// command need not.
#[derive(Debug, Default)]
pub struct RemovedLinks {
    /// Links that have the mark of removed nodes, by name.
    pub links: Vec<String>,
    /// An nf_tables socket, which the keeper closes after all other descriptors of it are closed: the
    /// kernel closes the last one only when what was removed from tables is no longer in use.
    pub socket: Option<OwnedFd>,
}

/// A program to run in a node, at most one per node. A running program with the same description is
/// not changed; if only the files for /etc differ, it gets the others and continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name: that of the node, or its own where several share a namespace.
    pub node: String,
    /// Its host name.
    pub hostname: String,
    /// The path of the node's network namespace.
    pub netns: PathBuf,
    /// The inode number of the namespace: when the node is rebuilt, its program is restarted.
    pub inode: u64,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Added to the environment of the keeper.
    pub environment: BTreeMap<String, String>,
    /// The user it runs as; none: that of the keeper.
    pub rights: Option<Rights>,
    /// The directory it runs in; `/` if not given.
    pub working_dir: Option<PathBuf>,
    /// Mounted over /etc/hosts.
    pub hosts: Option<PathBuf>,
    /// Mounted over /etc/resolv.conf.
    pub resolv_conf: Option<PathBuf>,
    /// The inode numbers of these two: one that was made again is mounted again.
    pub etc_inodes: [u64; 2],
    /// The file its output is appended to.
    pub log: PathBuf,
    /// Ports that must listen before it counts as running.
    pub ready: Vec<PortProto>,
    /// When it is started again.
    pub restart: Restart,
    /// If it fails, that is a warning, unless another program requires it. Only a client uses this.
    pub may_fail: bool,
    /// How its health is checked.
    pub healthcheck: Option<Healthcheck>,
    /// What must run, be healthy or have ended first.
    pub depends_on: Vec<Dependency>,
}

/// The network namespace a listener is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// That of the project: the host's, or the sandbox's.
    Project,
    /// That of the real host, for a project in a sandbox.
    Machine,
}

/// Where a keeper listens. A listener is identified by this; its target may change while it stays
/// open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listen {
    /// Address and port.
    pub address: SocketAddr,
    /// Protocol.
    pub protocol: Protocol,
    /// The namespace it is bound in.
    pub namespace: Namespace,
}

/// A listener whose connections and datagrams are proxied to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Forward {
    /// Where the keeper listens.
    pub listen: Listen,
    /// Address and port in the node.
    pub target: SocketAddr,
}
