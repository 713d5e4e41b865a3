//! Why an edit is not possible.

use crate::{Diagnostic, InvalidPort, Name, pools};

crate::codes! {
    /// Stable codes of edits that are not possible.
    pub enum EditCode {
        /// The node or network already exists.
        Exists = "already-exists",
        /// There is no such node, network, link, membership, policy or published port.
        NotFound = "not-found",
        /// The network still has members.
        NetworkInUse = "network-in-use",
        /// A link has the same node at both ends.
        LinkToItself = "link-to-itself",
        /// The port cannot be read.
        BadPort = "bad-port",
        /// No subnet of the pool is free.
        PoolExhausted = "pool-exhausted",
    }
}

/// Why an edit is not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The node already exists.
    #[error("node {0} already exists")]
    NodeExists(Name),
    /// The network already exists.
    #[error("network {0} already exists")]
    NetworkExists(Name),
    /// The node does not exist.
    #[error("there is no node {0}")]
    NoNode(Name),
    /// The network does not exist.
    #[error("there is no network {0}")]
    NoNetwork(Name),
    /// There is no link between these nodes.
    #[error("there is no link between {0} and {1}")]
    NoLink(Name, Name),
    /// The node is already on the network.
    #[error("node {node} is already on network {network}")]
    AlreadyConnected {
        /// The node.
        node: Name,
        /// The network.
        network: Name,
    },
    /// A network that is named twice for a new node.
    #[error("network {0} is given twice")]
    NetworkTwice(Name),
    /// The node is not on the network.
    #[error("node {node} is not on network {network}")]
    NotConnected {
        /// The node.
        node: Name,
        /// The network.
        network: Name,
    },
    /// The node does not publish the port.
    #[error("node {node} does not publish {port}")]
    NotPublished {
        /// The node.
        node: Name,
        /// The port, as it was written.
        port: String,
    },
    /// The network has members.
    #[error("network {network} is in use by {}", members.join(", "))]
    NetworkInUse {
        /// The network.
        network: Name,
        /// The nodes that are on it.
        members: Vec<String>,
    },
    /// A link needs two nodes.
    #[error("a link joins two different nodes")]
    LinkToItself,
    /// There is no policy at this position.
    #[error("there is no policy {number}: there are {count}")]
    NoPolicy {
        /// The given position, from 1.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The port cannot be read.
    #[error(transparent)]
    Port(#[from] InvalidPort),
    /// Every subnet of the pools is used, or a route of the host covers it.
    #[error(
        "none of {} is free: networks and routes of the host take all of them",
        pools()
    )]
    PoolExhausted,
}

impl Diagnostic for EditError {
    fn code(&self) -> &'static str {
        let code = match self {
            Self::NodeExists(_)
            | Self::NetworkExists(_)
            | Self::NetworkTwice(_)
            | Self::AlreadyConnected { .. } => EditCode::Exists,
            Self::NoNode(_)
            | Self::NoNetwork(_)
            | Self::NoLink(..)
            | Self::NotConnected { .. }
            | Self::NoPolicy { .. }
            | Self::NotPublished { .. } => EditCode::NotFound,
            Self::NetworkInUse { .. } => EditCode::NetworkInUse,
            Self::LinkToItself => EditCode::LinkToItself,
            Self::Port(_) => EditCode::BadPort,
            Self::PoolExhausted => EditCode::PoolExhausted,
        };
        code.text()
    }

    fn message(&self) -> String {
        self.to_string()
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::NodeExists(_) | Self::NetworkExists(_) => "choose another name",
            Self::NoNode(_) | Self::NoNetwork(_) | Self::NoLink(..) => {
                "hallway status shows what exists"
            }
            Self::AlreadyConnected { .. } => "disconnect it first to change its address",
            Self::NetworkTwice(_) => {
                "give an address of each IP version with a comma: --network apps=10.0.0.5,fd00::5"
            }
            Self::NotConnected { .. } | Self::NotPublished { .. } => {
                "hallway inspect NODE shows its networks and ports"
            }
            Self::NetworkInUse { .. } => "disconnect these nodes first",
            Self::NoPolicy { .. } => "hallway policy ls numbers them",
            Self::LinkToItself => "name two nodes",
            Self::Port(_) => "write [ip:]host-port:node-port[/tcp|udp|sctp], like 8080:80",
            Self::PoolExhausted => "give a subnet with --subnet",
        };
        Some(help.into())
    }
}
