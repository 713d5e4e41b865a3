//! Machines outside, and the host's addresses that they use.

use std::net::IpAddr;

use hallway_spec::IpVersion;

use super::path::Outcome;
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

    /// What becomes of a packet from a machine outside to another one. `None` if one of the two is of the
    /// project or of another one, or the host.
    pub(super) fn between_others(&self, from: IpAddr, to: IpAddr) -> Option<(Outcome, String)> {
        let environment = &self.environment;
        let group = |address| environment.uplink(address).map_or(0, |(_, group)| group);
        let outside = |address: IpAddr| {
            let known = self.is_host(address) || self.owner(address).is_some();
            !known && self.network_of(address).is_none() && group(address) == 0
        };
        if from == to || !outside(from) || !outside(to) {
            return None;
        }
        let both = format!("{from} and {to} are both outside");
        let link = |address| environment.route(address)?.link.as_ref().map(|(l, _)| l);
        let (Some(link_in), Some(link_out)) = (link(from), link(to)) else {
            let text = format!("{both}: what is between them is not known");
            return Some((Outcome::Unknown, text));
        };
        if link_in == link_out {
            let text = format!(
                "{both}, by one link of the host ({link_in}): what is between them is not known"
            );
            return Some((Outcome::Unknown, text));
        }
        let forwarding = &environment.forwarding;
        if forwarding.contains(&(IpVersion::of(to), link_in.clone())) {
            let text = format!(
                "{both}, and another program makes {link_in} forward: whether it forwards this is not known"
            );
            return Some((Outcome::Unknown, text));
        }
        let text = format!("{both}, and the host does not forward from one to the other");
        Some((Outcome::Filtered, text))
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
