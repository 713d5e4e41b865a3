//! Policies with names resolved to addresses, and which networks need their own members'
//! frames filtered.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Action, Endpoint, Mode, Name, Topology};
use ipnet::IpNet;

use crate::settled::{Node, Policy, PolicySide, Settled};

/// The file's policies in terms of prefixes.
pub(super) fn policies(topology: &Topology, settled: &Settled) -> Vec<Policy> {
    topology
        .policies
        .iter()
        .map(|policy| Policy {
            index: policy.index,
            action: policy.action,
            pairs: grouped(&policy.pairs, settled),
            services: policy.services.clone(),
            words: policy.to_string(),
            place: policy.place.clone(),
        })
        .collect()
}

/// Pairs of lists instead of a list of pairs: entries with the same first side are one pair, and of
/// these, those with the same second side.
fn grouped(pairs: &[(Endpoint, Endpoint)], settled: &Settled) -> Vec<(PolicySide, PolicySide)> {
    let ends = pairs.iter().flat_map(|(from, to)| [from, to]);
    let sides: BTreeMap<&Endpoint, PolicySide> = ends
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(|end| (end, side(end, settled)))
        .collect();
    let mut order: Vec<&Endpoint> = Vec::new();
    let mut targets: BTreeMap<&Endpoint, Vec<&Endpoint>> = BTreeMap::new();
    for (from, to) in pairs {
        let all = targets.entry(from).or_default();
        if all.is_empty() {
            order.push(from);
        }
        all.push(to);
    }
    let mut out: Vec<(Vec<&Endpoint>, Vec<&Endpoint>)> = Vec::new();
    let mut known: BTreeMap<Vec<&Endpoint>, usize> = BTreeMap::new();
    for from in order {
        let to = targets.remove(from).unwrap_or_default();
        let position = *known.entry(to.clone()).or_insert(out.len());
        match out.get_mut(position) {
            Some((sources, _)) => sources.push(from),
            None => out.push((vec![from], to)),
        }
    }
    let joined = |ends: &[&Endpoint]| -> Vec<PolicySide> {
        let mut prefixes = Vec::new();
        let mut others = Vec::new();
        for side in ends.iter().filter_map(|end| sides.get(end)) {
            match side {
                PolicySide::Prefixes(nets) => prefixes.extend(nets.iter().copied()),
                other => others.push(other.clone()),
            }
        }
        let listed = ends
            .iter()
            .any(|end| matches!(sides.get(end), Some(PolicySide::Prefixes(_))));
        others.extend(listed.then_some(PolicySide::Prefixes(prefixes)));
        others
    };
    out.iter()
        .flat_map(|(from, to)| {
            let to = joined(to);
            (joined(from).into_iter())
                .flat_map(move |f| to.clone().into_iter().map(move |t| (f.clone(), t)))
        })
        .collect()
}

fn side(endpoint: &Endpoint, settled: &Settled) -> PolicySide {
    match endpoint {
        Endpoint::Host => PolicySide::Host,
        Endpoint::Outside => PolicySide::Outside,
        Endpoint::Any => PolicySide::Any,
        Endpoint::Cidr(net) => PolicySide::Prefixes(vec![*net]),
        Endpoint::Network(name) => PolicySide::Prefixes(
            settled
                .network(name)
                .map(|n| n.subnets.iter().map(|s| s.net).collect())
                .unwrap_or_default(),
        ),
        Endpoint::Node(name) => PolicySide::Prefixes(
            settled
                .node(name)
                .map(|n| prefixes(n, settled))
                .unwrap_or_default(),
        ),
    }
}

/// A node's addresses, and those that it may use besides. Any address (`sources: any`) cannot be
/// distinguished from those of others.
fn prefixes(node: &Node, settled: &Settled) -> Vec<IpNet> {
    let own = settled.filtered_addresses(node).map(IpNet::from);
    let lan = |name: &Name| settled.network(name).is_some_and(|n| n.mode == Mode::Lan);
    let ports = node.ports().filter(|(_, network, _)| !lan(network));
    let further = ports.flat_map(|(interface, ..)| &interface.sources);
    own.chain(further.copied().filter(|net| net.prefix_len() > 0))
        .collect()
}

/// Bridged networks on which some policy may deny one member another: their frames must pass the
/// inet hooks. This takes time for each packet, so it is not done on other networks.
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
