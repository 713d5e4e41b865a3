//! What a project needs of the kernel and not every kernel has, checked before anything is changed.

use std::path::Path;

use hallway_kernel::Kernel;
use hallway_plan::Settled;
use hallway_plan::settled::{Interface, Node};

use crate::{Failure, Reason};

/// Fails if something is missing.
pub(crate) fn check(kernel: &mut Kernel, settled: &Settled) -> Result<(), Failure> {
    br_netfilter(settled)?;
    link_kinds(kernel, settled)?;
    netem(kernel, settled)
}

/// Policies between members of one bridge need br_netfilter; without it they would have no effect.
fn br_netfilter(settled: &Settled) -> Result<(), Failure> {
    let Some(network) = settled.networks.iter().find(|n| n.filtered) else {
        return Ok(());
    };
    if Path::new("/proc/sys/net/bridge").exists() {
        return Ok(());
    }
    let reason = Reason::NoBrNetfilter {
        network: network.name.clone(),
    };
    Err(Failure::from(reason).at(network.place.clone()))
}

/// Networks with a parent need macvlan interfaces, and VLANs that are not there yet need those.
fn link_kinds(kernel: &mut Kernel, settled: &Settled) -> Result<(), Failure> {
    for network in settled.networks.iter().filter(|n| n.parent().is_some()) {
        for kind in ["vlan", "macvlan"] {
            if kind == "vlan" && network.vlan.is_none() {
                continue;
            }
            match kernel.has_link_kind(kind) {
                Ok(true) => {}
                Ok(false) => {
                    let network_name = network.name.clone();
                    let reason = Reason::NoLinkKind {
                        network: network_name,
                        kind,
                    };
                    return Err(Failure::from(reason).at(network.place.clone()));
                }
                // A user who may only show the plan.
                Err(error) if error.is_not_permitted() => {}
                Err(error) => return Err(Failure::caused(Reason::Kernel, error)),
            }
        }
    }
    Ok(())
}

/// Impairments need netem.
fn netem(kernel: &mut Kernel, settled: &Settled) -> Result<(), Failure> {
    let interfaces = |node| interfaces(node).map(move |i| (node, i));
    let mut all = settled.nodes.iter().flat_map(interfaces);
    let Some((node, interface)) = all.find(|(_, i)| !i.impairments.is_none()) else {
        return Ok(());
    };
    match kernel.has_netem() {
        Ok(true) => Ok(()),
        Ok(false) => {
            let reason = Reason::NoNetem {
                node: node.name.clone(),
                interface: interface.name.clone(),
            };
            Err(Failure::from(reason).at(node.place.clone()))
        }
        // A user who may only show the plan.
        Err(error) if error.is_not_permitted() => Ok(()),
        Err(error) => Err(Failure::caused(Reason::Kernel, error)),
    }
}

fn interfaces(node: &Node) -> impl Iterator<Item = &Interface> {
    node.interfaces.iter()
}
