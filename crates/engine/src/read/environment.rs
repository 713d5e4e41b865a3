//! The properties of the host that a prediction depends on and a file does not contain.

use std::net::IpAddr;

use hallway_kernel::{Kernel, KernelError};
use hallway_plan::Observed;
use hallway_plan::reach::Environment;
use hallway_plan::settled::Settled;

use crate::observe;

/// Reads them in the calling thread's namespace.
///
/// # Errors
/// When the kernel's state cannot be read.
pub fn environment(settled: &Settled) -> Result<Environment, KernelError> {
    let mut kernel = Kernel::new();
    let seen = observe::network(&mut kernel, &settled.project)?;
    let on = |key: &str| kernel.read_sysctl(key).is_ok_and(|value| value == "1");
    Ok(Environment {
        bridge_hooks: on("net/bridge/bridge-nf-call-iptables"),
        uplink: seen
            .host
            .routes
            .iter()
            .any(|r| r.to.prefix_len() == 0 && !r.unreachable),
        host_addresses: host_addresses(&seen, settled),
    })
}

/// The host's addresses that the project did not give it.
fn host_addresses(seen: &Observed, settled: &Settled) -> Vec<IpAddr> {
    let own = |address: IpAddr| {
        let mut gateways = settled.networks.iter().flat_map(|n| n.gateways());
        gateways.any(|gateway| gateway == address)
    };
    let all = seen.host.addresses.iter().map(|a| a.net.addr());
    all.filter(|a| !a.is_loopback() && !own(*a)).collect()
}
