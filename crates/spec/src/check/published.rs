//! Published ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::problem::{NodeProblem, Unpublishable, WarningKind};
use crate::{
    IpVersion, LOCALHOST_PORTS_MAX, Mode, Name, Network, Node, Problem, Protocol, Publish,
    Topology, Warning,
};

/// Every published port can be reached, and no host port is published twice.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let networks: BTreeMap<&Name, &Network> =
        topology.networks.iter().map(|n| (&n.name, n)).collect();
    let mut all: Vec<(&Publish, &Name)> = Vec::new();
    for node in &topology.nodes {
        let on: Vec<&Network> = (node.attachments.iter())
            .filter_map(|a| networks.get(&a.network).copied())
            .collect();
        if let Some(first) = node.ports.first() {
            let kind = unreachable(node, &on);
            problems.extend(kind.map(|kind| Problem::new(&first.place, kind)));
        }
        for port in &node.ports {
            let kind = without_address(node, port, &on);
            let kind = kind.or_else(|| sctp_on_localhost(port));
            problems.extend(kind.map(|kind| Problem::new(&port.place, kind)));
            all.push((port, &node.name));
        }
    }
    twice(all, problems);
}

/// Why no port of a node can be reached.
fn unreachable(node: &Node, on: &[&Network]) -> Option<NodeProblem> {
    if node.attachments.is_empty() {
        return Some(NodeProblem::PublishWithoutNetwork(node.name.clone()));
    }
    if on.iter().any(|n| !n.internal && !n.outside) {
        return None;
    }
    let first = on.first()?;
    let reason = if on.iter().all(|n| n.outside) {
        Unpublishable::Outside
    } else if on.iter().all(|n| n.mode == Mode::Lan) {
        Unpublishable::Lan
    } else if on.iter().all(|n| n.mode == Mode::Macvlan) {
        Unpublishable::Macvlan
    } else {
        Unpublishable::Internal
    };
    Some(NodeProblem::PublishUnreachable {
        node: node.name.clone(),
        reason,
        network: first.name.clone(),
        network_place: first.place.clone(),
    })
}

/// A port on an address of the host needs a node address of the same IP version.
fn without_address(node: &Node, port: &Publish, on: &[&Network]) -> Option<NodeProblem> {
    let address = port.host_address?;
    let version = IpVersion::of(address);
    // The subnet chosen for a network without one is IPv4.
    let has = |n: &&&Network| match n.subnets.as_slice() {
        [] => version.is_v4(),
        subnets => subnets.iter().any(|s| s.version() == version),
    };
    let has = node.attachments.is_empty() || on.iter().find(has).is_some();
    (!has).then(|| NodeProblem::PublishWithoutAddress {
        node: node.name.clone(),
        address,
    })
}

/// Localhost is served by listeners, which exist for tcp and udp.
fn sctp_on_localhost(port: &Publish) -> Option<NodeProblem> {
    let address = port.host_address.filter(|a| a.is_loopback())?;
    (port.protocol == Protocol::Sctp).then_some(NodeProblem::SctpOnLocalhost(address))
}

/// Entries that are not served on localhost.
pub(super) fn not_on_localhost(topology: &Topology) -> Vec<Warning> {
    let published = topology.nodes.iter().flat_map(|n| &n.ports);
    published
        .filter(|p| p.includes_localhost())
        .filter(|p| p.protocol == Protocol::Sctp || p.host_ports.len() > LOCALHOST_PORTS_MAX)
        .map(|p| Warning {
            place: p.place.clone(),
            kind: WarningKind::NotOnLocalhost {
                ports: p.host_ports,
                protocol: p.protocol,
            },
        })
        .collect()
}

/// Entries on link-local addresses of the host.
pub(super) fn on_link_local(topology: &Topology) -> Vec<Warning> {
    let warning = |p: &Publish| match p.host_address? {
        IpAddr::V6(address) if address.is_unicast_link_local() => Some(Warning {
            place: p.place.clone(),
            kind: WarningKind::PublishedOnLinkLocal(address),
        }),
        _ => None,
    };
    let published = topology.nodes.iter().flat_map(|n| &n.ports);
    published.filter_map(warning).collect()
}

/// Host ports that two entries publish.
fn twice(mut all: Vec<(&Publish, &Name)>, problems: &mut Vec<Problem>) {
    // Sorted by first port, an entry can overlap a range only if it begins before the range ends.
    all.sort_by_key(|(p, _)| (p.protocol, p.host_ports.first(), p.place.offset));
    for (position, one) in all.iter().enumerate() {
        let rest = all.get(position + 1..).unwrap_or_default();
        let near = rest.iter().take_while(|(other, _)| {
            other.protocol == one.0.protocol && other.host_ports.overlaps(one.0.host_ports)
        });
        for other in near.filter(|(other, _)| same_address(other, one.0)) {
            let (late, early) = if other.0.place.offset > one.0.place.offset {
                (other, one)
            } else {
                (one, other)
            };
            let kind = NodeProblem::PublishedTwice {
                ports: late.0.host_ports,
                protocol: late.0.protocol,
                node: late.1.clone(),
                owner: early.1.clone(),
                owner_ports: early.0.host_ports,
                first: early.0.place.clone(),
            };
            problems.push(Problem::new(&late.0.place, kind));
        }
    }
}

fn same_address(a: &Publish, b: &Publish) -> bool {
    match (a.host_address, b.host_address) {
        (Some(a), Some(b)) if !a.is_unspecified() && !b.is_unspecified() => a == b,
        (Some(a), Some(b)) => IpVersion::of(a) == IpVersion::of(b),
        _ => true,
    }
}
