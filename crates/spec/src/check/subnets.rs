//! Subnets that overlap, or that the two ends of a link do not share.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::problem::{NetworkProblem, WarningKind};
use crate::{Attachment, IpVersion, Mode, Name, Network, Place, Problem, Topology, Warning};

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// The subnets of two networks may not overlap, unless both are lans: these have nothing in common but
/// nodes, and none may be on both.
pub(super) fn networks(topology: &Topology, problems: &mut Vec<Problem>) {
    // Sorted by first address, an overlap is always with the longest interval that has not ended.
    let networks = topology.networks.iter();
    let mut all: Vec<Prefix<'_>> = networks
        .flat_map(|network| {
            let nets = network.subnets.iter().map(|subnet| subnet.net);
            nets.map(move |net| Prefix { net, network })
        })
        .collect();
    all.sort_by_key(|prefix| (prefix.net.network(), prefix.net.prefix_len()));
    let [mut of_host, mut of_lans] = [None::<Prefix<'_>>; 2];
    for prefix in all {
        let lan = prefix.network.mode == Mode::Lan;
        let covers = |open: &Prefix<'_>| overlap(&open.net, &prefix.net);
        let beside = of_lans.filter(|open| !lan && covers(open));
        if let Some(open) = of_host.filter(covers).or(beside) {
            problems.push(overlapping(open, prefix));
        }
        let own = if lan { &mut of_lans } else { &mut of_host };
        *own = own.filter(covers).or(Some(prefix));
    }
    together(topology, problems);
}

/// One subnet of a network.
#[derive(Clone, Copy)]
struct Prefix<'a> {
    net: IpNet,
    network: &'a Network,
}

fn overlapping(wide: Prefix<'_>, inner: Prefix<'_>) -> Problem {
    let (late, early) = match wide.network.place.offset < inner.network.place.offset {
        true => (inner, wide),
        false => (wide, inner),
    };
    let kind = NetworkProblem::SubnetOverlap {
        net: late.net,
        network: late.network.name.clone(),
        other_net: early.net,
        other: early.network.name.clone(),
        other_place: early.network.place.clone(),
    };
    Problem::new(&late.network.place, kind)
}

/// A node on two lans with one subnet could not choose between them.
fn together(topology: &Topology, problems: &mut Vec<Problem>) {
    let lans = topology.networks.iter().filter(|n| n.mode == Mode::Lan);
    let lans: BTreeMap<&Name, &Network> = lans.map(|n| (&n.name, n)).collect();
    for node in &topology.nodes {
        let mut before: Vec<(IpNet, &Attachment)> = Vec::new();
        for attachment in &node.attachments {
            let network = lans.get(&attachment.network);
            for net in network.iter().flat_map(|n| n.prefixes_of(attachment)) {
                let same = |(other, on): &&(IpNet, &Attachment)| {
                    on.network != attachment.network && overlap(other, &net)
                };
                if let Some((other_net, other)) = before.iter().find(same) {
                    let kind = NetworkProblem::LinkOverlap {
                        net,
                        on: format!("lan {}", attachment.network),
                        other: *other_net,
                        before: format!(
                            "node {} is already connected to by lan {}",
                            node.name, other.network
                        ),
                        other_place: other.place.clone(),
                    };
                    problems.push(Problem::new(&attachment.place, kind));
                }
                before.push((net, attachment));
            }
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
                    on: "this link".to_owned(),
                    other: *other,
                    before: format!("node {} is already connected to", end.node),
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
