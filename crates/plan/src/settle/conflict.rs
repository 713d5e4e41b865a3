//! Conflicts of a topology with what is there already.

use hallway_spec::Place;

/// Stable codes of conflicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConflictCode {
    /// A prefix of the topology is routed or configured already, by something else.
    SubnetInUse,
    /// A network namespace of a node's name is there, and hallway did not make it.
    NamespaceExists,
}

impl ConflictCode {
    /// Its text, like `subnet-in-use`.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::SubnetInUse => "subnet-in-use",
            Self::NamespaceExists => "namespace-exists",
        }
    }
}

/// Why a topology cannot be built here: it conflicts with something that is there already.
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
}
