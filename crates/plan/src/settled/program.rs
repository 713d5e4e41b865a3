//! Programs of nodes.

use std::collections::BTreeMap;

use hallway_spec::{Dependency, Healthcheck, Name, Place, PortProto, Restart, User};

/// A program that shares the namespace of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sidecar {
    /// Its name.
    pub name: Name,
    /// Environment of what runs.
    pub environment: BTreeMap<String, String>,
    /// The program.
    pub service: Workload,
    /// The place in the file.
    pub place: Place,
}

/// The program of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Program and arguments.
    pub command: Vec<String>,
    /// What must listen before the node counts as up.
    pub ready: Vec<PortProto>,
    /// When to start it again.
    pub restart: Restart,
    /// If it fails, that is a warning, unless another program requires it.
    pub may_fail: bool,
    /// Where it runs.
    pub working_dir: Option<String>,
    /// The user it runs as, if the file specifies one.
    pub user: Option<User>,
    /// How its health is checked.
    pub healthcheck: Option<Healthcheck>,
    /// What must run, be healthy or have ended before.
    pub depends_on: Vec<Dependency>,
}
