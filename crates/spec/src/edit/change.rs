//! The edits, as values.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{Action, Bandwidth, Impairments, Name, PortProto};

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Add a node.
    NodeAdd(NewNode),
    /// Removes a node with everything that names it.
    NodeRemove(Name),
    /// Add a network.
    NetworkAdd(NewNetwork),
    /// Removes a network that has no members.
    NetworkRemove(Name),
    /// A cable; nodes that do not exist are made.
    LinkAdd([(Name, Vec<IpNet>); 2]),
    /// Removes the cable at this position of the links, from 0, which is between these nodes.
    LinkRemove {
        /// The nodes.
        ends: [Name; 2],
        /// The position.
        link: usize,
    },
    /// Connects a node to a network.
    Connect(Name, Name, Vec<IpAddr>),
    /// Disconnects it.
    Disconnect(Name, Name),
    /// Changes the impairments of interfaces.
    Impair(ImpairmentChange),
    /// Publishes a port.
    Publish(Name, String),
    /// Removes it.
    Unpublish(Name, String),
    /// Allows or denies; comes before every other policy.
    Policy {
        /// Allow or deny.
        action: Action,
        /// The clients.
        from: Vec<String>,
        /// The servers.
        to: Vec<String>,
        /// Which ports; all when empty.
        ports: Vec<String>,
    },
    /// Removes the policy at this position, counted from 1 as `policy ls` prints it.
    PolicyRemove(usize),
}

/// A node to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNode {
    /// Its name.
    pub name: Name,
    /// Networks with fixed addresses.
    pub networks: Vec<(Name, Vec<IpAddr>)>,
    /// Published ports.
    pub ports: Vec<String>,
    /// The program that runs in the node, with its arguments.
    pub command: Vec<String>,
    /// What must listen before it counts as up.
    pub ready: Vec<PortProto>,
}

/// A network to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNetwork {
    /// Its name.
    pub name: Name,
    /// Prefixes; the first free /24 of the pools when empty.
    pub subnets: Vec<IpNet>,
    /// The host's addresses.
    pub gateways: Vec<IpAddr>,
    /// No route to other networks and no published ports.
    pub internal: bool,
    /// Stands for the outside.
    pub outside: bool,
    /// Routed instead of bridged.
    pub routed: bool,
    /// The host's interface that members get macvlan interfaces of.
    pub parent: Option<String>,
    /// The VLAN of it.
    pub vlan: Option<u16>,
    /// Bytes.
    pub mtu: Option<u32>,
}

/// A change of impairments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImpairmentChange {
    /// Which interfaces.
    pub at: Vec<Impaired>,
    /// Whether the earlier ones are removed.
    pub clear: bool,
    /// What is set; the others are kept.
    pub set: Impairments,
    /// The limit that is set.
    pub rate: Option<Bandwidth>,
}

/// An interface, by its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Impaired {
    /// A node's connection to a network.
    Attachment {
        /// The node.
        node: Name,
        /// The network.
        network: Name,
    },
    /// A node's end of a cable.
    CableEnd {
        /// The node.
        node: Name,
        /// The position of the cable among the links.
        link: usize,
    },
}
