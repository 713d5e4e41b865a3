//! Machines outside, and the host's addresses that they use.

use std::net::IpAddr;

use hallway_spec::IpVersion;

use super::world::World;

impl World<'_> {
    /// The host's addresses as the outside finds them: those on the project's networks are not among them.
    pub(super) fn host_from_outside(&self) -> Vec<IpAddr> {
        let known = self.environment.host_addresses.iter();
        let mut known: Vec<IpAddr> = known.filter(|a| is_far(**a)).copied().collect();
        // Those of the link by which the host reaches the outside come first.
        let link = |to: IpAddr| self.environment.uplink(to).map(|(link, _)| link);
        let leads = |a: &IpAddr| {
            let out = link(self.anywhere(IpVersion::of(*a)));
            out.is_some() && link(*a) == out
        };
        known.sort_by_key(|a| !leads(a));
        let one = |version| {
            let mut known = known.iter().filter(|a| IpVersion::of(**a) == version);
            let mut own = self.gateways().filter(|a| IpVersion::of(*a) == version);
            (known.next().copied()).or_else(|| own.next().map(|_| self.some_address(version)))
        };
        IpVersion::ALL.into_iter().filter_map(one).collect()
    }

    /// Stands for any address of the outside when no node does.
    pub(super) fn anywhere(&self, version: IpVersion) -> IpAddr {
        self.stand_ins.outside(version)
    }

    /// Stands for the host's own address where it is not known.
    pub(super) fn some_address(&self, version: IpVersion) -> IpAddr {
        self.stand_ins.host(version)
    }

    /// An address of the host that machines outside may use, where one is known.
    pub(super) fn known_address(&self, version: IpVersion) -> Option<IpAddr> {
        let mut known = self.environment.host_addresses.iter();
        let fits = |a: &&IpAddr| IpVersion::of(**a) == version && is_far(**a);
        known.find(fits).copied()
    }

    /// Whether an address stands for one of the host that is not known.
    pub(super) fn stands_for_host(&self, address: IpAddr) -> bool {
        let version = IpVersion::of(address);
        self.stand_ins.host(version) == address && self.known_address(version).is_none()
    }
}

/// Whether an address has a meaning beyond one link.
fn is_far(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_link_local() && !v4.is_loopback(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local() && !v6.is_loopback(),
    }
}
