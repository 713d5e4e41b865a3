//! Policies as they are built.

use hallway_spec::{Action, Place, PolicyService};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A policy line with its endpoints resolved to addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Position in the file's list.
    pub index: usize,
    /// Allow or deny.
    pub action: Action,
    /// Directed pairs.
    pub pairs: Vec<(PolicySide, PolicySide)>,
    /// Empty means everything.
    pub services: Vec<PolicyService>,
    /// The line in words, with the names of the file.
    #[serde(default)]
    pub words: String,
    /// The place in the file.
    pub place: Place,
}

/// One side of a policy pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicySide {
    /// The host itself.
    Host,
    /// Neither the host nor on a network of the project.
    Outside,
    /// Everything.
    Any,
    /// These prefixes (single addresses are /32 and /128).
    Prefixes(Vec<IpNet>),
}

impl Policy {
    /// Its position for messages, from 1.
    #[must_use]
    pub fn number(&self) -> usize {
        self.index + 1
    }
}
