//! Policies as they are built.

use hallway_spec::{Action, Place, PolicyService};
use ipnet::IpNet;

/// A policy line with its endpoints resolved to addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub words: String,
    /// The place in the file.
    pub place: Place,
}

/// One side of a policy pair.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    /// The command that added it; `None` for one of the file.
    #[must_use]
    pub fn added_by(&self) -> Option<&'static str> {
        (!self.place.is_in_file()).then_some(match self.action {
            Action::Allow => "hallway allow",
            Action::Deny => "hallway deny",
        })
    }

    /// The policy in words, with the command that added it.
    #[must_use]
    pub fn told(&self) -> String {
        let words = &self.words;
        match self.added_by() {
            Some(command) => format!("{words} (added by {command})"),
            None => words.clone(),
        }
    }
}
