//! A project: `status`, `ls`, `inspect` and the lists of nodes, networks and links.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_nftables::print::mac;
use hallway_plan::settled::{self, InterfaceRef, Settled};
use hallway_spec::{Action, Joined, Mode, Name, NetnsRef};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::interface::Interface;
use super::published::Published;
use super::sidecar::{self, Sidecar};
use super::{DifferenceEntry, Version};
use crate::program::Program;

/// A running project, for `status`.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// Its name.
    pub project: &'a Name,
    /// Where it is built, like `in sandbox default`.
    pub place: String,
    /// The sandbox it is built in.
    pub sandbox: Option<&'a str>,
    /// The file it was built from.
    pub file: Option<String>,
    /// `up`, `degraded`, `unfinished`, `down` or `unknown`.
    pub state: &'static str,
    /// Why its record cannot be read, if it cannot.
    pub problem: Option<String>,
    /// The number of differences from what was built.
    pub drift: usize,
    /// What differs from what was built.
    pub differences: Vec<DifferenceEntry>,
    /// In the file's order.
    pub networks: Vec<Network<'a>>,
    /// In the file's order.
    pub nodes: Vec<Node<'a>>,
    /// In the file's order.
    pub links: Vec<Cable<'a>>,
    /// In the file's order.
    pub policies: Vec<Policy<'a>>,
}

/// A project in the list of all.
#[derive(Debug, Serialize, Deserialize)]
pub struct ProjectEntry {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// Its name.
    pub project: Name,
    /// The sandbox it is built in; none for the host.
    pub sandbox: Option<String>,
    /// `up`, `degraded`, `unfinished`, `down` or `unknown`.
    pub state: String,
    /// The file it was built from.
    pub file: Option<String>,
    /// Seconds since 1970.
    pub created: u64,
    /// Names.
    pub nodes: Vec<String>,
    /// Names.
    pub networks: Vec<String>,
}

/// A node.
#[derive(Debug, Serialize)]
pub struct Node<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// Its name.
    pub name: &'a Name,
    /// Its namespace's name in /run/netns, or a path.
    pub namespace: &'a NetnsRef,
    /// What the file names, where the namespace is one that is joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined: Option<&'a Joined>,
    /// In order.
    pub interfaces: Vec<Interface<'a>>,
    /// Its published ports.
    pub published: Vec<Published>,
    /// Its program with arguments.
    pub command: Option<&'a [String]>,
    /// Its program as it runs now.
    pub program: Option<&'a Program>,
    /// Further programs in its namespace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sidecars: Vec<Sidecar<'a>>,
}

/// A node in full.
#[derive(Debug, Serialize)]
pub struct NodeDetails<'a> {
    /// The entry in lists.
    #[serde(flatten)]
    pub node: Node<'a>,
    /// `node`.
    pub kind: &'static str,
    /// The inode number of its namespace, if that exists.
    pub inode: Option<u64>,
    /// Without those from its addresses.
    pub routes: Vec<Route<'a>>,
    /// The environment of its program.
    pub environment: &'a BTreeMap<String, String>,
    /// Its project.
    pub project: &'a Name,
}

/// A route inside a node.
#[derive(Debug, Serialize)]
pub struct Route<'a> {
    /// Destination.
    pub to: IpNet,
    /// Next hop.
    pub via: Option<IpAddr>,
    /// The interface it leaves by.
    pub interface: Option<&'a str>,
}

/// A prefix of a network.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SubnetShape {
    /// The prefix.
    pub net: IpNet,
    /// The host's address; none on a lan.
    pub gateway: Option<IpAddr>,
}

impl From<&settled::Subnet> for SubnetShape {
    fn from(subnet: &settled::Subnet) -> Self {
        Self {
            net: subnet.net,
            gateway: subnet.gateway,
        }
    }
}

/// A network.
#[derive(Debug, Serialize)]
pub struct Network<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// Its name.
    pub name: &'a Name,
    /// Its bridge; none for a routed network.
    pub bridge: Option<&'a str>,
    /// The link of the host that its nodes have macvlan interfaces of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<&'a str>,
    /// The number of the VLAN that this link is, if hallway made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The routers there that are not of the project.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub routers: &'a [IpAddr],
    /// The bridge's MAC address.
    pub mac: String,
    /// Prefixes with the host's address in each.
    pub subnets: Vec<SubnetShape>,
    /// No route to other networks and no published ports.
    pub internal: bool,
    /// Stands for the outside.
    pub outside: bool,
    /// Its bridge is one of the host's.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub external: bool,
    /// Its nodes reach outside with the host's address.
    pub nat: bool,
    /// Bridge or routed.
    pub mode: Mode,
    /// Bytes.
    pub mtu: Option<u32>,
    /// The nodes on it.
    pub members: Vec<Member<'a>>,
}

/// A network in full.
#[derive(Debug, Serialize)]
pub struct NetworkDetails<'a> {
    /// The entry in lists.
    #[serde(flatten)]
    pub network: Network<'a>,
    /// `network`.
    pub kind: &'static str,
    /// Its project.
    pub project: &'a Name,
}

/// A node's interface on a network.
#[derive(Debug, Serialize)]
pub struct Member<'a> {
    /// The node.
    pub node: &'a Name,
    /// Its interface.
    pub interface: &'a str,
    /// With prefix lengths.
    pub addresses: &'a [IpNet],
}

/// A cable between two nodes.
#[derive(Debug, Serialize)]
pub struct Cable<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// Both ends.
    pub endpoints: [CableEnd<'a>; 2],
}

/// One end of a cable.
#[derive(Debug, Serialize)]
pub struct CableEnd<'a> {
    /// The node.
    pub node: &'a Name,
    /// Its interface.
    pub interface: &'a str,
}

/// A policy line.
#[derive(Debug, Serialize)]
pub struct Policy<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// Its number in the order in which policies decide, from 1 on.
    pub number: usize,
    /// Allow or deny.
    pub action: Action,
    /// The policy as text, with the names of the file.
    pub words: &'a str,
    /// Its line in the file; absent for one that a command added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The command that added it; absent for one of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub added_by: Option<&'static str>,
}

/// The nodes of a project.
#[must_use]
pub fn nodes<'a>(settled: &'a Settled, programs: &'a [Program]) -> Vec<Node<'a>> {
    let all = settled.nodes.iter();
    all.map(|n| Node::new(settled, n, programs)).collect()
}

/// The policies of a project, in evaluation order.
#[must_use]
pub fn policies(settled: &Settled) -> Vec<Policy<'_>> {
    settled.policies.iter().map(Policy::new).collect()
}

/// The networks of a project.
#[must_use]
pub fn networks(settled: &Settled) -> Vec<Network<'_>> {
    let all = settled.networks.iter();
    all.map(|n| Network::new(settled, n)).collect()
}

/// The cables of a project.
#[must_use]
pub fn links(settled: &Settled) -> Vec<Cable<'_>> {
    fn end(end: &InterfaceRef) -> CableEnd<'_> {
        CableEnd {
            node: &end.node,
            interface: &end.interface,
        }
    }
    let cables = settled.cables.iter().map(|c| Cable {
        schema_version: Version,
        endpoints: [end(&c.a), end(&c.b)],
    });
    cables.collect()
}

impl<'a> Node<'a> {
    /// The shape of a node; `programs` contains its program, by its name.
    #[must_use]
    pub fn new(settled: &'a Settled, node: &'a settled::Node, programs: &'a [Program]) -> Self {
        let publishes = settled.publishes.iter().filter(|p| p.node == node.name);
        Self {
            schema_version: Version,
            name: &node.name,
            namespace: &node.netns,
            joined: node.joined.as_ref().map(|joined| &joined.reference),
            interfaces: node.interfaces.iter().map(Interface::new).collect(),
            published: publishes.map(Published::new).collect(),
            command: node.service.as_ref().map(|s| s.command.as_slice()),
            program: programs.iter().find(|p| p.node == node.name.as_ref()),
            sidecars: sidecar::of(node, programs),
        }
    }
}

impl<'a> NodeDetails<'a> {
    /// A node in full; `inode` is its namespace's.
    #[must_use]
    pub fn new(
        settled: &'a Settled,
        node: &'a settled::Node,
        programs: &'a [Program],
        inode: Option<u64>,
    ) -> Self {
        let routes = node.routes.iter().map(|route| Route {
            to: route.to,
            via: route.via,
            interface: node
                .interfaces
                .get(route.interface)
                .map(|i| i.name.as_str()),
        });
        Self {
            node: Node::new(settled, node, programs),
            kind: "node",
            inode,
            routes: routes.collect(),
            environment: &node.environment,
            project: &settled.project,
        }
    }
}

impl<'a> Network<'a> {
    /// The shape of a network.
    #[must_use]
    pub fn new(settled: &'a Settled, network: &'a settled::Network) -> Self {
        let members = settled.nodes.iter().flat_map(|node| {
            let own = node.memberships().filter(|(_, of)| **of == network.name);
            own.map(|(interface, _)| Member {
                node: &node.name,
                interface: &interface.name,
                addresses: &interface.addresses,
            })
        });
        Self {
            schema_version: Version,
            name: &network.name,
            bridge: network
                .bridge
                .as_deref()
                .filter(|_| network.parent().is_none()),
            parent: network.parent(),
            vlan: network.vlan.as_ref().map(|v| v.id),
            routers: &network.routers,
            mac: mac(&network.mac),
            subnets: network.subnets.iter().map(SubnetShape::from).collect(),
            internal: network.internal,
            outside: network.outside,
            external: network.external && network.parent().is_none(),
            nat: network.nat,
            mode: network.mode,
            mtu: network.mtu,
            members: members.collect(),
        }
    }
}

impl<'a> NetworkDetails<'a> {
    /// A network in full.
    #[must_use]
    pub fn new(settled: &'a Settled, network: &'a settled::Network) -> Self {
        Self {
            network: Network::new(settled, network),
            kind: "network",
            project: &settled.project,
        }
    }
}

impl<'a> Policy<'a> {
    /// The shape of a policy line.
    #[must_use]
    pub fn new(policy: &'a settled::Policy) -> Self {
        Self {
            schema_version: Version,
            number: policy.number(),
            action: policy.action,
            words: &policy.words,
            line: policy.place.is_in_file().then_some(policy.place.line),
            added_by: policy.added_by(),
        }
    }
}
