//! The commands for single changes, as edits of a document. [`crate::parse`] checks whether the
//! result is valid; only what the edit itself needs is checked here.

mod entry;
mod impair;
mod links;
mod networks;
mod nodes;
mod policies;
mod rest;

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    Action, Bandwidth, Diagnostic, Document, Impairments, InvalidPort, Name, PortProto, pools,
};

pub use impair::Impaired;
pub use networks::free_subnet;
pub use rest::rest;

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Add a node.
    NodeAdd {
        /// Its name.
        name: Name,
        /// Networks with fixed addresses.
        networks: Vec<(Name, Vec<IpAddr>)>,
        /// Published ports.
        ports: Vec<String>,
        /// The program that runs in the node, with its arguments.
        command: Vec<String>,
        /// What must listen before it counts as up.
        ready: Vec<PortProto>,
    },
    /// Removes a node with everything that names it.
    NodeRemove(Name),
    /// Add a network.
    NetworkAdd {
        /// Its name.
        name: Name,
        /// Prefixes; the first free /24 of the pools when empty.
        subnets: Vec<IpNet>,
        /// The host's addresses.
        gateways: Vec<IpAddr>,
        /// No route to other networks and no published ports.
        internal: bool,
        /// Stands for the outside.
        outside: bool,
        /// Routed instead of bridged.
        routed: bool,
        /// The host's interface that members get macvlan interfaces of.
        parent: Option<String>,
        /// The VLAN of it.
        vlan: Option<u16>,
        /// Bytes.
        mtu: Option<u32>,
    },
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
    Impair {
        /// Which interfaces.
        at: Vec<Impaired>,
        /// Whether the earlier ones are removed.
        clear: bool,
        /// What is set; the others are kept.
        set: Impairments,
        /// The limit that is set.
        rate: Option<Bandwidth>,
    },
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

/// An empty document of that name.
#[must_use]
pub fn empty(name: &Name) -> Document {
    Document {
        name: Some(name.to_string()),
        ..Document::default()
    }
}

/// Applies an edit.
///
/// ```
/// use hallway_spec::{Edit, edit, empty};
///
/// let document = empty(&"shop".parse()?);
/// let add = Edit::NodeAdd {
///     name: "web".parse()?,
///     networks: vec![],
///     ports: vec![],
///     command: vec![],
///     ready: vec![],
/// };
/// let document = edit(&document, &add).expect("there is no such node yet");
/// assert!(edit(&document, &add).is_err());
/// # Ok::<(), hallway_spec::InvalidName>(())
/// ```
///
/// # Errors
/// When the document lacks what the edit needs, or has it already.
pub fn edit(document: &Document, edit: &Edit) -> Result<Document, EditError> {
    let mut out = document.clone();
    edit_in_place(&mut out, edit)?;
    Ok(out)
}

/// Applies an edit to a document that was `file` before all edits: what the file says is kept, unless the
/// edit names it.
///
/// # Errors
/// As [`edit`].
pub fn edit_of_file(
    document: &Document,
    file: &Document,
    edit: &Edit,
) -> Result<Document, EditError> {
    let mut out = document.clone();
    make(&mut out, file, edit)?;
    Ok(out)
}

/// Applies an edit to the document itself.
///
/// # Errors
/// As [`edit`]; the document may then be changed in part.
pub fn edit_in_place(document: &mut Document, edit: &Edit) -> Result<(), EditError> {
    make(document, &Document::default(), edit)
}

fn make(document: &mut Document, file: &Document, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::NodeAdd { .. } => nodes::add(document, edit)?,
        Edit::NodeRemove(name) => nodes::remove(document, name)?,
        Edit::NetworkAdd { .. } => networks::add(document, edit)?,
        Edit::NetworkRemove(name) => networks::remove(document, name)?,
        Edit::LinkAdd(ends) => links::add(document, ends)?,
        Edit::LinkRemove { ends, link } => links::remove(document, ends, *link)?,
        Edit::Connect(node, network, addresses) => {
            networks::connect(document, node, network, addresses)?;
        }
        Edit::Disconnect(node, network) => networks::disconnect(document, node, network)?,
        Edit::Impair { .. } => impair::apply(document, edit)?,
        Edit::Publish(node, port) => nodes::publish(document, node, port)?,
        Edit::Unpublish(node, port) => nodes::unpublish(document, node, port)?,
        Edit::Policy {
            action,
            from,
            to,
            ports,
        } => policies::add(document, file, *action, (from, to, ports)),
        Edit::PolicyRemove(number) => policies::remove(document, *number)?,
    }
    Ok(())
}
