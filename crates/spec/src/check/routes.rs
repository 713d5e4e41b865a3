//! Static routes, and what routers do.

use ipnet::IpNet;

use crate::problem::NodeProblem;
use crate::{IpVersion, Node, Problem, Topology};

/// Every next hop is on one of the node's own prefixes.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    for node in topology.nodes.iter().filter(|n| !n.routes.is_empty()) {
        let prefixes = prefixes(topology, node);
        for route in &node.routes {
            let mixed = IpVersion::of_net(&route.to) != IpVersion::of(route.via);
            if mixed || !prefixes.iter().any(|p| p.contains(&route.via)) {
                let kind = NodeProblem::NextHop {
                    node: node.name.clone(),
                    via: route.via,
                    to: route.to,
                    prefixes: prefixes.clone(),
                };
                problems.push(Problem::new(&route.place, kind));
            }
        }
    }
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
    let attached = (node.attachments.iter())
        .flat_map(|a| topology.networks.iter().filter(|n| n.name == a.network))
        .flat_map(|n| n.subnets.iter().map(|s| s.net));
    let linked = (topology.links.iter())
        .flat_map(|l| &l.ends)
        .filter(|e| e.node == node.name)
        .flat_map(|e| e.addresses.iter().map(IpNet::trunc));
    attached.chain(linked).collect()
}
