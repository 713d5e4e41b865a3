//! External networks: bridges of the host that are there already.

use hallway_spec::{Network, Place, Subnet, Topology};

use super::conflict::{Conflict, ConflictCode};
use super::host_links::on_link;
use super::names::Surroundings;
use super::parent;

/// The topology with what was observed of its external networks, and of those with a parent: their
/// subnets where the file has none, and the host's addresses there.
///
/// # Errors
/// Bridges and parents that are not there or cannot be used, and addresses that do not fit.
pub(super) fn complete(
    topology: &Topology,
    around: &Surroundings,
) -> Result<Topology, Vec<Conflict>> {
    let mut out = topology.clone();
    let mut conflicts = Vec::new();
    for network in &mut out.networks {
        let found = match &network.external {
            Some(bridge) => joined(network, bridge.as_ref(), around),
            None => parent::subnets(&topology.name, network, around),
        };
        match found {
            Ok(subnets) => network.subnets = subnets,
            Err(conflict) => conflicts.push(conflict),
        }
    }
    if conflicts.is_empty() {
        conflicts = addresses(&out, around);
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
        other: None,
    }
}

/// The subnets of an external network, with the host's address in each.
fn joined(network: &Network, bridge: &str, around: &Surroundings) -> Result<Vec<Subnet>, Conflict> {
    let (name, place) = (&network.name, &network.place);
    let found = around.host_links.get(bridge);
    let Some(found) = found.filter(|l| l.kind.as_deref() == Some("bridge")) else {
        return Err(conflict(
            place,
            format!("network {name}: there is no bridge {bridge} here"),
            "an external network is a bridge that is there before; bridges of the machine are joined with --host",
        ));
    };
    if let Some(Some((project, _))) = around.links.get(bridge) {
        return Err(conflict(
            place,
            format!("network {name}: {bridge} is the bridge of a network of project {project}"),
            "put the node on that network, in that project's file",
        ));
    }
    let code = ConflictCode::ExternalBridge;
    let (addresses, mut out) = on_link(network, bridge, found, code)?;
    for subnet in &mut out {
        let own = addresses.iter().find(|a| subnet.net.contains(&a.addr()));
        subnet.gateway = own.map(|a| a.addr());
    }
    Ok(out)
}

/// Addresses of nodes that are in no subnet of such a network, or are the host's.
fn addresses(topology: &Topology, around: &Surroundings) -> Vec<Conflict> {
    let mut out = Vec::new();
    let attachments = topology.nodes.iter().flat_map(|n| &n.attachments);
    for attachment in attachments {
        let mut networks = topology.networks.iter();
        let Some(network) = networks.find(|n| n.name == attachment.network) else {
            continue;
        };
        if network.external.is_none() && network.parent.is_none() {
            continue;
        }
        let of_host = parent::host_addresses(&topology.name, network, around);
        for address in &attachment.addresses {
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
                Some(subnet)
                    if of_host.contains(address)
                        || (network.external.is_some() && subnet.gateway == Some(*address)) =>
                {
                    format!("address {address} is the host's on network {name}")
                }
                Some(_) => continue,
            };
            let mut conflict = conflict(&attachment.place, message, "choose another address");
            if network.parent.is_some() {
                conflict.code = ConflictCode::Parent;
            }
            out.push(conflict);
        }
    }
    out
}
