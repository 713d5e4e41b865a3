//! Subnets for networks without one in the file.

use std::net::Ipv4Addr;

use hallway_spec::{Network, Subnet, Topology};
use ipnet::{IpNet, Ipv4Net};

use super::conflict::{Conflict, ConflictCode};
use super::names::{Surroundings, built};
use crate::settled::Settled;

/// The pools, in this order: private addresses (RFC 1918) that few others use. Podman gives its networks
/// 10.88.0.0/16 and all above (containers.conf(5)), also where no container has made a route yet.
const POOLS: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 72, 0, 0), 13),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 24, 0, 0), 14),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
];
/// Routes with fewer bits than this count as default routes, like the two halves that VPNs use.
const WIDE: u8 = 8;
/// The usual prefix length; a network with more nodes has a shorter one.
const LENGTH: u8 = 24;

/// The topology with a subnet for every network but lans: that of the previous run, or the first that
/// overlaps nothing that is routed here and nothing of the file.
///
/// # Errors
/// When none is free.
pub fn complete(
    topology: &Topology,
    previous: Option<&Settled>,
    around: &Surroundings,
) -> Result<Topology, Conflict> {
    let mut out = topology.clone();
    let lacks = |n: &Network| n.subnets.is_empty() && n.mode.passes_host();
    if !topology.networks.iter().any(lacks) {
        return Ok(out);
    }
    let (in_file, here) = taken(topology, around);
    let mut taken = in_file.clone();
    let give = |network: &mut Network, net: IpNet, taken: &mut Vec<IpNet>| {
        taken.push(net);
        network.subnets.push(Subnet::with_first_address(net));
    };
    for network in out.networks.iter_mut().filter(|n| lacks(n)) {
        let length = length(topology, network);
        let before = previous.and_then(|p| p.network(&network.name));
        let mut nets = before.iter().flat_map(|n| &n.subnets).map(|s| s.net);
        // One that is built stays, like a subnet of the file, even if others have added routes since.
        let is_built = built(&network.name, previous, around).is_some();
        let is_free = |net: &IpNet| !overlaps(&taken, net) && (is_built || !overlaps(&here, net));
        let kept = nets.find(|net| net.prefix_len() <= length && is_free(net));
        if let Some(net) = kept {
            give(network, net, &mut taken);
        }
    }
    taken.extend(here);
    for network in out.networks.iter_mut().filter(|n| lacks(n)) {
        let Some(net) = free(&taken, length(topology, network)) else {
            return Err(Conflict {
                code: ConflictCode::SubnetInUse,
                message: format!(
                    "network {} has no subnet, and none of {} is free here",
                    network.name,
                    POOLS.map(|p| p.to_string()).join(", ")
                ),
                place: network.place.clone(),
                help: "give it a subnet".into(),
            });
        };
        give(network, net, &mut taken);
    }
    Ok(out)
}

/// What is in use: in the file, and here.
fn taken(topology: &Topology, around: &Surroundings) -> (Vec<IpNet>, Vec<IpNet>) {
    let mut here: Vec<IpNet> = around.prefixes.iter().map(|held| held.net).collect();
    let networks = topology.networks.iter().flat_map(|n| &n.subnets);
    let mut out: Vec<IpNet> = networks.map(|s| s.net).collect();
    let ends = topology.links.iter().flat_map(|l| &l.ends);
    out.extend(ends.flat_map(|e| e.addresses.iter().map(IpNet::trunc)));
    let routes = topology.nodes.iter().flat_map(|n| &n.routes);
    out.extend(routes.map(|r| r.to));
    for nets in [&mut out, &mut here] {
        nets.retain(|net| net.prefix_len() >= WIDE);
    }
    (out, here)
}

fn overlaps(taken: &[IpNet], net: &IpNet) -> bool {
    taken.iter().any(|t| t.contains(net) || net.contains(t))
}

/// Long enough for the network's members, the host, and the two addresses that no node can have.
fn length(topology: &Topology, network: &Network) -> u8 {
    let attachments = topology.nodes.iter().flat_map(|n| &n.attachments);
    let members = attachments.filter(|a| a.network == network.name).count();
    let needed = u32::try_from(members).unwrap_or(u32::MAX).saturating_add(3);
    let bits = u32::BITS - needed.leading_zeros();
    LENGTH.min(u8::try_from(32_u32.saturating_sub(bits)).unwrap_or(0))
}

fn free(taken: &[IpNet], length: u8) -> Option<IpNet> {
    let pools = POOLS.iter().filter_map(|pool| pool.subnets(length).ok());
    let mut all = pools.flatten().map(IpNet::V4);
    all.find(|net| !overlaps(taken, net))
}
