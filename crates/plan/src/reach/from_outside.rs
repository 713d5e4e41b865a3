//! The host's addresses that clients outside use.

use std::net::IpAddr;

use hallway_spec::IpVersion;

use super::party::anywhere;
use super::stand_in::some_address;
use super::world::World;

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
