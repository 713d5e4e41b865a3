//! The namespaces in which attempts are made.

use hallway_kernel::netns::{self, Netns};
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::Location;
use hallway_plan::settled::Settled;
use hallway_spec::NetnsName;

/// Runs a function inside a place.
pub(in crate::read) fn inside<T>(
    settled: &Settled,
    at: &Location,
    action: impl FnOnce() -> Result<T, KernelError>,
) -> Result<T, KernelError> {
    match at {
        Location::Host => action(),
        Location::Outside => Err(KernelError::new(
            "enter",
            "outside",
            rustix::io::Errno::NOENT,
        )),
        Location::Node(name) => {
            let node = settled.node(name);
            let netns =
                node.map_or_else(|| NetnsName::from(name.clone()).into(), |n| n.netns.clone());
            let namespace = Netns::open(&netns.path())?;
            let _inside = netns::enter(&namespace)?;
            action()
        }
    }
}

/// Whether the kernel has IPv6; where it is only turned off, packets are sent all the same.
pub(super) fn has_ipv6() -> bool {
    Kernel::new()
        .read_sysctl("net/ipv6/conf/all/disable_ipv6")
        .is_ok()
}
