//! Entries of a project's bridges that do not come from frames.

use hallway_kernel::{Kernel, KernelError};
use hallway_plan::observed::{SeenForwarding, SeenSpace};
use hallway_plan::settled::Settled;

/// Reads those of the MAC addresses that its networks have.
pub(crate) fn read(
    kernel: &mut Kernel,
    settled: &Settled,
    host: &SeenSpace,
) -> Result<Vec<SeenForwarding>, KernelError> {
    let mut wanted = Vec::new();
    for network in settled.networks.iter().filter(|n| !n.external) {
        let bridge = network.bridge.as_deref().and_then(|name| host.link(name));
        let Some(bridge) = bridge.filter(|l| l.kind.as_deref() == Some("bridge")) else {
            continue;
        };
        wanted.push((bridge, network.mac));
        for node in &settled.nodes {
            let ports = node.ports().filter(|(_, of, _)| **of == network.name);
            wanted.extend(ports.map(|(interface, _, _)| (bridge, interface.mac)));
        }
    }
    let questions: Vec<_> = wanted.iter().map(|(l, mac)| (l.index, *mac)).collect();
    let entries = match kernel.forwarding(&questions) {
        // Before Linux 5.0 they cannot be read one by one.
        Err(e) if e.is_unsupported() => return Ok(Vec::new()),
        other => other?,
    };
    let own = |port: u32, mac| {
        host.links
            .iter()
            .any(|l| l.index == port && l.mac == Some(mac))
    };
    let fixed = entries.into_iter().filter(|e| e.fixed);
    let fixed = fixed.filter(|e| !(e.local && own(e.port, e.mac)));
    let seen = fixed.filter_map(|entry| {
        let bridge = wanted.iter().find(|(l, _)| Some(l.index) == entry.bridge)?;
        Some(SeenForwarding {
            bridge: bridge.0.name.clone(),
            port: entry.port,
            mac: entry.mac,
        })
    });
    Ok(seen.collect())
}
