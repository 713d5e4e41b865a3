//! Subnets that overlap, or that the two ends of a link do not share.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::problem::{NetworkProblem, WarningKind};
use crate::{IpVersion, Name, Network, Place, Problem, Topology, Warning};

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// The subnets of two networks may not overlap.
pub(super) fn networks(topology: &Topology, problems: &mut Vec<Problem>) {
    // Sorted by first address, an overlap is always with the longest interval that has not ended.
    let mut all: Vec<(IpNet, &Network)> = topology
        .networks
        .iter()
        .flat_map(|n| n.subnets.iter().map(move |s| (s.net, n)))
        .collect();
    all.sort_by_key(|(net, _)| (net.network(), net.prefix_len()));
    let mut open: Option<(IpNet, &Network)> = None;
    for (net, network) in all {
        match open {
            Some((wide, holder)) if overlap(&wide, &net) => {
                let (late, early) = if holder.place.offset < network.place.offset {
                    (network, holder)
                } else {
                    (holder, network)
                };
                let (late_net, early_net) = if late.name == network.name {
                    (net, wide)
                } else {
                    (wide, net)
                };
                let kind = NetworkProblem::SubnetOverlap {
                    net: late_net,
                    network: late.name.clone(),
                    other_net: early_net,
                    other: early.name.clone(),
                    other_place: early.place.clone(),
                };
                problems.push(Problem::new(&late.place, kind));
            }
            _ => open = Some((net, network)),
        }
    }
}

/// The subnet of a link may not overlap with another prefix that its node is on.
pub(super) fn links(topology: &Topology, problems: &mut Vec<Problem>) {
    let mut of_node = prefixes_of_attachments(topology);
    for end in topology.links.iter().flat_map(|l| &l.ends) {
        let prefixes = of_node.entry(&end.node).or_default();
        for net in end.addresses.iter().map(IpNet::trunc) {
            if let Some((other, place)) = prefixes.iter().find(|(other, _)| overlap(other, &net)) {
                let kind = NetworkProblem::LinkOverlap {
                    net,
                    other: *other,
                    node: end.node.clone(),
                    other_place: (*place).clone(),
                };
                problems.push(Problem::new(&end.place, kind));
            }
        }
        prefixes.extend(end.addresses.iter().map(|n| (n.trunc(), &end.place)));
    }
}

/// The subnets of the networks that each node is on.
fn prefixes_of_attachments(topology: &Topology) -> BTreeMap<&Name, Vec<(IpNet, &Place)>> {
    let networks: BTreeMap<&Name, &Network> =
        topology.networks.iter().map(|n| (&n.name, n)).collect();
    let mut out: BTreeMap<&Name, Vec<(IpNet, &Place)>> = BTreeMap::new();
    for node in &topology.nodes {
        for attachment in &node.attachments {
            let network = networks.get(&attachment.network);
            let subnets = network.iter().flat_map(|n| &n.subnets);
            let prefixes = out.entry(&node.name).or_default();
            prefixes.extend(subnets.map(|s| (s.net, &attachment.place)));
        }
    }
    out
}

/// Links whose ends have addresses of one IP version, but neither is in the other's subnet.
pub(super) fn of_link_ends(topology: &Topology) -> Vec<Warning> {
    let mut out = Vec::new();
    for link in &topology.links {
        let [a, b] = &link.ends;
        let pairs = a
            .addresses
            .iter()
            .flat_map(|a| b.addresses.iter().map(move |b| (a, b)));
        let apart = pairs.filter(|(a, b)| {
            let single =
                a.prefix_len() == a.max_prefix_len() || b.prefix_len() == b.max_prefix_len();
            IpVersion::of_net(a) == IpVersion::of_net(b)
                && !single
                && !(a.contains(&b.addr()) && b.contains(&a.addr()))
        });
        out.extend(apart.map(|(a, b)| Warning {
            place: link.place.clone(),
            kind: WarningKind::LinkSubnets { a: *a, b: *b },
        }));
    }
    out
}
