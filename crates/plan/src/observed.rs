//! What the kernel holds: a snapshot, as far as planning needs it.

mod address;
mod files;
mod forwarding;
mod in_use;
mod live;
mod route;
mod source_routing;

use std::collections::{BTreeMap, BTreeSet};

use hallway_nftables::Ruleset;
use hallway_spec::{IpVersion, Joined, Name, NetnsName, NetnsRef, SysctlKey};
use ipnet::IpNet;

use crate::exit::SeenProgram;
use crate::firewall_accepts::{FirewallChain, Pass};
use crate::mark;
use crate::settled::{JoinedNamespace, Node};
use crate::shaping::Shaping;
use crate::target::{BridgeFlag, Listener, PortFlag, RoutingRule, Setting};

pub use address::{AddressFault, AssignedAddress, SeenAddress};
pub use files::{FileAccess, SeenFile, SeenFiles};
pub use forwarding::SeenForwarding;
pub use in_use::{SeenUse, UsedBy};
pub use live::{Counters, Live};
pub use route::{Dropping, SeenNeighbour, SeenRoute};
pub use source_routing::SourceRouting;

/// Knowledge about an object: what was not examined counts neither as absent nor as present.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Seen<T> {
    /// It exists, like this.
    Present(T),
    /// It was looked for and does not exist.
    Absent,
    /// It was not examined.
    #[default]
    Unseen,
}

impl<T> Seen<T> {
    /// The thing, if it was seen.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(thing) => Some(thing),
            Self::Absent | Self::Unseen => None,
        }
    }
}

/// A snapshot of the scope: its own network namespace (the host, or a sandbox) and /run/netns.
///
/// The default is a scope in which nothing exists and of which no table was examined:
///
/// ```
/// use hallway_plan::Observed;
/// use hallway_plan::observed::Seen;
///
/// let observed = Observed::default();
/// assert!(observed.namespaces.is_empty());
/// assert_eq!(observed.rules, Seen::Unseen); // not the same as Seen::Absent
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// The scope's own namespace: every object, also those of others.
    pub host: SeenSpace,
    /// Every entry of /run/netns.
    pub namespaces: Vec<SeenNamespace>,
    /// Namespaces of other programs that nodes join.
    pub joined: BTreeMap<Joined, SeenJoined>,
    /// Tables of hallway, of all projects.
    pub tables: Vec<SeenTable>,
    /// Chains of other firewalls that accepts may be put into.
    pub entries: Vec<SeenEntry>,
    /// Settings of the host that projects of this scope changed.
    pub noted: Vec<Noted>,
    /// Unreachable routes with hallway's marks that no other project needs; looked at when a project
    /// without a record is removed.
    pub unclaimed: BTreeSet<IpNet>,
    /// Addresses of other machines that the host uses; looked at when new subnets are to be made.
    pub in_use: Vec<SeenUse>,
    /// The project's own tables with all that is in them; no tables when it has none.
    pub rules: Seen<Ruleset>,
    /// The tables of the project's guard; no tables when it has none.
    pub guard: Seen<Ruleset>,
    /// The project's keeper.
    pub keeper: Seen<SeenKeeper>,
    /// The files that programs in its nodes find below /etc.
    pub files: Seen<SeenFiles>,
}

/// A chain of another firewall, with the accepts of projects in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenEntry {
    /// The chain.
    pub entry: FirewallChain,
    /// The accepts: the project, what passes, and the number of the rule.
    pub accepts: Vec<(Name, Pass, u64)>,
}

impl SeenEntry {
    /// A chain that no project has an accept in.
    #[must_use]
    pub fn without_accepts(entry: FirewallChain) -> Self {
        Self {
            entry,
            accepts: Vec::new(),
        }
    }
}

/// A setting of the host that hallway changed, and must restore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    /// The uplink that forwards because of hallway.
    pub uplink: Uplink,
    /// The interface index of the link, which a new name does not change; none where the note is
    /// for every link.
    pub index: Option<u32>,
    /// The projects that need it.
    pub projects: BTreeSet<Name>,
    /// The settings for all links and for new links of its IP version, when it was changed.
    pub before: BTreeMap<Setting, u32>,
}

/// The process that runs a project's programs and serves its ports on localhost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenKeeper {
    /// Its programs, by node.
    pub programs: BTreeMap<String, SeenProgram>,
    /// What it listens on in the project's own network namespace.
    pub listeners: BTreeSet<Listener>,
}

/// A link that is not of hallway, by which packets of projects leave the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uplink {
    /// Its name.
    pub link: String,
    /// IPv4 or IPv6.
    pub version: IpVersion,
}

/// Objects of one network namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenSpace {
    /// Links.
    pub links: Vec<SeenLink>,
    /// Routes of every table.
    pub routes: Vec<SeenRoute>,
    /// Addresses.
    pub addresses: Vec<SeenAddress>,
    /// Settings of the namespace itself. One that the kernel does not have is missing.
    pub settings: BTreeMap<Setting, u32>,
    /// Those of the further settings on record that the kernel has.
    pub sysctls: BTreeMap<SysctlKey, String>,
    /// The project's tables in a node that translates addresses; looked at where one is on record.
    pub rules: Seen<Ruleset>,
    /// Routing rules without conditions; looked at in the nodes' namespaces.
    pub routing_rules: Seen<BTreeSet<RoutingRule>>,
    /// Entries of the project's bridges that do not come from frames; looked at on the host.
    pub forwarding: Vec<SeenForwarding>,
    /// Neighbours for which no solicitations are sent, since another program set it.
    pub neighbours: Vec<SeenNeighbour>,
    /// The reverse path filter that the host gives new links.
    pub new_rp_filter: Option<u32>,
    /// Its addresses whose packets have routes of their own; looked at on the host.
    pub source_routing: SourceRouting,
}

/// A link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenLink {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Further names, by which the kernel finds it too.
    pub other_names: Vec<String>,
    /// `bridge`, `veth`, …
    pub kind: Option<String>,
    /// Alias, if any.
    pub alias: Option<String>,
    /// Device group.
    pub group: u32,
    /// Index of the bridge it is a port of.
    pub master: Option<u32>,
    /// Administratively up.
    pub up: bool,
    /// Neighbours are not looked up.
    pub no_arp: bool,
    /// Multicast packets are not sent.
    pub no_multicast: bool,
    /// MAC address of an Ethernet link.
    pub mac: Option<[u8; 6]>,
    /// Bytes.
    pub mtu: u32,
    /// Interface index of a veth's other end, or of the link below, in whatever namespace that is.
    pub peer: Option<u32>,
    /// The number of a VLAN.
    pub vlan: Option<u16>,
    /// The mode of a macvlan interface (MACVLAN_MODE_*).
    pub macvlan_mode: Option<u32>,
    /// Attributes of a bridge port; empty if it is none. One that the kernel does not have is
    /// missing.
    pub port: BTreeMap<PortFlag, bool>,
    /// A bridge's frames pass the inet hooks, for IPv4 and IPv6.
    pub nf_call: Option<(bool, bool)>,
    /// A bridge learns MAC addresses from frames to the group addresses of bridges too; not known
    /// before Linux 5.0.
    pub group_learning: Option<bool>,
    /// How long a bridge keeps what it has learned, in hundredths of a second.
    pub ageing_time: Option<u32>,
    /// How many MAC addresses a bridge learns, 0 for any number; not known before Linux 6.7.
    pub max_learned: Option<u32>,
    /// Other attributes of a bridge; empty if it is none.
    pub bridge: BTreeMap<BridgeFlag, bool>,
    /// The kernel adds an IPv6 address itself; not known where IPv6 is not built in.
    pub kernel_address: Option<bool>,
    /// What it does to the packets it sends; none: something that hallway never sets.
    pub shaping: Option<Shaping>,
    /// A program of XDP, which hallway never attaches, gets its packets first: ip's word for it.
    pub xdp: Option<&'static str>,
    /// Settings of the link. One that the kernel does not have is missing.
    pub settings: BTreeMap<Setting, u32>,
}

/// An entry of /run/netns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNamespace {
    /// File name.
    pub name: NetnsName,
    /// What it is.
    pub state: NamespaceState,
    /// The project and node it belongs to, by the alias of its loopback.
    pub owner: Option<(Name, Name)>,
    /// What it holds; examined only where it matters.
    pub inside: Seen<SeenSpace>,
}

impl SeenNamespace {
    /// Whether it was just created and nothing was configured in it.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        let unused = |space: &SeenSpace| {
            space.addresses.is_empty() && space.links.iter().all(|l| !l.up && l.alias.is_none())
        };
        self.owner.is_none() && self.inside.present().is_some_and(unused)
    }
}

/// A namespace of other programs that a node joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeenJoined {
    /// It is there.
    Present(Box<PresentNamespace>),
    /// It is not there: why, for people.
    Absent(String),
    /// Hallway may not enter it, or cannot determine which it is: the reason, for people.
    Refused(String),
}

/// A namespace of other programs that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentNamespace {
    /// What refers to it.
    pub netns: NetnsRef,
    /// Its inode number.
    pub inode: u64,
    /// It is the one that holds the bridges.
    pub is_host: bool,
    /// What it holds.
    pub inside: SeenSpace,
}

impl SeenJoined {
    /// The namespace, if it is there.
    #[must_use]
    pub fn present(&self) -> Option<&PresentNamespace> {
        match self {
            Self::Present(present) => Some(present),
            Self::Absent(_) | Self::Refused(_) => None,
        }
    }
}

/// What an entry of /run/netns is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceState {
    /// A mounted namespace with this inode number.
    Mounted(u64),
    /// A plain file: a namespace whose creation was interrupted, or that was unmounted elsewhere.
    PlainFile,
    /// Something that is not a namespace is mounted there, over a namespace perhaps.
    Covered,
    /// A directory or anything else: never made by hallway.
    Other,
}

/// A table of hallway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenTable {
    /// The project it belongs to.
    pub project: Name,
    /// Whether it is the bridge-family one.
    pub bridge_family: bool,
    /// Interfaces (of others) on which the project turned IPv4 forwarding on.
    pub forwarding4: Vec<String>,
    /// The same for IPv6.
    pub forwarding6: Vec<String>,
}

impl SeenSpace {
    /// The link of that name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&SeenLink> {
        self.links.iter().find(|l| l.name == name)
    }
}

/// How much of a project is in the kernel, by its marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Marks {
    /// Links in the scope's own namespace.
    pub links: usize,
    /// Namespaces of nodes.
    pub namespaces: usize,
    /// Tables of nf_tables.
    pub tables: usize,
}

impl Marks {
    /// Whether nothing exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Observed {
    /// Whether a link of that name on the host is a bridge.
    #[must_use]
    pub fn is_bridge(&self, name: &str) -> bool {
        let link = self.host.link(name);
        link.is_some_and(|l| l.kind.as_deref() == Some("bridge"))
    }

    /// Counts the objects that have the project's mark.
    #[must_use]
    pub fn marks(&self, project: &Name) -> Marks {
        let link = |l: &&SeenLink| {
            let role = l.alias.as_deref().and_then(mark::parse_alias);
            role.is_some_and(|(of, _)| of == *project)
        };
        let namespace = |n: &&SeenNamespace| n.owner.as_ref().is_some_and(|(of, _)| of == project);
        Marks {
            links: self.host.links.iter().filter(link).count(),
            namespaces: self.namespaces.iter().filter(namespace).count(),
            tables: self.tables.iter().filter(|t| t.project == *project).count(),
        }
    }

    /// What a node's namespace holds, where it was examined. Of one that is joined, only while it is
    /// the one that was found when the node was settled.
    #[must_use]
    pub fn inside(&self, node: &Node) -> Option<&SeenSpace> {
        match &node.joined {
            None => self.namespace(node.netns.name()?)?.inside.present(),
            Some(joined) => self.inside_joined(joined),
        }
    }

    pub(crate) fn inside_joined(&self, joined: &JoinedNamespace) -> Option<&SeenSpace> {
        let present = self.joined.get(&joined.reference)?.present()?;
        (present.inode == joined.inode).then_some(&present.inside)
    }

    /// The entry of /run/netns of that name.
    #[must_use]
    pub fn namespace(&self, name: &NetnsName) -> Option<&SeenNamespace> {
        self.namespaces.iter().find(|n| n.name == *name)
    }
}
