//! Policies with names resolved to addresses, and which networks need their own members'
//! frames filtered.

use std::collections::BTreeSet;

use hallway_spec::{Action, Endpoint, Mode, Name, Topology};
use ipnet::IpNet;

use crate::settled::{Node, Policy, Settled, Side};

/// The file's policies in terms of prefixes.
pub(super) fn policies(topology: &Topology, settled: &Settled) -> Vec<Policy> {
    topology
        .policies
        .iter()
        .map(|policy| Policy {
            index: policy.index,
            action: policy.action,
            pairs: policy
                .pairs
                .iter()
                .map(|(from, to)| (side(from, settled), side(to, settled)))
                .collect(),
            services: policy.services.clone(),
            words: policy.to_string(),
            place: policy.place.clone(),
        })
        .collect()
}

fn side(endpoint: &Endpoint, settled: &Settled) -> Side {
    match endpoint {
        Endpoint::Host => Side::Host,
        Endpoint::Outside => Side::Outside,
        Endpoint::Any => Side::Any,
        Endpoint::Cidr(net) => Side::Prefixes(vec![*net]),
        Endpoint::Network(name) => Side::Prefixes(
            settled
                .network(name)
                .map(|n| n.subnets.iter().map(|s| s.net).collect())
                .unwrap_or_default(),
        ),
        Endpoint::Node(name) => Side::Prefixes(
            settled
                .node(name)
                .map(|n| n.port_addresses().map(IpNet::from).collect())
                .unwrap_or_default(),
        ),
    }
}

/// Bridged networks on which some policy may deny one member another: their frames must pass
/// the inet hooks, which costs on the data path and is therefore not done elsewhere.
pub(super) fn filtered_networks(topology: &Topology, nodes: &[Node]) -> BTreeSet<Name> {
    let mut out = BTreeSet::new();
    for policy in topology
        .policies
        .iter()
        .filter(|p| p.action == Action::Deny)
    {
        for (from, to) in &policy.pairs {
            for network in topology
                .networks
                .iter()
                .filter(|n| n.mode == Mode::Bridge && !n.outside)
            {
                let touches = |endpoint: &Endpoint| match endpoint {
                    Endpoint::Any => true,
                    Endpoint::Host | Endpoint::Outside => false,
                    Endpoint::Network(name) => *name == network.name,
                    Endpoint::Node(name) => nodes.iter().any(|n| {
                        &n.name == name && n.ports().any(|(_, on, _)| on == &network.name)
                    }),
                    Endpoint::Cidr(net) => network
                        .subnets
                        .iter()
                        .any(|s| s.net.contains(net) || net.contains(&s.net)),
                };
                if touches(from) && touches(to) {
                    out.insert(network.name.clone());
                }
            }
        }
    }
    out
}
