//! Steps: what is done to the kernel, one at a time, each with the reason it is done.
//!
//! An [`Op`] has all data that the executor needs: names, attributes, addresses. The executor reads
//! neither the topology nor the record.

mod describe;
mod names;
mod new;
mod part;

use std::net::IpAddr;

use hallway_nftables::Ruleset;
use hallway_spec::{IpVersion, Name, NetnsName, NetnsRef, PortRange, Protocol, SysctlKey};
use ipnet::IpNet;

use crate::compare::{Attribute, Difference, ObjectPlace};
use crate::firewall_accepts::{FirewallChain, Pass};
use crate::observed::AssignedAddress;
pub use crate::observed::Uplink;
use crate::rules::Delta;
use crate::settled::Settled;
use crate::shaping::Shaping;
use crate::target::{Listener, Route, RoutingRule, Setting};
pub use part::Part;

pub use describe::{Described, StepAction};
pub use names::{EntryKind, NameChange, NameStep};
pub use new::{CableEnd, NewBridge, NewCable, NewMacvlan, NewNamespace, NewPort, NewRules};

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// Why.
    pub cause: Cause,
}

/// Why a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A key of the file, like `nodes.web`, specifies it.
    File(String),
    /// The kernel's state differs from what was built.
    Drift(Box<Difference>),
    /// What is removed is no longer in the file, or cannot be changed in place.
    NotInFile,
    /// A run that did not finish left it.
    Left,
    /// The project is taken down.
    Down,
    /// A packet must not leave by an uplink while its network does not exist.
    Unreachable,
    /// An address belonged to another interface before, or had another MAC address.
    Moved,
    /// A connection is no longer allowed, or goes to another destination now.
    Connections,
    /// The program's namespace is created in this run.
    NamespaceCreated,
}

/// One task of the keeper, after the steps in the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeeperStep {
    /// What.
    pub task: KeeperTask,
    /// Why.
    pub cause: Cause,
}

/// What the keeper does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeeperTask {
    /// Starts, stops or restarts a node's program.
    Program {
        /// Which of the three.
        action: StepAction,
        /// The node.
        node: Name,
        /// Program and arguments.
        command: Vec<String>,
    },
    /// Listens again on a published port.
    Listener(Listener),
    /// Loads the guard.
    Guard,
}

/// Every change that hallway makes in a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// An unreachable route to a prefix of the project: packets to it never leave by an uplink,
    /// even while its network does not exist.
    AddUnreachable {
        /// The prefix.
        to: IpNet,
    },
    /// Removes such a route.
    RemoveUnreachable {
        /// The prefix.
        to: IpNet,
    },
    /// Replaces the project's tables by these, in one transaction.
    ReplaceRules(Box<NewRules>),
    /// Changes elements of the project's sets, in one transaction.
    ChangeRules {
        /// The table's name, the same in both families.
        table: String,
        /// What changes.
        delta: Delta,
    },
    /// Withdraws every published port, in one transaction.
    Unpublish {
        /// The name of the inet table.
        table: String,
    },
    /// Removes the project's tables.
    RemoveRules {
        /// Their name, the same in both families.
        table: String,
    },
    /// A bridge with the host's addresses on it, or a VLAN that macvlan interfaces are of.
    CreateBridge(Box<NewBridge>),
    /// Removes the bridge and every port of a network, all links of its device group.
    RemoveGroup {
        /// The network, or what is known of it.
        network: String,
        /// The device group.
        group: u32,
    },
    /// Removes one link of hallway on the host.
    RemoveLink {
        /// Its name.
        name: String,
    },
    /// A namespace with loopback up, marked as the node's.
    CreateNamespace(Box<NewNamespace>),
    /// Removes a namespace of hallway with everything inside.
    RemoveNamespace {
        /// Its name in /run/netns.
        netns: NetnsName,
        /// The host's ends of its ports, which are removed with it.
        links: Vec<String>,
    },
    /// A node's interface on a network, configured at both ends.
    CreatePort(Box<NewPort>),
    /// A node's macvlan interface of a link of the host.
    CreateMacvlan(Box<NewMacvlan>),
    /// A cable, configured at both ends.
    CreateCable(Box<NewCable>),
    /// Removes an interface inside a node (and so its other end).
    RemoveInterface {
        /// The namespace.
        netns: NetnsRef,
        /// The interface.
        name: String,
    },
    /// Changes one object in place.
    Adjust {
        /// Where.
        place: ObjectPlace,
        /// The change.
        change: Adjustment,
    },
    /// Turns on forwarding of what comes in by the host's uplinks. Each is noted in the project's
    /// table before, so that it can be turned off again even without a record.
    ForwardUplinks {
        /// The name of the inet table.
        table: String,
        /// The IP versions that are needed.
        versions: Vec<IpVersion>,
        /// The uplinks that do not forward yet; `all` for IPv6 on kernels before 6.17.
        uplinks: Vec<Uplink>,
        /// The bridges among them, whose own frames are not forwarded.
        bridges: Vec<String>,
    },
    /// Removes notes of uplinks that do not exist any more, or that another program makes forward.
    RemoveUplinks {
        /// The name of the inet table.
        table: String,
        /// The uplinks.
        uplinks: Vec<Uplink>,
        /// The bridges among them.
        bridges: Vec<String>,
    },
    /// Puts an accept at the beginning of a chain of another firewall.
    LetThrough {
        /// The chain.
        entry: FirewallChain,
        /// What passes.
        pass: Pass,
        /// The project it belongs to.
        project: Name,
    },
    /// Removes such an accept.
    RemoveAccept {
        /// The chain.
        entry: FirewallChain,
        /// What passes by it.
        pass: Pass,
        /// The number of the rule.
        handle: u64,
    },
    /// Turns forwarding off again on uplinks where hallway had turned it on and no other project
    /// needs it.
    RestoreUplinks {
        /// The uplinks.
        uplinks: Vec<Uplink>,
    },
    /// Announces to the neighbours of an interface the MAC address that its addresses have now:
    /// others had them before.
    Announce(Announcement),
    /// Deletes connections that are no longer allowed, or go to another destination now.
    FlushConnections(Box<Flows>),
}

/// A change of one object in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adjustment {
    /// Attributes of a link, with their new values.
    Link {
        /// The link.
        link: String,
        /// The attributes.
        attributes: Vec<Attribute>,
    },
    /// Adds an address to a link.
    AddAddress {
        /// The link.
        link: String,
        /// The address.
        address: IpNet,
    },
    /// Removes an address from a link.
    RemoveAddress {
        /// The link.
        link: String,
        /// The address.
        address: AssignedAddress,
    },
    /// Adds a route.
    AddRoute(Route),
    /// Adds a route that replaces the first one with its destination and metric.
    ReplaceRoute(Route),
    /// Removes a route.
    RemoveRoute(Route),
    /// Changes a setting.
    Setting {
        /// The link it belongs to; the namespace itself when absent.
        link: Option<String>,
        /// The setting.
        setting: Setting,
        /// The new value.
        value: u32,
    },
    /// Changes a setting that the file specifies.
    Sysctl {
        /// The setting.
        key: SysctlKey,
        /// The new value.
        value: String,
    },
    /// Puts the table of a node that translates addresses in the place of the one that is there.
    Table(Box<Ruleset>),
    /// Removes such a table.
    RemoveTable {
        /// Its name.
        table: String,
    },
    /// Changes what a link does to the packets it sends.
    Shape {
        /// The link.
        link: String,
        /// What it does from now on.
        shaping: Shaping,
        /// Whether what it did before is removed first.
        replace: bool,
    },
    /// Removes an entry of a bridge.
    RemoveForwarding {
        /// The bridge.
        bridge: String,
        /// The port it sends to, or the bridge.
        port: String,
        /// The MAC address.
        mac: [u8; 6],
    },
    /// Removes the fixed MAC address of a neighbour.
    RemoveNeighbour {
        /// The link.
        link: String,
        /// The neighbour.
        address: IpAddr,
    },
    /// Adds a routing rule.
    AddRoutingRule(RoutingRule),
}

/// Addresses that have moved to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Where the interface is.
    pub place: ObjectPlace,
    /// The interface.
    pub interface: String,
    /// The addresses.
    pub addresses: Vec<IpAddr>,
}

/// Which connections are deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows {
    /// Every connection of these prefixes.
    pub prefixes: Vec<IpNet>,
    /// Connections to these published host ports.
    pub ports: Vec<PublishedPorts>,
    /// Every connection that the policies of this project deny.
    pub denied: Option<Settled>,
    /// Addresses of the host.
    pub host: Vec<IpAddr>,
}

/// Host ports of one transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPorts {
    /// The addresses of the host.
    pub to: IpNet,
    /// The protocol.
    pub protocol: Protocol,
    /// From the first to the last.
    pub ports: PortRange,
}
