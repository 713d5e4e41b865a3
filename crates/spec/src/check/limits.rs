//! How many of everything a file may have.

use std::collections::BTreeMap;

use crate::problem::NetworkProblem;
use crate::{
    Attachment, Endpoint, LOCALHOST_PORTS_MAX, Mode, Name, Node, Place, Problem, Publish, Subnet,
    Topology,
};

/// A bridge has at most 1,023 ports (BR_MAX_PORTS, net/bridge/br_private.h).
const BRIDGE_PORTS_MAX: usize = 1023;
const NODES_MAX: usize = 10_000;
const NETWORKS_MAX: usize = 4_000;
/// Every port needs a listener on localhost, up to a limit of the range's length, and an element if
/// the node's port is a different number.
const PORTS_MAX: usize = 65_536;
const POLICIES_MAX: usize = 10_000;
/// As many as the pairs of endpoints of a file: with `sources`, a pair has several elements.
const ELEMENTS_MAX: usize = 200_000;

/// What exceeds its limit.
pub(super) fn exceeded(topology: &Topology) -> Vec<Problem> {
    let published = || topology.nodes.iter().flat_map(|n| &n.ports);
    let all: [(usize, usize, &'static str, Option<&Place>); 5] = [
        (
            topology.programs().count(),
            NODES_MAX,
            "nodes",
            topology.nodes.get(NODES_MAX).map(|n| &n.place),
        ),
        (
            topology.networks.len(),
            NETWORKS_MAX,
            "networks",
            topology.networks.get(NETWORKS_MAX).map(|n| &n.place),
        ),
        (
            topology.links.len(),
            NODES_MAX,
            "links",
            topology.links.get(NODES_MAX).map(|l| &l.place),
        ),
        (
            published().map(single_ports).sum(),
            PORTS_MAX,
            "published ports that are built one by one",
            published().next().map(|p| &p.place),
        ),
        (
            topology.policies.len(),
            POLICIES_MAX,
            "policies",
            topology.policies.get(POLICIES_MAX).map(|p| &p.place),
        ),
    ];
    let all = all.into_iter().chain(elements(topology));
    all.filter(|(count, max, ..)| count > max)
        .filter_map(|(count, max, what, place)| {
            Some(Problem::new(
                place?,
                NetworkProblem::TooMany { count, what, max },
            ))
        })
        .collect()
}

/// The elements of the sets of policies, up to the first policy with too many. A pair of nodes with
/// prefixes besides their own addresses has an element for each prefix of both.
fn elements(topology: &Topology) -> Option<(usize, usize, &'static str, Option<&Place>)> {
    let of_node = |node: &Node| {
        let sources = node.attachments.iter().map(|a| a.sources.len());
        sources.sum::<usize>()
    };
    let all = topology.nodes.iter().map(|n| (&n.name, of_node(n)));
    let sources: BTreeMap<&Name, usize> = all.filter(|(_, count)| *count > 0).collect();
    let of_end = |end: &Endpoint| match end {
        Endpoint::Node(name) => sources.get(name).copied().unwrap_or(0),
        _ => 0,
    };
    let mut count = 0_usize;
    for policy in &topology.policies {
        let pairs = policy
            .pairs
            .iter()
            .map(|(from, to)| of_end(from) + of_end(to));
        count = count.saturating_add(pairs.sum::<usize>());
        if count > ELEMENTS_MAX {
            let what = "prefixes of sources in the pairs of policies";
            return Some((count, ELEMENTS_MAX, what, Some(&policy.place)));
        }
    }
    None
}

/// How many of its ports are built one by one; a long range with equal ports is one element.
fn single_ports(publish: &Publish) -> usize {
    let length = publish.host_ports.len();
    match publish.translates_ports() || length <= LOCALHOST_PORTS_MAX {
        true => length,
        false => 1,
    }
}

/// Every member needs an address, and a port of the network's bridge.
pub(super) fn members(topology: &Topology, problems: &mut Vec<Problem>) {
    let mut members: BTreeMap<&Name, Vec<&Attachment>> = BTreeMap::new();
    for attachment in topology.nodes.iter().flat_map(|n| &n.attachments) {
        let all = members.entry(&attachment.network).or_default();
        all.push(attachment);
    }
    for network in &topology.networks {
        let all = members.get(&network.name).map_or(&[][..], Vec::as_slice);
        let several = !network.assign || network.mode == Mode::Lan && network.subnets.len() > 1;
        for subnet in &network.subnets {
            let is_in = |a: &&&Attachment| !several || network.prefixes_of(a).contains(&subnet.net);
            let count = all.iter().filter(is_in).count();
            let room = room(subnet);
            if count > room {
                let kind = NetworkProblem::NetworkFull {
                    network: network.name.clone(),
                    count,
                    net: subnet.net,
                    room,
                };
                problems.push(Problem::new(&network.place, kind));
            }
        }
        let count = all.len();
        if network.mode != Mode::Routed && count > BRIDGE_PORTS_MAX {
            let kind = NetworkProblem::BridgeFull {
                network: network.name.clone(),
                count,
                max: BRIDGE_PORTS_MAX,
            };
            problems.push(Problem::new(&network.place, kind));
        }
    }
}

/// How many nodes a subnet has addresses for: all addresses but the network, broadcast and gateway
/// address, if it has those.
fn room(subnet: &Subnet) -> usize {
    let host_bits = u32::from(subnet.net.max_prefix_len() - subnet.net.prefix_len());
    let ends = if subnet.reserves_ends() { 2 } else { 0 };
    let reserved = ends + usize::from(subnet.gateway.is_some());
    1_usize
        .checked_shl(host_bits)
        .filter(|_| host_bits < 32)
        .map_or(usize::MAX, |n| n.saturating_sub(reserved))
}

#[cfg(test)]
mod tests {
    /// A deny between nodes with prefixes of their own: 2 x 100 prefixes for each of 90 x 90 pairs are too many.
    #[test]
    fn prefixes_of_sources_count_in_each_pair() {
        let file = |nodes: u32, sources: u32| {
            let list = |to: u32, text: &dyn Fn(u32) -> String| {
                (0..to).map(text).collect::<Vec<_>>().join(", ")
            };
            let sources = list(sources, &|i| format!("172.16.{i}.0/24"));
            let node = |i| format!("n{i}: {{ networks: {{ n: {{ sources: [{sources}] }} }} }}");
            let names = list(nodes, &|i| format!("n{i}"));
            format!(
                "networks: {{ n: {{ subnet: 10.0.0.0/16 }} }}\nnodes: {{ {} }}\npolicies: [ {{ action: deny, from: [{names}], to: [{names}] }} ]",
                list(nodes, &node)
            )
        };
        assert!(crate::parse("few.yaml", &file(20, 40)).is_ok());
        let refused = crate::parse("many.yaml", &file(90, 100)).unwrap_err();
        let said = refused.problems[0].kind.to_string();
        assert!(said.contains("prefixes of sources"), "{said}");
        assert_eq!(refused.problems.len(), 1);
    }
}
