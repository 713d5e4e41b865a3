//! One difference between what the kernel must hold and what it holds, in words.

use std::fmt;
use std::net::IpAddr;

use hallway_spec::{IpVersion, Joined, Name, SysctlKey};
use ipnet::IpNet;

use super::Attribute;
use super::words::{elements, hop, next_hop, role_words, route_words};
use crate::shaping::Shaping;
use crate::target::{LinkRole, Listener, Route, Setting};

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

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A node's namespace does not exist.
    NamespaceMissing,
    /// Another namespace has replaced a node's.
    NamespaceReplaced,
    /// A node's namespace could not be examined.
    NamespaceUnseen,
    /// A namespace of others that a node joined is gone.
    JoinedMissing {
        /// What the file names.
        reference: Joined,
        /// Why it is not found.
        why: String,
    },
    /// What the file names is another namespace than the one that was joined.
    JoinedReplaced {
        /// What the file names.
        reference: Joined,
    },
    /// A link does not exist.
    LinkMissing {
        /// The link.
        link: String,
        /// Its purpose.
        role: LinkRole,
    },
    /// A link exists, but its other end is not where it must be.
    LinkDetached {
        /// The link.
        link: String,
        /// Its purpose.
        role: LinkRole,
    },
    /// An attribute of a link differs.
    Attribute {
        /// The link.
        link: String,
        /// The attribute, with the wanted value.
        wanted: Attribute,
        /// The value that was found.
        found: Attribute,
    },
    /// An address is missing.
    AddressMissing {
        /// The link that must have it.
        link: String,
        /// The address.
        address: IpNet,
    },
    /// An address that hallway gave and that is no longer wanted is still there.
    AddressLeft {
        /// The link it is on.
        link: String,
        /// The address.
        address: IpNet,
    },
    /// A route is missing.
    RouteMissing {
        /// The route.
        route: Route,
        /// The next hop of the route of the same link that exists instead.
        found: Option<Option<IpAddr>>,
        /// This route replaces the first one with its destination and metric, which is of the same
        /// link.
        replaces: bool,
    },
    /// A route that hallway made and that is no longer wanted is still there.
    RouteLeft {
        /// The route.
        route: Route,
    },
    /// A setting has another value.
    Setting {
        /// The link it belongs to; the namespace itself when absent.
        link: Option<String>,
        /// The setting.
        setting: Setting,
        /// The wanted value.
        wanted: u32,
        /// The value that was found.
        found: u32,
    },
    /// A further setting of a namespace has another value, or is new.
    Sysctl {
        /// The setting.
        key: SysctlKey,
        /// The wanted value.
        wanted: String,
        /// The value that was found; none if it was not examined before.
        found: Option<String>,
    },
    /// What a link does to the packets it sends differs.
    Shaping {
        /// The link.
        link: String,
        /// What is wanted.
        wanted: Shaping,
        /// What was found; none: something that hallway never sets.
        found: Option<Shaping>,
    },
    /// The host does not forward packets that come in by a link which the project needs.
    UplinkForwarding {
        /// The uplink.
        link: String,
        /// IPv4 or IPv6.
        version: IpVersion,
    },
    /// The note that hallway turned on the forwarding of a link is missing: without it, packets of
    /// others are forwarded too.
    UplinkNoteMissing {
        /// The link.
        link: String,
        /// IPv4 or IPv6.
        version: IpVersion,
    },
    /// The note that hallway turned on the forwarding of a link is still there, although the link
    /// does not exist any more or another program makes it forward.
    UplinkNoteLeft {
        /// The link.
        link: String,
        /// IPv4 or IPv6.
        version: IpVersion,
    },
    /// An accept in a chain of another firewall does not exist.
    AcceptMissing {
        /// The chain with its table.
        chain: String,
        /// The link it is for.
        link: String,
    },
    /// A table of the project does not exist.
    TableMissing {
        /// As nft prints it, like `inet hallway-shop`.
        table: String,
    },
    /// Chains, rules or set definitions of a table differ.
    TableChanged {
        /// As nft prints it.
        table: String,
        /// What differs, as nft prints it, one line each.
        changes: Vec<String>,
    },
    /// Elements of a set differ.
    Elements {
        /// As nft prints it, like `inet hallway-shop pub4`.
        set: String,
        /// Elements that are missing, as nft prints them.
        missing: Vec<String>,
        /// Elements that should not be there.
        extra: Vec<String>,
    },
    /// The guard, which the keeper holds, is not loaded.
    GuardMissing {
        /// The name of its tables.
        table: String,
    },
    /// The guard is not what it must be.
    GuardChanged {
        /// The name of its tables.
        table: String,
        /// What differs, as nft prints it, one line each.
        changes: Vec<String>,
    },
    /// A program of a node does not run.
    ProgramStopped {
        /// Why, in words, like `exited (code 1)`.
        state: String,
    },
    /// A published port is not listened on.
    ListenerMissing {
        /// Address, port and protocol.
        listener: Listener,
    },
    /// A file that programs in nodes find below /etc is missing.
    FileMissing {
        /// Its path in nodes, with the names of the nodes if there are several such files.
        file: String,
    },
    /// Such a file has other lines.
    FileChanged {
        /// As above.
        file: String,
        /// Lines that are missing.
        missing: Vec<String>,
        /// Lines that should not be there.
        extra: Vec<String>,
    },
}

impl Fact {
    /// Whether it is a difference of the project's own tables.
    pub(crate) fn is_of_rules(&self) -> bool {
        matches!(
            self,
            Self::TableMissing { .. } | Self::TableChanged { .. } | Self::Elements { .. }
        )
    }
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
            Fact::TableChanged { changes, .. } | Fact::GuardChanged { changes, .. } => {
                ("as written".into(), changes.join("; "))
            }
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
            Fact::TableMissing { table } | Fact::TableChanged { table, .. } => {
                format!("table {table}")
            }
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
