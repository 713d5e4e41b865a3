//! How links find their neighbours, and neighbours that others have fixed.

use std::collections::BTreeMap;

use hallway_kernel::neighbour::{NeighbourInfo, NeighbourState};
use hallway_kernel::sysctl::SysctlReader;
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::observed::{SeenLink, SeenNeighbour, SeenSpace};
use hallway_plan::rules::ip_version;
use hallway_plan::target::{Initial, Setting};
use hallway_spec::IpVersion;

fn setting(version: IpVersion) -> Setting {
    Setting::Initial(Initial::Solicitations(version))
}

/// Adds what there is in a namespace with any number of links.
pub(super) fn add(kernel: &mut Kernel, space: &mut SeenSpace) -> Result<(), KernelError> {
    let links = space.links.iter_mut().map(|l| (l.index, l));
    let mut links: BTreeMap<u32, &mut SeenLink> = links.collect();
    for found in kernel.solicitations()? {
        if let Some(link) = links.get_mut(&found.interface) {
            link.settings
                .insert(setting(ip_version(found.version)), found.count);
        }
    }
    space.neighbours = fixed(kernel, &space.links)?;
    Ok(())
}

/// Settings of a node's namespace that only files show: to open those of one namespace takes the kernel
/// as long as the rest of it, so they are read only where namespaces are few.
pub(super) fn read_files(
    kernel: &Kernel,
    sysctls: &mut SysctlReader,
    space: &mut SeenSpace,
) -> Result<(), KernelError> {
    let of_all = [Initial::ArpIgnore, Initial::ArpFilter, Initial::DefaultTtl];
    let of_all = of_all.map(Setting::Initial);
    let values = sysctls.read(kernel, of_all.iter().map(|s| s.key(None)))?;
    space.settings.extend(known(&of_all, values));
    // For a list of the settings of neighbours, the kernel looks through the links of all namespaces.
    for link in space.links.iter_mut().filter(|l| l.name != "lo") {
        // Without IPv6, there is nothing to ask for.
        let v6 = link.settings.get(&Setting::DisableIpv6) == Some(&0);
        let settings = IpVersion::ALL.map(setting);
        let used = if v6 { &settings[..] } else { &settings[..1] };
        let values = sysctls.read(kernel, used.iter().map(|s| s.key(Some(&link.name))))?;
        link.settings.extend(known(used, values));
    }
    Ok(())
}

fn known(
    settings: &[Setting],
    values: Vec<Option<String>>,
) -> impl Iterator<Item = (Setting, u32)> {
    let pairs = settings.iter().copied().zip(values);
    pairs.filter_map(|(setting, value)| Some((setting, value?.parse().ok()?)))
}

/// Neighbours whose MAC address is not asked for. The kernel itself has such on links without ARP.
pub(super) fn fixed(
    kernel: &mut Kernel,
    links: &[SeenLink],
) -> Result<Vec<SeenNeighbour>, KernelError> {
    let arp = |index| links.iter().any(|l| l.index == index && !l.no_arp);
    let all = kernel.neighbours()?.into_iter();
    let by_kernel = |n: &NeighbourInfo| n.state == NeighbourState::NoArp && !arp(n.interface);
    let fixed = all.filter(|n| n.is_fixed() && !by_kernel(n));
    let seen = fixed.map(|n| SeenNeighbour {
        interface: n.interface,
        address: n.address,
        mac: n.mac,
    });
    Ok(seen.collect())
}
