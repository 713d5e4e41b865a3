//! The host's addresses that clients outside use.

use std::net::IpAddr;

use hallway_spec::IpVersion;

use super::stand_in::is_far;
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
}
