//! The reverse path filter: a packet is dropped where the route back to its source does not leave by
//! the interface that the packet came in by (rp_filter in ip-sysctl; IPv4 only).

use std::net::IpAddr;

use hallway_spec::IpVersion;

use super::packet::{Flow, Packet};
use super::path::Location;
use super::walk::{Arrival, DropReason, Walk};
use super::world::{HostPort, HostRoute, UPLINK, World};
use crate::settled::Node;

/// The route back has to be by the same interface; any route is enough in the loose mode.
const STRICT: u32 = 1;

impl World<'_> {
    /// The routing rules of the host for packets from what a machine outside asked, an address or a port,
    /// that are not about the replies of the node, in words: those have other ones while they are routed.
    pub(super) fn lacks_source_rules(
        &self,
        at: &Location,
        end: &Arrival,
        asked: &Flow,
    ) -> Option<String> {
        if *at != Location::Outside || end.at == Location::Host {
            return None;
        }
        let environment = &self.environment;
        if environment.misses_routes_of(asked.to, asked.from) {
            return Some(format!(
                "the routing of replies, for which the host has rules for packets from {} but not from the node,",
                asked.to
            ));
        }
        let version = IpVersion::of(asked.to);
        let mut rules = environment.rules.iter().filter(|r| r.version == version);
        let own = end.packet.flow.port;
        let rule = rules.find(|r| r.misses(asked.protocol, asked.port, own))?;
        Some(format!(
            "the routing of replies, for which the host has {} but none for packets from port {own} of the node,",
            rule.words()
        ))
    }
}

impl<'w> Walk<'w> {
    /// In a node.
    pub(super) fn reverse_path(
        &self,
        node: &Node,
        position: usize,
        packet: &Packet,
    ) -> Result<(), DropReason> {
        let from = packet.flow.from;
        let Some(interface) = node.interfaces.get(position).filter(|_| from.is_ipv4()) else {
            return Ok(());
        };
        let mode = self.world.rp_filter(node, &interface.name);
        if mode == 0 {
            return Ok(());
        }
        let next = self.world.next_hop(node, from);
        let elsewhere = self.world.environment.own_route(&node.name, from);
        let elsewhere =
            elsewhere.filter(|(to, _)| next.is_none_or(|n| to.prefix_len() > n.prefix_len));
        let back = match (elsewhere, next) {
            (Some(_), _) => Some(None),
            (None, Some(next)) => Some(Some(next.interface)),
            (None, None) => None,
        };
        match back {
            Some(Some(same)) if same == position => Ok(()),
            Some(_) if mode != STRICT => Ok(()),
            back => Err(DropReason::ReversePathFilter {
                at: Location::Node(node.name.clone()),
                from,
                interface: interface.name.clone(),
                strict: back.is_some(),
            }),
        }
    }

    /// At the host.
    pub(super) fn reverse_path_of_host(
        &self,
        packet: &Packet,
        from: HostPort<'_>,
    ) -> Result<(), DropReason> {
        let source = packet.flow.from;
        let environment = &self.world.environment;
        let link = match from.name {
            name if name == UPLINK.name => environment.uplink(source).map_or(name, |(l, _)| l),
            name => name,
        };
        let mode = environment.rp_filter.get(link).copied().unwrap_or(0);
        // Rules for packets from an address are also about the way back to what is sent to it.
        let mut ruled = environment.policy_routed.iter();
        if mode == 0 || source.is_ipv6() || ruled.any(|net| net.contains(&packet.flow.to)) {
            return Ok(());
        }
        let back = match self.world.host_route(source) {
            HostRoute::Local => return Ok(()),
            HostRoute::Network(_, link) => Some(link),
            HostRoute::Uplink(_) => environment.uplink(source).map(|(link, _)| link),
            HostRoute::ByRule(link, _) => Some(link),
            HostRoute::None => None,
        };
        match back {
            Some(same) if same == link => Ok(()),
            Some(_) if mode != STRICT => Ok(()),
            back => Err(DropReason::ReversePathFilter {
                at: Location::Host,
                from: source,
                interface: link.to_owned(),
                strict: back.is_some(),
            }),
        }
    }

    /// The routing rule of the host by which the reply to a machine outside leaves by another link than
    /// the request came in by, in words. Whether others carry it there is not known.
    pub(super) fn another_reverse_path(&self, at: &Location, asked: &Flow) -> Option<String> {
        let (link, rule) = self.by_rule.filter(|_| *at == Location::Outside)?;
        let by_address = self.link_of_asked(asked.from, asked.to);
        let environment = &self.world.environment;
        let came = by_address.or(environment.uplink(asked.from).map(|(link, _)| link))?;
        (came != link).then(|| {
            format!(
                "{}, by which the reply leaves by {link} and not by {came} as the request came,",
                rule.words()
            )
        })
    }

    /// The link by which a packet from outside comes in where it is not the one by which the host
    /// would answer: that of the address it was sent to.
    pub(super) fn link_of_asked(&self, from: IpAddr, to: IpAddr) -> Option<&'w str> {
        let environment = &self.world.environment;
        let link = environment.address_links.get(&to)?;
        let back = environment.route(from);
        let near = back.is_some_and(|route| !route.via && route.link.is_some());
        let same = environment.uplink(from).is_some_and(|(l, _)| l == link);
        (!near && !same).then_some(link.as_str())
    }
}
