//! How many of everything a file may have.

use std::collections::BTreeMap;

use crate::problem::NetworkProblem;
use crate::{
    Attachment, LOCALHOST_PORTS_MAX, Mode, Name, Place, Problem, Publish, Subnet, Topology,
};

/// A bridge has at most 1,023 ports (BR_MAX_PORTS, net/bridge/br_private.h).
const BRIDGE_PORTS_MAX: usize = 1023;
const NODES_MAX: usize = 10_000;
const NETWORKS_MAX: usize = 4_000;
/// Every port needs a listener on localhost, up to a limit of the range's length, and an element if
/// the node's port is a different number.
const PORTS_MAX: usize = 65_536;
const POLICIES_MAX: usize = 10_000;

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
    all.into_iter()
        .filter(|(count, max, ..)| count > max)
        .filter_map(|(count, max, what, place)| {
            Some(Problem::new(
                place?,
                NetworkProblem::TooMany { count, what, max },
            ))
        })
        .collect()
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
        let several = network.mode == Mode::Lan && network.subnets.len() > 1;
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
