//! Conflicts of a topology with what exists already.

use hallway_spec::{Name, Place};

hallway_spec::codes! {
    /// Stable codes of conflicts.
    pub enum ConflictCode {
        /// A prefix of the file is routed or configured already, by something else.
        SubnetInUse = "subnet-in-use",
        /// A network namespace of a node's name exists, and hallway did not make it.
        NamespaceExists = "namespace-exists",
        /// A namespace that a node joins is not there.
        NamespaceAbsent = "namespace-absent",
        /// A namespace that a node joins must not be entered.
        NamespaceRefused = "namespace-refused",
        /// The bridge of an external network is not there, or cannot be joined.
        ExternalBridge = "external-bridge",
        /// The parent of a network is not there, or cannot have macvlan interfaces.
        Parent = "parent-interface",
        /// Two nodes would have one namespace.
        NamespaceInUse = "namespace-in-use",
        /// A namespace that a node joins has an interface of that name.
        InterfaceExists = "interface-exists",
        /// A namespace that a node joins has a route to the same destination.
        RouteExists = "route-exists",
    }
}

/// Why a topology cannot be built here: it conflicts with something that exists already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Conflict {
    /// Which conflict.
    pub code: ConflictCode,
    /// What conflicts with what.
    pub message: String,
    /// Where the file defines it.
    pub place: Place,
    /// What to do.
    pub help: String,
    /// The other project that takes it, if that is the cause: to take it down is another way.
    pub other: Option<Name>,
}
