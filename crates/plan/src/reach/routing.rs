//! The choice of a route by the host: its routing rules before the table main, by which it drops packets of
//! nodes or sends them elsewhere. What programs in nodes have added of that kind; programs of XDP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_spec::IpVersion;
use ipnet::IpNet;

use super::conntrack::TrackingState;
use super::host_rules::{HostRule, Looks, OwnRouting};
use super::packet::Packet;
use super::path::{HopEvent, Location};
use super::walk::{DropReason, Walk};
use super::world::{HostPort, HostRoute, NextHop, UPLINK, World};
use crate::settled::Node;

/// Whether a rule is about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matches {
    Yes,
    Perhaps,
    No,
}

impl HostRule {
    fn matches(&self, packet: &Packet, link: &str) -> Matches {
        let flow = &packet.flow;
        let net = |net: Option<IpNet>, of| net.is_none_or(|net| net.contains(&of));
        let known = net(self.from, flow.from)
            && net(self.to, flow.to)
            && self.iif.as_deref().is_none_or(|iif| iif == link)
            && !self.never;
        match (known, self.others, self.not) {
            (true, true, _) => Matches::Perhaps,
            (known, _, not) if known != not => Matches::Yes,
            _ => Matches::No,
        }
    }
}

impl World<'_> {
    /// What a program in a node has added by which the node may send elsewhere, or drop, what is for an
    /// address; `next` is its route by the file.
    pub(super) fn own_routing(
        &self,
        node: &Node,
        to: IpAddr,
        next: Option<&NextHop>,
    ) -> Option<&OwnRouting> {
        let inside = self.environment.inside.get(&node.name)?;
        let length = next.map_or(0, |next| next.prefix_len);
        let mut all = inside.routing.iter();
        all.find(|own| own.to.contains(&to) && (own.is_rule || own.to.prefix_len() >= length))
    }
}

impl<'w> Walk<'w> {
    /// The route that the host chooses.
    pub(super) fn host_route(
        &mut self,
        packet: &Packet,
        from: HostPort<'w>,
    ) -> Result<HostRoute<'w>, DropReason> {
        let mut route = self.world.host_route(packet.flow.to);
        let interface = match route {
            HostRoute::Local => "local",
            HostRoute::Network(_, link) => {
                let mut diverted = self.world.environment.diverted.iter();
                if let Some(found) = diverted.find(|d| d.net.contains(&packet.flow.to)) {
                    return Err(DropReason::Diverted(found.clone()));
                }
                self.by_routing_rules(packet, from, true)?;
                link
            }
            HostRoute::Uplink(_) | HostRoute::ByRule(..) | HostRoute::None => {
                self.by_mark(packet);
                if let Some((link, group)) = self.by_routing_rules(packet, from, false)? {
                    route = HostRoute::ByRule(link, *group);
                }
                UPLINK.name
            }
        };
        if matches!(route, HostRoute::None) {
            return Err(DropReason::NoRoute {
                at: Location::Host,
                to: packet.flow.to,
            });
        }
        let event = HopEvent::Route {
            via: None,
            interface: interface.to_owned(),
        };
        self.hop(Location::Host, event, packet.flow);
        Ok(route)
    }

    /// Routes that the host chooses by marks of other programs are not known.
    fn by_mark(&mut self, packet: &Packet) {
        let version = IpVersion::of(packet.flow.to);
        let mut rules = self.world.environment.marked.iter();
        if let Some((_, rule)) = rules.find(|(of, _)| *of == version) {
            let words = || format!("the routing rule of the host by {rule}");
            self.rerouted.get_or_insert_with(words);
        }
    }

    /// The answer of a published port gets the address that was asked as its source, where the host has
    /// routing rules for it (`rules::by_source`).
    pub(super) fn answer_by_source(
        &mut self,
        packet: &mut Packet,
        state: &TrackingState,
        from: HostPort<'w>,
    ) {
        let world = self.world;
        let mut networks = world.settled().networks.iter();
        let ours = networks.any(|n| n.group_of_packets() == from.group && from.group != 0);
        let Some(([original, _], true)) = self.conntrack.of_state(state) else {
            return;
        };
        let (asked, to) = (original.to, packet.flow.to);
        let concerns = world.environment.by_source.concerns(asked, to);
        if ours && concerns && self.conntrack.dnated(state) && world.network_of(to).is_none() {
            let before = packet.flow;
            packet.flow.from = asked;
            self.note_translation(before, packet.flow);
        }
    }

    /// Whether the host drops what it routes to a network of the project, or elsewhere; the link of the
    /// route that a rule for some sources leads to.
    fn by_routing_rules(
        &mut self,
        packet: &Packet,
        from: HostPort<'w>,
        to_network: bool,
    ) -> Result<Option<&'w (String, u32)>, DropReason> {
        let environment = &self.world.environment;
        let link = match from.name {
            "" => "lo",
            name if name == UPLINK.name => environment
                .uplink(packet.flow.from)
                .map_or(name, |(l, _)| l),
            name => name,
        };
        let version = IpVersion::of(packet.flow.to);
        for rule in environment.rules.iter().filter(|r| r.version == version) {
            let matches = rule.matches(packet, link);
            if let Looks::Main(longer) = rule.looks {
                let length = environment
                    .route(packet.flow.to)
                    .map_or(0, |r| r.to.prefix_len());
                if matches == Matches::Yes && (to_network || length > longer) {
                    return Ok(None);
                }
                continue;
            }
            match (matches, rule.found(&packet.flow.to)) {
                (Matches::Yes, Some((net, true))) => {
                    return Err(DropReason::Diverted(rule.diverts(net)));
                }
                (Matches::Yes, Some((_, false))) => return Ok(rule.leaves_by(&packet.flow.to)),
                (Matches::Perhaps, Some((net, true))) => {
                    let words = rule.diverts(net).by;
                    self.rerouted.get_or_insert(words);
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// What a program of XDP does with packets is not known.
    pub(super) fn by_xdp(&mut self, links: &BTreeSet<String>, link: &str, place: &str) {
        if links.contains(link) {
            let words = || format!("the XDP program of {link}{place}");
            self.rerouted.get_or_insert_with(words);
        }
    }
}
