//! What a prediction depends on in the namespaces of nodes: what programs there have added.

use std::collections::{BTreeMap, BTreeSet};

use hallway_kernel::netns::Netns;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::Inside;
use hallway_plan::settled::Settled;
use hallway_spec::Name;

use super::environment::foreign;
use crate::observe::netns_path;

/// Reads it. A node that cannot be entered is left out.
#[must_use]
pub fn inside(settled: &Settled, nodes: &BTreeSet<Name>) -> BTreeMap<Name, Inside> {
    let kernel = Kernel::new();
    let all = nodes.iter().filter_map(|name| settled.node(name));
    all.filter_map(|node| {
        let namespace = Netns::open(&netns_path(&node.netns)).ok()?;
        let seen = kernel.sibling().inside(&namespace, read).ok()?;
        Some((node.name.clone(), seen))
    })
    .collect()
}

fn read(kernel: &mut Kernel) -> Result<Inside, KernelError> {
    let links = kernel.links()?;
    let filters = kernel.rp_filter()?;
    let filter_of = |index: u32| filters.get(&index).copied();
    Ok(Inside {
        rp_filter: (links.iter())
            .filter_map(|link| Some((link.name.clone(), filter_of(link.index)?)))
            .collect(),
        addresses: (kernel.addresses()?.iter())
            .map(|address| address.net.addr())
            .collect(),
        tables: foreign(kernel)?,
        indexes: (links.iter())
            .map(|link| (link.name.clone(), link.index))
            .collect(),
    })
}
