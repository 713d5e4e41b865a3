//! External networks: bridges of the host that are there already.

use std::net::IpAddr;

use hallway_spec::{IpVersion, Network, Place, Subnet, Topology};
use ipnet::IpNet;

use super::conflict::{Conflict, ConflictCode};
use super::names::Surroundings;

/// The topology with what the host says of its external networks: their subnets where the file has
/// none, and the host's addresses there.
///
/// # Errors
/// Bridges that are not there or cannot be joined, and addresses that do not fit.
pub(super) fn complete(
    topology: &Topology,
    around: &Surroundings,
) -> Result<Topology, Vec<Conflict>> {
    let mut out = topology.clone();
    let mut conflicts = Vec::new();
    for network in &mut out.networks {
        let Some(bridge) = network.external.as_ref().map(ToString::to_string) else {
            continue;
        };
        match joined(network, &bridge, around) {
            Ok(subnets) => network.subnets = subnets,
            Err(conflict) => conflicts.push(conflict),
        }
    }
    if conflicts.is_empty() {
        conflicts = addresses(&out);
    }
    match conflicts.is_empty() {
        true => Ok(out),
        false => Err(conflicts),
    }
}

fn conflict(place: &Place, message: String, help: &str) -> Conflict {
    Conflict {
        code: ConflictCode::ExternalBridge,
        message,
        place: place.clone(),
        help: help.into(),
    }
}

/// The subnets of an external network, with the host's address in each.
fn joined(network: &Network, bridge: &str, around: &Surroundings) -> Result<Vec<Subnet>, Conflict> {
    let (name, place) = (&network.name, &network.place);
    let Some(found) = around.bridges.get(bridge) else {
        return Err(conflict(
            place,
            format!("network {name}: there is no bridge {bridge} here"),
            "an external network is a bridge that is there before; bridges of the machine are joined with --host",
        ));
    };
    if let Some(project) = &found.project {
        return Err(conflict(
            place,
            format!("network {name}: {bridge} is the bridge of a network of project {project}"),
            "put the node on that network, in that project's file",
        ));
    }
    let usable = |net: &&IpNet| {
        let special = match net.addr() {
            IpAddr::V4(a) => a.is_link_local(),
            IpAddr::V6(a) => a.is_unicast_link_local(),
        };
        !special && net.prefix_len() < net.max_prefix_len()
    };
    let addresses: Vec<&IpNet> = found.addresses.iter().filter(usable).collect();
    let mut out = network.subnets.clone();
    if out.is_empty() {
        let first = |version| {
            addresses
                .iter()
                .find(move |a| IpVersion::of_net(a) == version)
        };
        let nets = IpVersion::ALL.into_iter().filter_map(first);
        out.extend(nets.map(|net| Subnet::with_first_address(net.trunc())));
    }
    if out.is_empty() {
        return Err(conflict(
            place,
            format!(
                "network {name}: the host has no address on {bridge}, so its subnet is not known"
            ),
            "write the subnet",
        ));
    }
    for subnet in &mut out {
        let own = addresses.iter().find(|a| subnet.net.contains(&a.addr()));
        subnet.gateway = own.map(|a| a.addr());
    }
    Ok(out)
}

/// Addresses of nodes that are in no subnet of their external network, or are the host's.
fn addresses(topology: &Topology) -> Vec<Conflict> {
    let mut out = Vec::new();
    let attachments = topology.nodes.iter().flat_map(|n| &n.attachments);
    for attachment in attachments {
        let mut networks = topology.networks.iter();
        let Some(network) = networks.find(|n| n.name == attachment.network) else {
            continue;
        };
        for address in attachment
            .addresses
            .iter()
            .filter(|_| network.external.is_some())
        {
            let name = &network.name;
            let subnet = network.subnets.iter().find(|s| s.net.contains(address));
            let message = match subnet {
                None => {
                    let nets: Vec<String> =
                        network.subnets.iter().map(|s| s.net.to_string()).collect();
                    format!(
                        "address {address} is not in network {name} ({})",
                        nets.join(", ")
                    )
                }
                Some(subnet) if subnet.gateway == Some(*address) => {
                    format!("address {address} is the host's on network {name}")
                }
                Some(_) => continue,
            };
            out.push(conflict(
                &attachment.place,
                message,
                "choose another address",
            ));
        }
    }
    out
}
