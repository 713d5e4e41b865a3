//! One difference between what the kernel must hold and what it holds, in words.

use std::fmt;

use hallway_nftables::print;
use hallway_spec::{Name, NetnsRef};

use super::Fact;
use super::words::{role_words, route_words, rule_words};
use crate::target::{Initial, Setting};

/// Where a difference is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ObjectPlace {
    /// In the namespace that holds the bridges.
    Host,
    /// In a node's namespace.
    Node {
        /// The node.
        node: Name,
        /// The namespace.
        netns: NetnsRef,
    },
}

impl fmt::Display for ObjectPlace {
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
    pub place: ObjectPlace,
    /// What, with what is wanted and what was found.
    pub fact: Fact,
}

impl Difference {
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
            Fact::AddressMissing { link, address } => format!("address {address} of {link}"),
            Fact::AddressLeft { link, address } => format!("address {address} of {link}"),
            Fact::AddressFaulty { link, address, .. } => {
                format!("address {} of {link}", address.net)
            }
            Fact::AddressElsewhere { link, address, .. } => format!("address {address} on {link}"),
            Fact::Diverted(diverted) => format!("route to {}", diverted.net),
            Fact::Unmarked { .. } => "mark of packets".to_owned(),
            Fact::PortTaken { listener, .. } => format!("port {listener}"),
            Fact::Attached { link, .. } => format!("XDP program of {link}"),
            Fact::Forwarding { bridge, port, mac } => {
                format!("entry {} to {port} of {bridge}", print::mac(mac))
            }
            Fact::Neighbour { link, address, .. } => format!("neighbour {address} of {link}"),
            Fact::RoutingRuleMissing { rule } => rule_words(rule),
            Fact::RouteMissing { route, .. }
            | Fact::RouteBehind { route, .. }
            | Fact::RouteLeft { route } => route_words(route),
            Fact::Setting { link, setting, .. } => setting_of(*setting, link.as_deref()),
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
            Fact::ProgramStopped { .. } | Fact::ProgramUnhealthy => "program".into(),
            Fact::ListenerMissing { listener } => format!("listener {listener}"),
            Fact::FileMissing { file } | Fact::FileChanged { file, .. } => file.clone(),
            Fact::FileAccess { file, .. } => format!("access to {file}"),
        }
    }
}

/// A setting of a link, or of a whole namespace.
fn setting_of(setting: Setting, link: Option<&str>) -> String {
    match (link, setting) {
        (Some(link), _) => format!("{} of {link}", setting.words()),
        (None, Setting::Initial(Initial::DefaultTtl)) => setting.words().into(),
        (None, Setting::Initial(initial)) => format!("{} of all links", initial.name()),
        (None, _) => setting.words().into(),
    }
}
