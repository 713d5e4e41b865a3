//! Problems of nodes: interfaces, published ports, dependencies and routes.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::unpublishable::Unpublishable;
use super::{Code, Details, chosen_subnet, list, of_nodes};
use crate::{IpVersion, Label, Name, Place, PortRange, Protocol};

/// Problems of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeProblem {
    /// Two interfaces with one name.
    #[error("node {node} has two interfaces named {interface}")]
    InterfaceInUse {
        /// The node.
        node: Name,
        /// The interface's name.
        interface: String,
        /// Where it is used first.
        first: Place,
    },
    /// A published port of a node that is on no network.
    #[error("node {0} publishes a port but is on no network")]
    PublishWithoutNetwork(Name),
    /// A published port of a node that the outside cannot reach.
    #[error("node {node} publishes a port, but all its networks are {reason}")]
    PublishUnreachable {
        /// The node.
        node: Name,
        /// Why it cannot.
        reason: Unpublishable,
        /// Its first network.
        network: Name,
        /// That network's place.
        network_place: Place,
    },
    /// A published port on an address of the host, and no address of that IP version in the node.
    #[error("node {node} has no IPv{} address for a port on {address}", IpVersion::of(*.address))]
    PublishWithoutAddress {
        /// The node.
        node: Name,
        /// The host's address.
        address: IpAddr,
    },
    /// SCTP on localhost.
    #[error("sctp cannot be published on {0}: the proxy on localhost supports TCP and UDP only")]
    SctpOnLocalhost(IpAddr),
    /// A link-local address of the host.
    #[error(
        "a port cannot be published on the link-local address {0}: packets to such an address are never forwarded"
    )]
    PublishOnLinkLocal(Ipv6Addr),
    /// A host port that is published twice or more often.
    #[error("host port {ports}/{protocol} of {} is already published by node {owner}", of_nodes(.nodes))]
    PublishedTwice {
        /// The host ports of the later entry.
        ports: PortRange,
        /// Their protocol.
        protocol: Protocol,
        /// The later nodes.
        nodes: Vec<Name>,
        /// The earlier node.
        owner: Name,
        /// The host ports of the earlier entry.
        owner_ports: PortRange,
        /// The earlier entry.
        first: Place,
    },
    /// `ready` without `command`.
    #[error("node {0} has ready but no command: nothing would listen")]
    ReadyWithoutCommand(Name),
    /// A dependency on a node without `command`.
    #[error("node {node} depends on {dependency}, which runs no command")]
    DependencyWithoutCommand {
        /// The node.
        node: Name,
        /// The node it depends on.
        dependency: Name,
        /// That node's place.
        dependency_place: Place,
    },
    /// A key that concerns the network, in a program that shares a namespace.
    #[error("`{key}` is not possible for {node}, which shares the namespace of {owner}")]
    KeyOfOwner {
        /// The program.
        node: Name,
        /// The node whose namespace it is.
        owner: Name,
        /// The key.
        key: &'static str,
    },
    /// A program that shares the namespace of a program without its own.
    #[error("{node} shares the namespace of {owner}, which has none of its own")]
    NamespaceOfSidecar {
        /// The program.
        node: Name,
        /// The other program.
        owner: Name,
    },
    /// Nodes of which each shares the namespace of the next.
    #[error("namespaces are shared in a cycle: {}", cycle(.0))]
    NamespaceCycle(Vec<Name>),
    /// `healthcheck` without `command`.
    #[error("node {0} has a healthcheck but no command: nothing would be checked")]
    HealthcheckWithoutCommand(Name),
    /// A dependency on the health of a node without a health check.
    #[error("node {node} waits until {dependency} is healthy, but {dependency} has no healthcheck")]
    DependencyWithoutHealth {
        /// The node.
        node: Name,
        /// The node it depends on.
        dependency: Name,
        /// That node's place.
        dependency_place: Place,
    },
    /// A dependency on the end of a program that is always started again.
    #[error(
        "node {node} waits until {dependency} has ended, but {dependency} is always started again"
    )]
    DependencyNeverEnds {
        /// The node.
        node: Name,
        /// The node it depends on.
        dependency: Name,
        /// That node's place.
        dependency_place: Place,
    },
    /// Nodes that depend on one another.
    #[error("dependencies form a cycle: {}", cycle(.0))]
    DependencyCycle(Vec<Name>),
    /// Masquerade on an interface of a node that forwards nothing.
    #[error("node {0} masquerades what it forwards, but it forwards nothing")]
    MasqueradeWithoutForwarding(Name),
    /// Masquerade on an interface of a node in a namespace of other programs.
    #[error(
        "node {0} cannot masquerade: it is in a namespace of other programs, and hallway puts no rules there"
    )]
    MasqueradeInJoined(Name),
    /// A route whose next hop is in no prefix of the node.
    #[error("node {node} cannot reach the next hop {via} of the route to {to}")]
    NextHop {
        /// The node.
        node: Name,
        /// The next hop.
        via: IpAddr,
        /// The destination.
        to: IpNet,
        /// The prefixes that the node is on.
        prefixes: Vec<IpNet>,
        /// Those of its networks whose prefix is not in the file.
        open: Vec<Name>,
    },
    /// A route whose next hop is an address that nothing else can have.
    #[error("node {node}: {via} cannot be the next hop of the route to {to}: it is {role}")]
    NextHopRole {
        /// The node.
        node: Name,
        /// The next hop.
        via: IpAddr,
        /// The destination.
        to: IpNet,
        /// What it is.
        role: HopRole,
    },
    /// A route to a prefix that the node is on.
    #[error("node {node} is on {to} itself: it is directly connected")]
    RouteToOwn {
        /// The node.
        node: Name,
        /// The destination.
        to: IpNet,
    },
    /// The ends of a cable are on one subnet, with different prefix lengths.
    #[error("the ends of the link have different prefix lengths: {a} and {b}")]
    CableLengths {
        /// The first end's address.
        a: IpNet,
        /// The other one's.
        b: IpNet,
        /// The first end.
        first: Place,
    },
    /// The address of one end of a cable, where the other end takes it for that of the whole subnet.
    #[error("{address} is {role}, the prefix of the other end of the link")]
    CableRole {
        /// The address.
        address: IpAddr,
        /// What it is at the other end.
        role: HopRole,
        /// The other end.
        other: Place,
    },
    /// Two routes of a node with one destination.
    #[error("node {node} has two routes to {to}")]
    RouteTwice {
        /// The node.
        node: Name,
        /// The destination.
        to: IpNet,
        /// The first one.
        first: Place,
    },
}

/// An address that cannot be a next hop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HopRole {
    /// One of the node.
    #[error("an address of the node itself")]
    Own,
    /// The broadcast address of this prefix.
    #[error("the broadcast address of {0}")]
    Broadcast(IpNet),
    /// The first address of this prefix.
    #[error("the network address of {0}")]
    Network(IpNet),
}

fn cycle(names: &[Name]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    names.join(" → ")
}

impl Details for NodeProblem {
    fn code(&self) -> Code {
        match self {
            Self::InterfaceInUse { .. } => Code::InterfaceInUse,
            Self::KeyOfOwner { .. } | Self::NamespaceOfSidecar { .. } | Self::NamespaceCycle(_) => {
                Code::SharedNamespace
            }
            Self::PublishWithoutNetwork(_)
            | Self::PublishUnreachable { .. }
            | Self::SctpOnLocalhost(_)
            | Self::PublishOnLinkLocal(_)
            | Self::PublishWithoutAddress { .. } => Code::PublishNoEffect,
            Self::PublishedTwice { .. } => Code::PortPublishedTwice,
            Self::ReadyWithoutCommand(_)
            | Self::HealthcheckWithoutCommand(_)
            | Self::DependencyWithoutHealth { .. }
            | Self::DependencyNeverEnds { .. }
            | Self::DependencyWithoutCommand { .. }
            | Self::DependencyCycle(_) => Code::BadDependency,
            Self::MasqueradeWithoutForwarding(_) | Self::MasqueradeInJoined(_) => {
                Code::MasqueradeNoEffect
            }
            Self::NextHop { .. } | Self::NextHopRole { .. } | Self::RouteToOwn { .. } => {
                Code::RouteUnreachable
            }
            Self::RouteTwice { .. } => Code::RouteTwice,
            Self::CableLengths { .. } => Code::BadSubnet,
            Self::CableRole { .. } => Code::AddressReserved,
        }
    }

    fn label(&self) -> String {
        match self {
            Self::PublishedTwice { .. } => "published twice".into(),
            _ => "here".into(),
        }
    }

    fn others(&self) -> Vec<Label> {
        vec![match self {
            Self::InterfaceInUse { first, .. } | Self::RouteTwice { first, .. } => {
                Label::new(first, "first here")
            }
            Self::CableLengths { first: other, .. } | Self::CableRole { other, .. } => {
                Label::new(other, "the other end")
            }
            Self::PublishUnreachable {
                reason,
                network,
                network_place,
                ..
            } => Label::new(
                network_place,
                format!("network {network} {}", reason.of_one()),
            ),
            Self::PublishedTwice {
                owner,
                owner_ports,
                first,
                ..
            } => Label::new(first, format!("node {owner} publishes {owner_ports}")),
            Self::DependencyWithoutCommand {
                dependency_place, ..
            } => Label::new(dependency_place, "has no command"),
            Self::DependencyWithoutHealth {
                dependency_place, ..
            } => Label::new(dependency_place, "has no healthcheck"),
            Self::DependencyNeverEnds {
                dependency_place, ..
            } => Label::new(dependency_place, "restart: is always or unless-stopped"),
            _ => return Vec::new(),
        }]
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::InterfaceInUse { .. } => "give them different names with interface:".into(),
            Self::PublishWithoutNetwork(_) => {
                "put it on a network: the host reaches nodes through networks, not through links"
                    .into()
            }
            Self::PublishUnreachable { reason, .. } => reason.where_else().into(),
            Self::PublishWithoutAddress { address, .. } => format!(
                "give one of its networks an IPv{} subnet too",
                IpVersion::of(*address)
            ),
            Self::SctpOnLocalhost(_) => {
                "publish it without an address: all other addresses of the host serve it".into()
            }
            Self::PublishOnLinkLocal(_) => {
                "use another address of the host, or none: then all of its addresses but the link-local ones serve it".into()
            }
            Self::PublishedTwice { .. } => {
                "publish it on another port of the host, or each on one address of the host".into()
            }
            Self::ReadyWithoutCommand(_) => "give it a command, or remove ready".into(),
            Self::KeyOfOwner { owner, key, .. } => {
                format!("write {key} for {owner}")
            }
            Self::NamespaceOfSidecar { .. } | Self::NamespaceCycle(_) => {
                "name the node whose namespace both are to share".into()
            }
            Self::HealthcheckWithoutCommand(_) => {
                "give it a command, or remove the healthcheck".into()
            }
            Self::DependencyWithoutHealth { .. } => {
                "give that node a healthcheck or ready:, or write condition: service_started".into()
            }
            Self::DependencyNeverEnds { .. } => {
                "give that node restart: no or on-failure, or write condition: service_started".into()
            }
            Self::DependencyWithoutCommand { .. } => {
                "give that node a command, or remove the dependency".into()
            }
            Self::DependencyCycle(_) => "remove one of these depends_on".into(),
            Self::MasqueradeInJoined(_) => {
                "remove masquerade, or have the owner of the namespace translate addresses there".into()
            }
            Self::MasqueradeWithoutForwarding(node) => {
                format!("write forwarding: true for {node}, or remove masquerade")
            }
            Self::NextHop { open, via, .. } if !open.is_empty() => chosen_subnet(open, *via),
            Self::NextHop { prefixes, .. } if prefixes.is_empty() => {
                "put the node on a network or a link: a next hop is an address on one of its prefixes"
                    .into()
            }
            Self::NextHop { prefixes, .. } => format!(
                "a next hop is an address on one of the node's own prefixes: {}",
                list(prefixes)
            ),
            Self::NextHopRole { .. } => "write the address of a router on that prefix".into(),
            Self::RouteToOwn { .. } => {
                "remove it: addresses of that prefix are reached without a next hop".into()
            }
            Self::CableLengths { .. } => "give both ends one prefix length".into(),
            Self::CableRole { .. } => "give this end another address".into(),
            Self::RouteTwice { .. } => "remove one of the two".into(),
        })
    }
}
