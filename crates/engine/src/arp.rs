//! Whether the host answers ARP requests, by which nodes find their gateway.

use hallway_kernel::{Kernel, KernelError};

/// The setting of all links. A link has the maximum of this value and its own (IN_DEV_MAXCONF).
const IGNORE: &str = "net/ipv4/conf/all/arp_ignore";

/// The value with which no request is answered; with smaller ones those for an address of the link are.
const NEVER_ANSWERED: &str = "8";

/// What is found with it.
pub(crate) const FOUND: &str = "net.ipv4.conf.all.arp_ignore is 8: the host answers no ARP request";

/// What to do about it.
pub(crate) const HELP: &str =
    "nodes cannot find their gateway by IPv4: sysctl -w net.ipv4.conf.all.arp_ignore=0";

/// Whether this namespace answers no ARP request.
pub(crate) fn is_ignored(kernel: &Kernel) -> Result<bool, KernelError> {
    let found = kernel.read_sysctls([IGNORE])?;
    Ok(found.iter().flatten().any(|v| v.trim() == NEVER_ANSWERED))
}

/// Makes it answer again.
pub(crate) fn answer(kernel: &Kernel) -> Result<(), KernelError> {
    kernel.write_sysctl(IGNORE, "0")
}
