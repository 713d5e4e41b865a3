//! The links by which packets leave the host and come in.

use std::net::IpAddr;

use hallway_spec::IpVersion;

use super::environment::HostNet;
use super::inside::Neighbour;
use super::single_link::{is_link_local6, own_link_local};
use super::world::{HostPort, HostRoute, UPLINK, World};
use crate::settled::Network;

impl<'a> World<'a> {
    /// To a network that the host is not on: onto the parent, or another way by other routers.
    pub(super) fn to_macvlan(
        &self,
        network: &'a Network,
        position: usize,
        to: IpAddr,
    ) -> HostRoute<'a> {
        let parent = network.parent().unwrap_or_default();
        // The host reaches other machines there like any that are outside.
        if !self.on_macvlan(position, to) {
            return match self.environment.uplink(to) {
                Some((_, group)) => HostRoute::Uplink(group),
                None => HostRoute::None,
            };
        }
        match self.environment.route(to) {
            None if self.environment.routes.is_empty() => HostRoute::Network(position, parent),
            Some(HostNet {
                link: Some((link, _)),
                via: false,
                ..
            }) if link == parent => HostRoute::Network(position, parent),
            Some(HostNet {
                link: Some((_, group)),
                ..
            }) => HostRoute::Uplink(*group),
            _ => HostRoute::None,
        }
    }

    /// Whether a node may have an address on a network of macvlan interfaces.
    pub(super) fn on_macvlan(&self, position: usize, address: IpAddr) -> bool {
        self.member(position, address).is_some()
            || !matches!(self.neighbour(position, address), Neighbour::None)
    }

    /// The link by which packets to an address leave; one of no name and no group where they do not.
    pub(super) fn port(&self, route: HostRoute<'a>, to: IpAddr) -> HostPort<'_> {
        match route {
            HostRoute::Network(position, name) => HostPort {
                name,
                group: self.network(position).map_or(0, Network::group_of_packets),
            },
            HostRoute::Uplink(group) => {
                let link = self.environment.uplink(to);
                let name = link.map_or(UPLINK.name, |(name, _)| name);
                HostPort { name, group }
            }
            HostRoute::ByRule(name, group) => HostPort { name, group },
            HostRoute::Local | HostRoute::None => HostPort { name: "", group: 0 },
        }
    }

    /// The link by which packets of an address that is not the project's come in: that of a network of
    /// another project, whose rules look at it, else the link out of the host.
    pub(super) fn port_from(&self, from: IpAddr) -> HostPort<'_> {
        match self.environment.uplink(from) {
            Some((name, group)) if group != 0 => HostPort { name, group },
            _ => UPLINK,
        }
    }

    /// An address of the host on the link by which it sends packets to an address outside.
    pub(super) fn host_source_outside(&self, to: IpAddr) -> Option<IpAddr> {
        let (link, _) = self.environment.uplink(to)?;
        let of_version = |a: &&IpAddr| a.is_ipv4() == to.is_ipv4() && !is_link_local6(**a);
        let on_link = (self.environment.address_links.iter()).filter(|(_, on)| *on == link);
        on_link.map(|(a, _)| a).find(of_version).copied()
    }

    /// The address that packets get by a masquerade where they leave by a link: known where the link has one
    /// alone of that version.
    pub(super) fn only_address(&self, link: &str, like: IpAddr) -> Option<IpAddr> {
        let of_version = |a: &IpAddr| a.is_ipv4() == like.is_ipv4() && !is_link_local6(*a);
        let on_link = (self.environment.address_links.iter()).filter(|(_, on)| *on == link);
        let mut all = on_link.map(|(a, _)| *a).filter(of_version);
        all.next().filter(|_| all.next().is_none())
    }

    /// The host's own address for packets that leave by that route.
    pub(super) fn host_source(&self, route: &HostRoute<'_>, to: IpAddr) -> Option<IpAddr> {
        match route {
            HostRoute::Local => Some(to),
            HostRoute::Network(position, _) => {
                if is_link_local6(to) {
                    let network = self.network(*position)?;
                    return Some(own_link_local(network));
                }
                let mut all = self.network(*position)?.gateways();
                all.find(|g| IpVersion::of(*g) == IpVersion::of(to))
            }
            HostRoute::Uplink(_) | HostRoute::ByRule(..) | HostRoute::None => None,
        }
    }
}
