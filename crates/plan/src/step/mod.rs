//! Steps: what is done to the kernel, one at a time, each with the reason it is done.

mod describe;

use std::net::IpAddr;

use hallway_spec::{IpVersion, Mode, Name, PortRange, Protocol};
use ipnet::IpNet;

use crate::rules::Delta;
use crate::rules::ir::Ruleset;
use crate::settled::{Interface, Network, Node, Plug, Route};

pub use describe::{Action, Described};

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub op: Op,
    /// Why: the key of the file it comes from, or what it clears away.
    pub cause: String,
}

/// Everything hallway ever does to a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// An unreachable route to a prefix of ours: packets to it never leave by an uplink, also while
    /// its network is not there.
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
    ReplaceRules {
        /// All of them.
        rules: Box<Ruleset>,
    },
    /// Changes elements of the project's sets, in one transaction.
    ChangeRules {
        /// What changes.
        delta: Delta,
    },
    /// Withdraws every published port, in one transaction.
    Unpublish,
    /// Removes the project's tables.
    RemoveRules,
    /// A bridge with the host's addresses on it.
    CreateBridge {
        /// The network.
        network: Box<Network>,
        /// The bridge's name.
        name: String,
    },
    /// Changes a bridge in place.
    ChangeBridge {
        /// The bridge's name.
        name: String,
        /// Whether its frames pass the inet hooks.
        filtered: bool,
    },
    /// Removes the bridge and every port of a network, all links of its device group.
    RemoveGroup {
        /// The network, or what is known of it.
        network: String,
        /// The device group.
        group: u32,
    },
    /// Removes one link of ours on the host.
    RemoveLink {
        /// Its name.
        name: String,
    },
    /// A namespace with loopback up, marked as the node's.
    CreateNamespace {
        /// The node.
        node: Name,
        /// Its name in /run/netns.
        netns: String,
        /// Whether IPv6 is on inside.
        ipv6: bool,
        /// Whether it forwards.
        forwarding: bool,
    },
    /// Changes whether a namespace forwards.
    ChangeForwarding {
        /// Its name in /run/netns.
        netns: String,
        /// The new state.
        forwarding: bool,
        /// Whether IPv6 is on inside.
        ipv6: bool,
    },
    /// Removes a namespace of ours, and with it everything inside.
    RemoveNamespace {
        /// Its name in /run/netns.
        netns: String,
        /// The host's ends of its ports, which go with it.
        links: Vec<String>,
    },
    /// A node's interface on a network, configured at both ends.
    CreatePort(Box<Port>),
    /// A cable, configured at both ends.
    CreateCable {
        /// One end.
        a: Box<CableEnd>,
        /// The other.
        b: Box<CableEnd>,
    },
    /// Removes an interface inside a node (and so its other end).
    RemoveInterface {
        /// The namespace.
        netns: String,
        /// The interface.
        name: String,
    },
    /// A route inside a node.
    AddRoute {
        /// The namespace.
        netns: String,
        /// The interface it leaves by.
        interface: String,
        /// The route.
        route: Route,
    },
    /// Removes a route inside a node.
    RemoveRoute {
        /// The namespace.
        netns: String,
        /// The route.
        route: Route,
    },
    /// Lets the host forward what comes in by our bridges and by the uplinks.
    EnableForwarding {
        /// Our links.
        links: Vec<String>,
        /// Which IP versions.
        versions: Vec<IpVersion>,
    },
    /// Turns forwarding off again on uplinks where hallway had turned it on and no other
    /// project needs it.
    RestoreForwarding,
    /// Deletes connections that are no longer allowed: of addresses that are gone, of published
    /// ports that changed, of pairs now denied.
    ForgetFlows {
        /// Every connection of these prefixes.
        prefixes: Vec<IpNet>,
        /// Connections to these published host ports.
        ports: Vec<PublishedPorts>,
        /// Every connection that the new policies deny.
        denied: bool,
    },
}

/// Host ports of one transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PublishedPorts {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// From the first to the last.
    pub ports: PortRange,
}

/// A node's interface on a network, with all that is configured at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// The node.
    pub node: Name,
    /// Its namespace.
    pub netns: String,
    /// The interface inside.
    pub interface: Interface,
    /// The network's name.
    pub network: Name,
    /// The host's end.
    pub link: String,
    /// The bridge, unless routed.
    pub bridge: Option<String>,
    /// The device group.
    pub group: u32,
    /// The host's addresses in a routed network.
    pub gateways: Vec<IpAddr>,
    /// Routes that leave by this interface.
    pub routes: Vec<Route>,
}

/// One end of a cable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CableEnd {
    /// The node.
    pub node: Name,
    /// Its namespace.
    pub netns: String,
    /// The interface.
    pub interface: Interface,
    /// Routes that leave by it.
    pub routes: Vec<Route>,
}

impl Port {
    /// Gathers what makes up one interface of a node on a network.
    #[must_use]
    pub fn new(node: &Node, position: usize, network: &Network) -> Option<Self> {
        let interface = node.interfaces.get(position)?;
        let Plug::Port { link, .. } = &interface.plug else {
            return None;
        };
        Some(Self {
            node: node.name.clone(),
            netns: node.netns.clone(),
            interface: interface.clone(),
            network: network.name.clone(),
            link: link.clone(),
            bridge: network.bridge.clone(),
            group: network.group,
            gateways: match network.mode {
                Mode::Routed => network.subnets.iter().map(|s| s.gateway).collect(),
                Mode::Bridge => Vec::new(),
            },
            routes: node.routes_by(position),
        })
    }
}

impl CableEnd {
    /// Gathers what makes up one end of a cable; `position` is the interface's among the node's.
    #[must_use]
    pub fn new(node: &Node, position: usize) -> Option<Self> {
        Some(Self {
            node: node.name.clone(),
            netns: node.netns.clone(),
            interface: node.interfaces.get(position)?.clone(),
            routes: node.routes_by(position),
        })
    }
}
