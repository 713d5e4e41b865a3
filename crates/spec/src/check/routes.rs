//! Static routes, and what routers do.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::problem::{HopRole, NodeProblem};
use crate::{IpVersion, Name, Node, Problem, StaticRoute, Topology};

/// Every next hop is another address on one of the node's own prefixes, no destination is one of these,
/// and no two routes of a node have one destination.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    for node in topology.nodes.iter().filter(|n| !n.routes.is_empty()) {
        let prefixes = prefixes(topology, node);
        // What the node is on could not be read: that is reported.
        let follows = !problems.is_empty() && !is_complete(topology, node, &prefixes);
        for (position, route) in node.routes.iter().enumerate() {
            let before = node.routes.iter().take(position);
            let first = before.rev().find(|r| r.to == route.to);
            let kind = match first {
                Some(first) => Some(NodeProblem::RouteTwice {
                    node: node.name.clone(),
                    to: route.to,
                    first: first.place.clone(),
                }),
                None if follows => None,
                None => one(topology, node, route, &prefixes),
            };
            problems.extend(kind.map(|kind| Problem::new(&route.place, kind)));
        }
    }
}

/// Whether there is everything that a node is on.
fn is_complete(topology: &Topology, node: &Node, prefixes: &[IpNet]) -> bool {
    let mut networks = node.attachments.iter().map(|a| &a.network);
    !prefixes.is_empty() && networks.all(|name| topology.networks.iter().any(|n| n.name == *name))
}

/// Why a route cannot work.
fn one(
    topology: &Topology,
    node: &Node,
    route: &StaticRoute,
    prefixes: &[IpNet],
) -> Option<NodeProblem> {
    let (name, to, via) = (node.name.clone(), route.to, route.via);
    let mixed = IpVersion::of_net(&to) != IpVersion::of(via);
    let on = prefixes.iter().find(|p| p.contains(&via));
    let Some(on) = on.filter(|_| !mixed) else {
        let prefixes = prefixes.to_vec();
        return Some(NodeProblem::NextHop {
            node: name,
            via,
            to,
            prefixes,
            open: open(topology, node, via),
        });
    };
    if prefixes.contains(&to) {
        return Some(NodeProblem::RouteToOwn { node: name, to });
    }
    // Prefixes of two addresses have neither.
    let ends = via.is_ipv4() && on.prefix_len() < 31;
    let role = if addresses(topology, node).any(|a| a == via) {
        HopRole::Own
    } else if ends && via == on.broadcast() {
        HopRole::Broadcast(*on)
    } else if ends && via == on.network() {
        HopRole::Network(*on)
    } else {
        return None;
    };
    Some(NodeProblem::NextHopRole {
        node: name,
        via,
        to,
        role,
    })
}

/// The addresses that the file gives to a node.
/// The networks of a node that get a prefix of that IP version when they are built.
fn open(topology: &Topology, node: &Node, via: IpAddr) -> Vec<Name> {
    let networks = node.attachments.iter().filter_map(|a| {
        let mut all = topology.networks.iter();
        all.find(|n| n.name == a.network)
    });
    let open = networks.filter(|n| n.subnets.is_empty() && n.external.is_none() && via.is_ipv4());
    open.map(|n| n.name.clone()).collect()
}

fn addresses<'t>(topology: &'t Topology, node: &'t Node) -> impl Iterator<Item = IpAddr> + 't {
    let attached = node.attachments.iter().flat_map(|a| &a.addresses).copied();
    let ends = topology.links.iter().flat_map(|l| &l.ends);
    let ends = ends.filter(|e| e.node == node.name);
    attached.chain(ends.flat_map(|e| e.addresses.iter().map(IpNet::addr)))
}

/// Only a node that forwards has something to masquerade, and hallway puts no rules into namespaces of
/// others.
pub(super) fn masquerade(topology: &Topology, problems: &mut Vec<Problem>) {
    let without = |n: &&Node| !n.forwarding || n.namespace.is_some();
    for node in topology.nodes.iter().filter(without) {
        let attached = node.attachments.iter().filter(|a| a.masquerade);
        let ends = topology.links.iter().flat_map(|l| &l.ends);
        let ends = ends.filter(|e| e.node == node.name && e.masquerade);
        for place in attached.map(|a| &a.place).chain(ends.map(|e| &e.place)) {
            let name = node.name.clone();
            let kind = match node.namespace {
                None => NodeProblem::MasqueradeWithoutForwarding(name),
                Some(_) => NodeProblem::MasqueradeInJoined(name),
            };
            problems.push(Problem::new(place, kind));
        }
    }
}

/// The prefixes of a node's interfaces.
fn prefixes(topology: &Topology, node: &Node) -> Vec<IpNet> {
    let attached = (node.attachments.iter()).flat_map(|a| {
        let mut networks = topology.networks.iter();
        let network = networks.find(|n| n.name == a.network);
        network.map(|n| n.prefixes_of(a)).unwrap_or_default()
    });
    let linked = (topology.links.iter())
        .flat_map(|l| &l.ends)
        .filter(|e| e.node == node.name)
        .flat_map(|e| e.addresses.iter().map(IpNet::trunc));
    attached.chain(linked).collect()
}
