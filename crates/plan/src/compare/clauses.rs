//! Differences as clauses, for people.

use std::fmt;

use super::words::elements;
use super::{Difference, Fact};

impl Difference {
    /// The object that differs, with its place: the same text for all differences of one object.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("{} {}", self.place, self.object())
    }

    /// The difference in one clause, without its place, like `mtu of eth0 is 1400, not 1500`.
    #[must_use]
    pub fn clause(&self) -> String {
        let object = self.object();
        match &self.fact {
            Fact::NamespaceMissing
            | Fact::LinkMissing { .. }
            | Fact::AddressMissing { .. }
            | Fact::TableMissing { .. }
            | Fact::AcceptMissing { .. }
            | Fact::ListenerMissing { .. }
            | Fact::GuardMissing { .. }
            | Fact::UplinkNoteMissing { .. }
            | Fact::FileMissing { .. }
            | Fact::RouteMissing { found: None, .. } => format!("{object} is missing"),
            Fact::NamespaceReplaced => format!("{object} is not the one that was made"),
            Fact::NamespaceUnseen => format!("{object} could not be examined"),
            Fact::JoinedMissing { why, .. } => format!("{object} cannot be entered: {why}"),
            Fact::JoinedReplaced { .. } => format!("{object} is another one than was joined"),
            Fact::LinkDetached { .. } => format!("{object} is not connected to its other end"),
            Fact::AddressLeft { .. }
            | Fact::RouteLeft { .. }
            | Fact::UplinkNoteLeft { .. }
            | Fact::NodeTable { wanted: None, .. } => format!("{object} is no longer wanted"),
            Fact::NodeTable { changes, .. } if changes.is_empty() => {
                format!("{object} is missing")
            }
            Fact::TableChanged { changes, .. }
            | Fact::NodeTable { changes, .. }
            | Fact::GuardChanged { changes, .. } => changes.join("; "),
            Fact::ProgramStopped { state } => format!("{object} {state}"),
            Fact::Elements { missing, extra, .. } | Fact::FileChanged { missing, extra, .. } => {
                format!("{object}: {}", elements(missing, extra))
            }
            Fact::Attribute { .. }
            | Fact::RouteMissing { .. }
            | Fact::Setting { .. }
            | Fact::Shaping { .. }
            | Fact::Sysctl { .. }
            | Fact::UplinkForwarding { .. } => {
                let (wanted, found) = self.wanted_and_found();
                format!("{object} is {found}, not {wanted}")
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.clause())
    }
}
