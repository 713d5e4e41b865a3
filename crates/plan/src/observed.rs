//! What is there: a snapshot of the kernel's state, as far as planning needs it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_spec::Name;
use ipnet::IpNet;

/// A snapshot of one network namespace (the host, or a sandbox) and of /run/netns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Every link, ours and others'.
    pub links: Vec<SeenLink>,
    /// Every entry of /run/netns.
    pub namespaces: Vec<SeenNamespace>,
    /// Our tables, of all projects.
    pub tables: Vec<SeenTable>,
    /// Routes of every table, ours and others'.
    pub routes: Vec<SeenRoute>,
    /// The host's own addresses.
    pub addresses: Vec<SeenAddress>,
}

/// A link of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLink {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Alias, if any.
    pub alias: Option<String>,
    /// Device group.
    pub group: u32,
    /// Index of the bridge it is a port of.
    pub master: Option<u32>,
    /// Administratively up.
    pub up: bool,
}

/// An entry of /run/netns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNamespace {
    /// File name.
    pub name: String,
    /// What it is.
    pub state: NamespaceState,
    /// Its project and node, by the alias on its loopback; only read where it matters.
    pub owner: Option<(Name, Name)>,
}

/// What an entry of /run/netns is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceState {
    /// A mounted namespace with this inode number.
    Mounted(u64),
    /// A plain file: a namespace whose creation was interrupted, or that was unmounted elsewhere.
    PlainFile,
    /// A directory or anything else: never ours.
    Other,
}

/// A table of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenTable {
    /// The project it belongs to.
    pub project: Name,
    /// Whether it is the bridge-family one.
    pub bridge_family: bool,
    /// The fingerprint in its comment.
    pub fingerprint: Option<String>,
    /// Interfaces (not ours) on which the project turned IPv4 forwarding on.
    pub forwarding4: Vec<String>,
    /// The same for IPv6.
    pub forwarding6: Vec<String>,
}

/// A route of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRoute {
    /// Destination.
    pub to: IpNet,
    /// Outgoing interface.
    pub interface: Option<u32>,
    /// What added it (rtm_protocol, linux/rtnetlink.h).
    pub protocol: u8,
    /// `unreachable`, as opposed to unicast.
    pub unreachable: bool,
    /// Main, local, ...
    pub table: u32,
    /// Next hop.
    pub via: Option<IpAddr>,
}

/// An address of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenAddress {
    /// Interface index.
    pub interface: u32,
    /// Address and prefix length.
    pub net: IpNet,
}

/// Bytes that passed an interface, seen from inside the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// What is there of a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Live {
    /// The names of the host's links.
    pub links: Vec<String>,
    /// The nodes that are there, with their interfaces.
    pub nodes: BTreeMap<Name, BTreeMap<String, Counters>>,
}

impl Observed {
    /// The link of that name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&SeenLink> {
        self.links.iter().find(|l| l.name == name)
    }
}
