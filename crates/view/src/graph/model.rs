//! The content of a picture: names and addresses as text, connections by position.

use std::net::IpAddr;

use hallway_spec::{Mode, Name, Protocol};

use hallway_plan::observed::Counters;
use hallway_plan::program::{self, Program};
use hallway_plan::settled::{self, InterfaceRef, Plug, Settled};
use hallway_plan::shaping::Shaping;

use super::policy::{Policy, policies};

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    /// Its name.
    pub project: String,
    /// Networks in the file's order.
    pub networks: Vec<Network>,
    /// Nodes in the file's order.
    pub nodes: Vec<Node>,
    /// Cables in the file's order.
    pub cables: Vec<Cable>,
    /// Policies in the file's order.
    pub policies: Vec<Policy>,
}

/// Whether an object exists; for a picture of a running project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Presence {
    /// Not observed.
    #[default]
    Unknown,
    /// It exists.
    Present,
    /// It does not exist.
    Missing,
}

/// A network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub name: String,
    /// Its prefixes.
    pub subnets: Vec<String>,
    /// The host's addresses.
    pub gateways: Vec<String>,
    /// The bridge's link name; `None` for a routed network.
    pub bridge: Option<String>,
    /// No route to other networks and no published ports.
    pub internal: bool,
    /// Its nodes reach outside with the host's address.
    pub nat: bool,
    /// How its members are connected.
    pub mode: Mode,
    /// Stands for the outside.
    pub outside: bool,
    /// Whether its bridge exists.
    pub state: Presence,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its interfaces.
    pub interfaces: Vec<Interface>,
    /// Published ports.
    pub ports: Vec<Port>,
    /// The program that runs in the node, with its arguments; then others in its namespace, each with
    /// its name.
    pub commands: Vec<String>,
    /// Whether it forwards.
    pub router: bool,
    /// The namespace of other programs that it joins.
    pub joined: Option<String>,
    /// Whether its namespace exists.
    pub state: Presence,
    /// What is wrong with its programs, like `exited with 3`.
    pub faults: Vec<String>,
}

/// A node's interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name inside.
    pub name: String,
    /// Addresses; those of a cable with their lengths.
    pub addresses: Vec<String>,
    /// The position of its network; `None` for a cable.
    pub network: Option<usize>,
    /// What is special about what it sends, like `delay 50ms loss 1%` or `masquerades`; empty without.
    pub notes: String,
    /// Whether it exists.
    pub state: Presence,
    /// Its byte counters.
    pub counters: Option<Counters>,
}

/// A published port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// On the host, like `8080` or `127.0.0.1:8080`.
    pub host: String,
    /// In the node, like `80/tcp`.
    pub node: String,
    /// The address of the host, if only one.
    pub address: Option<IpAddr>,
    /// The first and the last port of the host.
    pub ports: (u16, u16),
    /// Their protocol.
    pub protocol: Protocol,
}

/// A cable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cable {
    /// One end.
    pub a: End,
    /// The other.
    pub b: End,
}

/// One end of a cable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The node's position.
    pub node: usize,
    /// The interface's name.
    pub interface: String,
    /// Addresses with lengths.
    pub addresses: Vec<String>,
    /// As of a node's interface.
    pub notes: String,
}

impl Graph {
    /// The picture of a project.
    #[must_use]
    pub fn new(settled: &Settled) -> Self {
        Self {
            project: settled.project.to_string(),
            networks: settled.networks.iter().map(network).collect(),
            nodes: settled.nodes.iter().map(|n| node(settled, n)).collect(),
            cables: settled
                .cables
                .iter()
                .filter_map(|c| {
                    Some(Cable {
                        a: end(settled, &c.a)?,
                        b: end(settled, &c.b)?,
                    })
                })
                .collect(),
            policies: policies(settled),
        }
    }

    /// The networks by which packets leave, masqueraded or with their own addresses.
    pub fn open_networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter().filter(|n| !n.internal && !n.outside)
    }

    /// Whether all the node's networks represent the outside.
    #[must_use]
    pub fn stands_outside(&self, node: &Node) -> bool {
        let networks = node.networks();
        let outside = |n: &usize| self.networks.get(*n).is_some_and(|n| n.outside);
        !networks.is_empty() && networks.iter().all(outside)
    }
}

impl Network {
    /// What is special about it, for a picture with few words.
    pub(super) fn remark(&self) -> Option<String> {
        match (self.mode, &self.bridge) {
            (Mode::Macvlan, Some(parent)) => Some(format!("macvlan of {parent}")),
            (Mode::Lan, _) => Some("lan, without the host".to_owned()),
            _ => self.internal.then(|| "internal".to_owned()),
        }
    }
}

impl Node {
    /// The positions of its networks, each once.
    #[must_use]
    pub fn networks(&self) -> Vec<usize> {
        let mut out: Vec<usize> = Vec::new();
        for network in self.interfaces.iter().filter_map(|i| i.network) {
            if !out.contains(&network) {
                out.push(network);
            }
        }
        out
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} → {}", self.host, self.node)
    }
}

/// The byte counters of an interface, like `↓ 1.5 kB ↑ 120 B`.
pub(super) fn traffic(counters: Counters) -> String {
    format!("↓ {} ↑ {}", size(counters.received), size(counters.sent))
}

fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB", "TB"] {
        if value < 1000.0 || unit == "TB" {
            return if unit == "B" || value >= 100.0 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    String::new()
}

fn network(network: &settled::Network) -> Network {
    Network {
        name: network.name.to_string(),
        subnets: network.subnets.iter().map(|s| s.net.to_string()).collect(),
        gateways: network
            .gateways()
            .map(|gateway| gateway.to_string())
            .collect(),
        bridge: network.bridge.clone(),
        internal: network.internal,
        outside: network.outside,
        nat: network.nat,
        mode: network.mode,
        state: Presence::Unknown,
    }
}

fn node(settled: &Settled, node: &settled::Node) -> Node {
    let position = |name: &Name| settled.networks.iter().position(|n| &n.name == name);
    Node {
        name: node.name.to_string(),
        interfaces: node
            .interfaces
            .iter()
            .map(|i| Interface {
                name: i.name.clone(),
                addresses: match &i.plug {
                    Plug::Port { .. } | Plug::Macvlan { .. } => {
                        i.addresses.iter().map(|a| a.addr().to_string()).collect()
                    }
                    Plug::Cable => i.addresses.iter().map(ToString::to_string).collect(),
                },
                network: i.plug.network().and_then(position),
                notes: notes(i),
                state: Presence::Unknown,
                counters: None,
            })
            .collect(),
        ports: settled
            .publishes
            .iter()
            .filter(|p| p.node == node.name)
            .map(|p| Port {
                host: crate::tree::on_host(p),
                node: match &p.name {
                    Some(name) => format!("{}/{} ({name})", p.node_ports, p.protocol),
                    None => format!("{}/{}", p.node_ports, p.protocol),
                },
                address: p.host_address,
                ports: (p.host_ports.first(), p.host_ports.last()),
                protocol: p.protocol,
            })
            .collect(),
        commands: commands(node),
        router: node.forwarding,
        joined: (node.joined.as_ref()).map(|joined| format!("in {}", joined.reference)),
        state: Presence::Unknown,
        faults: Vec::new(),
    }
}

/// The programs in its namespace; those that share it have their names.
fn commands(node: &settled::Node) -> Vec<String> {
    let line = |p: Program<'_>| {
        let command = program::line(&p.service.command);
        match *p.name == node.name {
            true => command,
            false => format!("{}: {command}", p.name),
        }
    };
    node.programs().map(line).collect()
}

fn end(settled: &Settled, end: &InterfaceRef) -> Option<End> {
    let node = settled.nodes.iter().position(|n| n.name == end.node)?;
    let found = settled
        .nodes
        .get(node)?
        .interfaces
        .iter()
        .find(|i| i.name == end.interface);
    Some(End {
        node,
        interface: end.interface.clone(),
        addresses: found
            .iter()
            .flat_map(|i| &i.addresses)
            .map(ToString::to_string)
            .collect(),
        notes: found.map(notes).unwrap_or_default(),
    })
}

/// The limit and impairments of what an interface sends, and the addresses it sends from.
fn notes(interface: &settled::Interface) -> String {
    let shaping = Shaping::new(interface.bandwidth, &interface.impairments);
    let shaping = match (shaping.needs_netem(), shaping.limit) {
        (true, _) => Some(shaping.to_string()),
        (false, limit) => limit.map(|limit| format!("rate {limit}")),
    };
    let sources = interface.sources_in_words();
    let sources = sources.map(|sources| format!("also sends from {sources}"));
    let masquerades = interface.masquerade.then(|| "masquerades".to_owned());
    let all: Vec<String> = [shaping, masquerades, sources]
        .into_iter()
        .flatten()
        .collect();
    all.join(", ")
}
