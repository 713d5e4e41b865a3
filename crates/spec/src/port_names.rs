//! Which port a name means, for a destination.

use std::collections::BTreeMap;

use crate::{Endpoint, Name, NamedPort, Node, PortName, PortProto, PortRange, Protocol, Topology};

/// Why the name of a port has no meaning for a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnresolvedPort {
    /// No node of the destination has a port of that name.
    #[error("{to} has no port with the name {name}")]
    Unknown {
        /// The name.
        name: PortName,
        /// The destination.
        to: String,
        /// The names that exist there, like `web (80/tcp)`.
        known: Vec<String>,
    },
    /// The nodes of the destination give the name to different ports.
    #[error("the name {name} means {} of {} and {} of {}", .first.1, .first.0, .second.1, .second.0)]
    Differs {
        /// The name.
        name: PortName,
        /// A node and its port.
        first: (Name, String),
        /// Another node and its port.
        second: (Name, String),
    },
    /// One port is needed, and the name means several.
    #[error("the name {name} means several ports, {ports}")]
    Range {
        /// The name.
        name: PortName,
        /// The ports.
        ports: PortRange,
    },
}

impl UnresolvedPort {
    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { known, .. } if known.is_empty() => {
                "write the number, like 80/tcp; or write a node or network as the destination, and give its port a name: port_names: { web: 80/tcp }".into()
            }
            Self::Unknown { known, .. } => {
                format!("names of ports there: {}; or write a number, like 80/tcp", known.join(", "))
            }
            Self::Differs { .. } => {
                "write the number, or one policy or expectation for each node".into()
            }
            Self::Range { ports, .. } => format!("write one of them, like {}", ports.first()),
        }
    }
}

/// The nodes of a project whose ports have names.
#[derive(Debug, Clone, Default)]
pub struct PortNames {
    nodes: Vec<Named>,
}

#[derive(Debug, Clone)]
struct Named {
    node: Name,
    networks: Vec<Name>,
    outside: bool,
    ports: Vec<NamedPort>,
}

impl Named {
    fn is_of(&self, endpoint: &Endpoint) -> bool {
        match endpoint {
            Endpoint::Node(name) => self.node == *name,
            Endpoint::Network(name) => self.networks.contains(name),
            Endpoint::Outside => self.outside,
            Endpoint::Any => true,
            Endpoint::Host | Endpoint::Cidr(_) => false,
        }
    }
}

impl PortNames {
    /// The names of a project's ports.
    #[must_use]
    pub fn of(topology: &Topology) -> Self {
        let outside = topology.networks.iter().filter(|n| n.outside);
        let outside: Vec<Name> = outside.map(|n| n.name.clone()).collect();
        Self::new(&topology.nodes, &outside)
    }

    pub(crate) fn new(nodes: &[Node], outside: &[Name]) -> Self {
        let nodes = nodes.iter().filter(|n| !n.port_names.is_empty());
        let named = |node: &Node| {
            let networks = node.attachments.iter().map(|a| a.network.clone());
            let networks: Vec<Name> = networks.collect();
            Named {
                node: node.name.clone(),
                outside: networks.iter().any(|n| outside.contains(n)),
                networks,
                ports: node.port_names.clone(),
            }
        };
        Self {
            nodes: nodes.map(named).collect(),
        }
    }

    /// The ports that a name means for the nodes of a policy's destinations. The host has none:
    /// policies are about the ports of nodes.
    ///
    /// # Errors
    /// When the name has no meaning there, or several.
    pub fn ports(
        &self,
        name: &PortName,
        to: &[&Endpoint],
    ) -> Result<(PortRange, Protocol), UnresolvedPort> {
        let nodes = self.nodes.iter();
        let nodes = nodes.filter(|n| to.iter().any(|endpoint| n.is_of(endpoint)));
        let all = nodes.flat_map(|n| n.ports.iter().map(|p| (&n.node, p, p.ports)));
        agreed(name, to, all.collect())
    }

    /// The port that a name means for a server: a port of its nodes, or for the host a port that it
    /// is published on.
    ///
    /// # Errors
    /// When the name has no meaning there, or several, or means a range of ports.
    pub fn port(&self, name: &PortName, to: &Endpoint) -> Result<PortProto, UnresolvedPort> {
        let (ports, protocol) = match to {
            Endpoint::Host => {
                let all = self.nodes.iter().flat_map(|n| {
                    let published = n.ports.iter();
                    published.filter_map(|p| Some((&n.node, p, p.host_ports?)))
                });
                agreed(name, &[to], all.collect())?
            }
            _ => self.ports(name, &[to])?,
        };
        if ports.len() > 1 {
            let name = name.clone();
            return Err(UnresolvedPort::Range { name, ports });
        }
        let port = ports.first();
        Ok(PortProto { port, protocol })
    }
}

/// The ports that every node with such a name gives to it.
fn agreed(
    name: &PortName,
    to: &[&Endpoint],
    all: Vec<(&Name, &NamedPort, PortRange)>,
) -> Result<(PortRange, Protocol), UnresolvedPort> {
    let shown = |port: &NamedPort, ports: PortRange| format!("{ports}/{}", port.protocol);
    let mut same = all.iter().filter(|(_, port, _)| port.name == *name);
    let Some((node, port, ports)) = same.next() else {
        let known: BTreeMap<&PortName, String> = all
            .iter()
            .map(|(_, port, ports)| (&port.name, shown(port, *ports)))
            .collect();
        let known = known
            .iter()
            .map(|(name, ports)| format!("{name} ({ports})"));
        let to: Vec<String> = to.iter().map(ToString::to_string).collect();
        return Err(UnresolvedPort::Unknown {
            name: name.clone(),
            to: to.join(", "),
            known: known.collect(),
        });
    };
    match same.find(|(_, other, range)| (*range, other.protocol) != (*ports, port.protocol)) {
        None => Ok((*ports, port.protocol)),
        Some((second, other, range)) => Err(UnresolvedPort::Differs {
            name: name.clone(),
            first: ((*node).clone(), shown(port, *ports)),
            second: ((*second).clone(), shown(other, *range)),
        }),
    }
}
