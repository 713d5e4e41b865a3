//! One difference between what the kernel must hold and what it holds, in words.

use std::fmt;

use hallway_spec::Name;

use super::Fact;
use super::words::{elements, hop, next_hop, role_words, route_words};
use crate::target::Setting;

/// Where a difference is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the namespace that holds the bridges.
    Host,
    /// In a node's namespace.
    Node {
        /// The node.
        node: Name,
        /// The namespace's name in /run/netns.
        netns: String,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host => f.write_str("host"),
            Self::Node { node, .. } => write!(f, "node {node}"),
        }
    }
}

/// Something that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub place: Place,
    /// What, with what is wanted and what was found.
    pub fact: Fact,
}

impl Difference {
    /// What must be there and what was found, as two short texts.
    #[must_use]
    pub fn wanted_and_found(&self) -> (String, String) {
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
            | Fact::RouteMissing { found: None, .. } => ("present".into(), "missing".into()),
            Fact::NodeTable { wanted: None, .. } => ("absent".into(), "present".into()),
            Fact::NodeTable { changes, .. } if changes.is_empty() => {
                ("present".into(), "missing".into())
            }
            Fact::NamespaceReplaced => ("the namespace that was made".into(), "another one".into()),
            Fact::NamespaceUnseen => ("present".into(), "not examined".into()),
            Fact::JoinedMissing { why, .. } => ("present".into(), why.clone()),
            Fact::JoinedReplaced { .. } => {
                ("the namespace that was joined".into(), "another one".into())
            }
            Fact::LinkDetached { .. } => ("connected".into(), "its other end is elsewhere".into()),
            Fact::Attribute { wanted, found, .. } => (wanted.to_string(), found.to_string()),
            Fact::AddressLeft { .. } | Fact::RouteLeft { .. } | Fact::UplinkNoteLeft { .. } => {
                ("absent".into(), "present".into())
            }
            Fact::RouteMissing {
                route,
                found: Some(via),
                ..
            } => (next_hop(route), hop(*via)),
            Fact::Setting { wanted, found, .. } => (wanted.to_string(), found.to_string()),
            Fact::Sysctl { wanted, found, .. } => (
                wanted.clone(),
                found.clone().unwrap_or_else(|| "none".into()),
            ),
            Fact::Shaping { wanted, found, .. } => (
                wanted.to_string(),
                found.map_or_else(
                    || "a queueing discipline with other settings".into(),
                    |s| s.to_string(),
                ),
            ),
            Fact::UplinkForwarding { .. } => ("1".into(), "0".into()),
            Fact::TableChanged { changes, .. }
            | Fact::NodeTable { changes, .. }
            | Fact::GuardChanged { changes, .. } => ("as written".into(), changes.join("; ")),
            Fact::Elements { missing, extra, .. } | Fact::FileChanged { missing, extra, .. } => {
                ("as written".into(), elements(missing, extra))
            }
            Fact::ProgramStopped { state } => ("running".into(), state.clone()),
        }
    }

    /// The object that differs, like `address 10.0.0.1/24 of br-web`.
    #[must_use]
    pub fn object(&self) -> String {
        match &self.fact {
            Fact::NamespaceMissing | Fact::NamespaceReplaced | Fact::NamespaceUnseen => {
                "namespace".into()
            }
            Fact::JoinedMissing { reference, .. } | Fact::JoinedReplaced { reference } => {
                format!("namespace {reference}")
            }
            Fact::LinkMissing { link, role } | Fact::LinkDetached { link, role } => {
                format!("{} {link}", role_words(*role))
            }
            Fact::Attribute { link, wanted, .. } => format!("{} of {link}", wanted.name()),
            Fact::AddressMissing { link, address } | Fact::AddressLeft { link, address } => {
                format!("address {address} of {link}")
            }
            Fact::RouteMissing { route, .. } | Fact::RouteLeft { route } => route_words(route),
            Fact::Setting {
                link: Some(link),
                setting,
                ..
            } => {
                format!("{} of {link}", setting.words())
            }
            Fact::Setting {
                link: None,
                setting,
                ..
            } => setting.words().into(),
            Fact::Sysctl { key, .. } => key.to_string(),
            Fact::Shaping {
                link,
                wanted,
                found,
            } => match (wanted.needs_netem(), found) {
                (false, Some(found)) if !found.needs_netem() => format!("bandwidth of {link}"),
                (false, None) if wanted.limit.is_some() => format!("bandwidth of {link}"),
                _ => format!("impairment of {link}"),
            },
            Fact::UplinkForwarding { link, version } => {
                format!("{} of {link}", Setting::Forwarding(*version).words())
            }
            Fact::AcceptMissing { chain, link } => {
                format!("accept for {link} in chain {chain}")
            }
            Fact::UplinkNoteLeft { link, version } | Fact::UplinkNoteMissing { link, version } => {
                format!(
                    "note of {} of {link}",
                    Setting::Forwarding(*version).words()
                )
            }
            Fact::TableMissing { table }
            | Fact::TableChanged { table, .. }
            | Fact::NodeTable { table, .. } => format!("table {table}"),
            Fact::Elements { set, .. } => format!("set {set}"),
            Fact::GuardMissing { table } | Fact::GuardChanged { table, .. } => {
                format!("guard {table}")
            }
            Fact::ProgramStopped { .. } => "program".into(),
            Fact::ListenerMissing { listener } => format!("listener {listener}"),
            Fact::FileMissing { file } | Fact::FileChanged { file, .. } => file.clone(),
        }
    }
}
