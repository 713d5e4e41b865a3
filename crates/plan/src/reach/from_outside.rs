//! The addresses by which the outside asks the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hallway_spec::IpVersion;

use super::party::anywhere;
use super::world::World;

/// Stands for the host's own address where it is not known (RFC 5737 and RFC 6666).
fn some_address(version: IpVersion) -> IpAddr {
    match version {
        IpVersion::V4 => Ipv4Addr::new(192, 0, 2, 2).into(),
        IpVersion::V6 => Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 2).into(),
    }
}

/// Whether an address stands for one of the host that is not known.
pub(super) fn stands_for_host(address: IpAddr) -> bool {
    address == some_address(IpVersion::of(address))
}

impl World<'_> {
    /// The host's addresses as the outside finds them: those on the project's networks are not among them.
    pub(super) fn host_from_outside(&self) -> Vec<IpAddr> {
        let known = self.environment.host_addresses.iter();
        let is_far = |address: &&IpAddr| match address {
            IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_loopback(),
            IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_loopback(),
        };
        let mut known: Vec<IpAddr> = known.filter(is_far).copied().collect();
        // Those of the link by which the host reaches the outside come first.
        let link = |to: IpAddr| self.environment.uplink(to).map(|(link, _)| link);
        let leads = |a: &IpAddr| {
            let out = link(anywhere(IpVersion::of(*a)));
            out.is_some() && link(*a) == out
        };
        known.sort_by_key(|a| !leads(a));
        let one = |version| {
            let mut known = known.iter().filter(|a| IpVersion::of(**a) == version);
            let mut own = self.gateways().filter(|a| IpVersion::of(*a) == version);
            (known.next().copied()).or_else(|| own.next().map(|_| some_address(version)))
        };
        IpVersion::ALL.into_iter().filter_map(one).collect()
    }
}
