//! What a project needs of the kernel and not every kernel has, checked before anything is changed.

use std::path::Path;

use hallway_kernel::Kernel;
use hallway_plan::Settled;
use hallway_plan::settled::{Interface, Node};

use crate::{Failure, Reason};

/// Fails if something is missing.
pub(crate) fn check(kernel: &mut Kernel, settled: &Settled) -> Result<(), Failure> {
    br_netfilter(settled)?;
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
