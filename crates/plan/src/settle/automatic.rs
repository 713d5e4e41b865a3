//! Subnets for networks without one in the file.

use hallway_spec::{Network, SUBNET_LENGTH, Subnet, Topology, first_free, is_taken, pools};
use ipnet::IpNet;

use super::conflict::{Conflict, ConflictCode};
use super::names::{Surroundings, built};
use crate::settled::Settled;

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
    let (mut taken, here) = taken(topology, around);
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
        let is_free = |net: &IpNet| !is_taken(&taken, net) && (is_built || !is_taken(&here, net));
        let kept = nets.find(|net| net.prefix_len() <= length && is_free(net));
        if let Some(net) = kept {
            give(network, net, &mut taken);
        }
    }
    taken.extend(here);
    for network in out.networks.iter_mut().filter(|n| lacks(n)) {
        let Some(net) = first_free(&taken, length(topology, network)) else {
            return Err(Conflict {
                code: ConflictCode::SubnetInUse,
                message: format!(
                    "network {} has no subnet, and none of {} is free here",
                    network.name,
                    pools()
                ),
                place: network.place.clone(),
                help: "give it a subnet".into(),
                other: None,
            });
        };
        give(network, net, &mut taken);
    }
    Ok(out)
}

/// What is in use: in the file, and here.
fn taken(topology: &Topology, around: &Surroundings) -> (Vec<IpNet>, Vec<IpNet>) {
    let here: Vec<IpNet> = around.prefixes.iter().map(|held| held.net).collect();
    let networks = topology.networks.iter().flat_map(|n| &n.subnets);
    let mut out: Vec<IpNet> = networks.map(|s| s.net).collect();
    let ends = topology.links.iter().flat_map(|l| &l.ends);
    out.extend(ends.flat_map(|e| e.addresses.iter().map(IpNet::trunc)));
    let routes = topology.nodes.iter().flat_map(|n| &n.routes);
    out.extend(routes.map(|r| r.to));
    (out, here)
}

/// Long enough for the network's members, the host, and the two addresses that no node can have.
fn length(topology: &Topology, network: &Network) -> u8 {
    let attachments = topology.nodes.iter().flat_map(|n| &n.attachments);
    let members = attachments.filter(|a| a.network == network.name).count();
    let needed = u32::try_from(members).unwrap_or(u32::MAX).saturating_add(3);
    let bits = u32::BITS - needed.leading_zeros();
    SUBNET_LENGTH.min(u8::try_from(32_u32.saturating_sub(bits)).unwrap_or(0))
}
