//! Addresses of other machines that the host uses.

use std::collections::BTreeSet;

use hallway_kernel::neighbour::NeighbourState;
use hallway_kernel::{Kernel, KernelError, listening};
use hallway_plan::observed::{SeenUse, UsedBy};

use crate::names;

/// Reads them in the network namespace of the calling thread.
pub(crate) fn read(kernel: &mut Kernel) -> Result<Vec<SeenUse>, KernelError> {
    let servers = names::of_host().addresses();
    let servers = servers.into_iter().map(|address| SeenUse {
        address,
        by: UsedBy::NameServer,
    });
    let open = match listening::connections() {
        // This kernel cannot list them, or a filter of system calls forbids it: it is only a comparison.
        Err(error)
            if error.is_not_found() || error.is_unsupported() || error.is_not_permitted() =>
        {
            BTreeSet::new()
        }
        connections => connections?,
    };
    let open = open.into_iter().map(|c| SeenUse {
        address: c.peer,
        by: UsedBy::Connection { own: c.own },
    });
    let neighbours = kernel.neighbours()?.into_iter();
    let answered = neighbours.filter(|n| {
        let unknown = matches!(n.state, NeighbourState::None | NeighbourState::NoArp);
        n.mac.is_some() && !unknown && !n.state.is_unanswered()
    });
    let answered = answered.map(|n| SeenUse {
        address: n.address,
        by: UsedBy::Neighbour {
            interface: n.interface,
        },
    });
    Ok(servers.chain(open).chain(answered).collect())
}
