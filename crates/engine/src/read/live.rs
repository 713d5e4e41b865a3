//! The present state of a project, with the counters of its interfaces.

use std::collections::BTreeMap;

use hallway_kernel::netns::{self, Netns};
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::Settled;
use hallway_plan::observed::{Counters, Live};

use crate::Failure;

/// Reads the host's links, and those of every node that exists.
///
/// # Errors
/// When the kernel cannot be read.
pub fn live(settled: &Settled) -> Result<Live, Failure> {
    let links = Kernel::new().links()?.into_iter().map(|l| l.name).collect();
    let mut nodes = BTreeMap::new();
    for node in &settled.nodes {
        let Ok(namespace) = Netns::open(&node.netns.path()) else {
            continue;
        };
        nodes.insert(node.name.clone(), interfaces(&namespace)?);
    }
    Ok(Live { links, nodes })
}

fn interfaces(namespace: &Netns) -> Result<BTreeMap<String, Counters>, KernelError> {
    let _inside = netns::enter(namespace)?;
    let links = Kernel::new().links_with_counters()?;
    let counted = links.into_iter().map(|link| {
        let counters = Counters {
            received: link.rx_bytes,
            sent: link.tx_bytes,
        };
        (link.name, counters)
    });
    Ok(counted.collect())
}
