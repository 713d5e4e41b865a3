//! What can differ between the kernel and what it must hold.

use std::net::IpAddr;

use hallway_nftables::Ruleset;
use hallway_spec::{IpVersion, Joined, SysctlKey};
use ipnet::IpNet;

use super::Attribute;
use crate::observed::{AddressFault, AssignedAddress, Dropping, FileAccess};
use crate::reach::Diverted;
use crate::shaping::Shaping;
use crate::target::{LinkRole, Listener, Route, RoutingRule, Setting};

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// A node's namespace does not exist.
    NamespaceMissing,
    /// Another namespace has replaced a node's.
    NamespaceReplaced,
    /// A node's namespace could not be examined.
    NamespaceUnseen,
    /// A namespace of other programs that a node joined is gone, or cannot be found.
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
        address: AssignedAddress,
    },
    /// An address exists, and must be removed and added again.
    AddressFaulty {
        /// The link that has it.
        link: String,
        /// The address.
        address: AssignedAddress,
        /// What it lacks.
        fault: AddressFault,
    },
    /// An address of the project is on a link that it does not belong on.
    AddressElsewhere {
        /// That link.
        link: String,
        /// The address, with the prefix length it has there.
        address: AssignedAddress,
        /// Where it belongs: a link, or a node.
        of: String,
        /// Hallway made the link, and removes the address.
        repaired: bool,
    },
    /// The host sends packets for a network elsewhere, by a route or a routing rule of other programs.
    Diverted(Diverted),
    /// A rule of other programs sets the whole mark of packets, and the guard drops them.
    Unmarked {
        /// The rule, and what it does.
        by: String,
        /// What can be done about it.
        help: String,
    },
    /// A program of XDP gets the packets of a link first.
    Attached {
        /// The link.
        link: String,
        /// The word by which ip-link(8) removes it.
        how: &'static str,
    },
    /// A program of the host listens where a published port takes its packets.
    PortTaken {
        /// What it listens on.
        listener: Listener,
        /// The addresses of which packets go to the node, if the program receives those to others.
        published: Vec<IpAddr>,
        /// The program, if it can be read.
        by: Option<String>,
    },
    /// A bridge has an entry that does not come from frames: frames to the address go by it.
    Forwarding {
        /// The bridge.
        bridge: String,
        /// Where the entry sends them: a port, or the bridge itself.
        port: String,
        /// The MAC address.
        mac: [u8; 6],
    },
    /// A link has a fixed MAC address for a neighbour, and it is not that of the neighbour.
    Neighbour {
        /// The link.
        link: String,
        /// The neighbour.
        address: IpAddr,
        /// Its MAC address.
        wanted: [u8; 6],
        /// The one that is fixed.
        found: Option<[u8; 6]>,
    },
    /// A routing rule that every namespace has at first is missing.
    RoutingRuleMissing {
        /// The rule.
        rule: RoutingRule,
    },
    /// A route is missing.
    RouteMissing {
        /// The route.
        route: Route,
        /// The route that exists instead.
        found: Option<Instead>,
        /// This route replaces the first one with its destination and metric, which is of the same
        /// link.
        replaces: bool,
    },
    /// A route exists, but the kernel uses another one to the same destination, which comes before it.
    RouteBehind {
        /// The route.
        route: Route,
        /// The link of the other one; none if it drops packets.
        first: Option<String>,
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
    /// The table of a node that translates addresses is not what it must be.
    NodeTable {
        /// As nft prints it.
        table: String,
        /// What it must hold; none if it is no longer wanted.
        wanted: Option<Box<Ruleset>>,
        /// What differs, as nft prints it, one line each; nothing if the table is missing.
        changes: Vec<String>,
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
        /// `hallway stop` stopped it: `up` starts it, and nothing is wrong.
        by_command: bool,
    },
    /// A program of a node runs, and its health check fails.
    ProgramUnhealthy,
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
    /// Others may read or write such a file than must.
    FileAccess {
        /// As above.
        file: String,
        /// Who must be able to.
        wanted: FileAccess,
        /// Who is.
        found: FileAccess,
    },
}

/// A route that exists instead of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instead {
    /// Its next hop; none when the destination is on the link.
    pub via: Option<IpAddr>,
    /// How it drops packets.
    pub drops: Option<Dropping>,
    /// Its link, if that is another one.
    pub link: Option<String>,
    /// Further attributes that the other one has not, as ip-route(8) prints them.
    pub further: Option<String>,
}

impl Fact {
    /// Whether hallway leaves it to the program or person who made the change.
    #[must_use]
    pub fn is_left_to_others(&self) -> bool {
        matches!(
            self,
            Self::AddressElsewhere {
                repaired: false,
                ..
            } | Self::Diverted(_)
                | Self::Attached { .. }
                | Self::Unmarked { .. }
                | Self::PortTaken { .. }
        )
    }

    /// Whether it is a difference of the project's own tables.
    pub(crate) fn is_of_rules(&self) -> bool {
        matches!(
            self,
            Self::TableMissing { .. } | Self::TableChanged { .. } | Self::Elements { .. }
        )
    }
}
