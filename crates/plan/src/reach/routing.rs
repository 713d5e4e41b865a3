//! The choice of a route by the host: its routing rules before the table main, by which it drops packets of
//! nodes or sends them elsewhere. What programs in nodes have added of that kind; programs of XDP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_spec::IpVersion;
use ipnet::IpNet;

use hallway_nftables::survey::Mark;

use super::conntrack::TrackingState;
use super::host_rules::{HostRule, Looks, OwnRouting};
use super::matching::{Matches, in_range, marked};
use super::packet::Packet;
use super::path::{HopEvent, Location};
use super::walk::{DropReason, Walk};
use super::world::{HostPort, HostRoute, NextHop, UPLINK, World};
use crate::settled::Node;

impl HostRule {
    /// Whether the rule is about a packet.
    fn matches(&self, packet: &Packet, link: &str, mark: Mark) -> Matches {
        let flow = &packet.flow;
        let net = |net: Option<IpNet>, of| net.is_none_or(|net| net.contains(&of));
        let known = net(self.from, flow.from)
            && net(self.to, flow.to)
            && self.iif.as_deref().is_none_or(|iif| iif == link)
            && self.ip_protocol.is_none_or(|p| p == flow.protocol)
            && !self.never;
        let port = |range, port| match range {
            None => Matches::Yes,
            Some(_) if !flow.has_ports() => Matches::No,
            Some(range) => in_range(port, range),
        };
        let all = [
            Matches::of(known),
            self.mark
                .map_or(Matches::Yes, |(value, mask)| marked(value, mask, mark)),
            port(self.source_ports, flow.source_port),
            port(self.ports, flow.port),
            if self.others {
                Matches::Perhaps
            } else {
                Matches::Yes
            },
        ];
        let answer = all.into_iter().fold(Matches::Yes, Matches::and);
        if self.not { answer.not() } else { answer }
    }

    /// Whether it is about the packets of a port that was asked, and not about those of the port that the
    /// node answers from.
    pub(super) fn misses(&self, protocol: u8, asked: u16, own: u16) -> bool {
        let about = self.ip_protocol.is_none_or(|p| p == protocol) && !self.not;
        let contains = |(first, last): (u16, u16), port| (first..=last).contains(&port);
        let ports = self.source_ports.filter(|_| about);
        ports.is_some_and(|range| contains(range, asked) && !contains(range, own))
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
                self.by_routing_rules(packet, from, Some(link))?;
                link
            }
            HostRoute::Uplink(_) | HostRoute::ByRule(..) | HostRoute::None => {
                match self.by_routing_rules(packet, from, None)? {
                    Some((link, group)) => route = HostRoute::ByRule(link, *group),
                    None => self.dropped_by_route(packet)?,
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

    /// The route of the table main drops the packet, or its link has no carrier.
    fn dropped_by_route(&self, packet: &Packet) -> Result<(), DropReason> {
        let to = packet.flow.to;
        let Some(route) = self.world.environment.route(to) else {
            return Ok(());
        };
        match (route.drops, &route.link) {
            (Some(how), _) => Err(DropReason::DroppingRoute { net: route.to, how }),
            (None, Some((link, _))) if route.no_carrier => Err(DropReason::NoCarrier {
                link: link.clone(),
                to,
            }),
            _ => Ok(()),
        }
    }

    /// The host chooses a route again for what it sends itself, if a rule of another program has marked it:
    /// whether by such a chain is not known.
    pub(super) fn by_mark(&mut self, packet: &Packet) {
        if self.mark == Mark::NONE {
            return;
        }
        let version = IpVersion::of(packet.flow.to);
        let mut rules = self.world.environment.marked.iter();
        if let Some((_, rule)) = rules.find(|(of, _)| *of == version) {
            let words = || format!("the routing rule of the host by {rule}");
            self.rerouted.get_or_insert_with(words);
        }
    }

    /// The answer of a published port gets the address that was asked as its source, where the host has
    /// routing rules for it (`rules::source_routing`).
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
        let concerns = world.environment.source_routing.concerns(asked, to);
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
        to_network: Option<&str>,
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
            let matches = rule.matches(packet, link, self.mark);
            if let Looks::Main(longer) = rule.looks {
                let length = environment
                    .route(packet.flow.to)
                    .map_or(0, |r| r.to.prefix_len());
                if matches == Matches::Yes && (to_network.is_some() || length > longer) {
                    return Ok(None);
                }
                continue;
            }
            let Some((net, drops)) = rule.found(&packet.flow.to) else {
                continue;
            };
            let route = rule.route(&packet.flow.to);
            let leaves_by = route.and_then(|route| route.link.as_ref());
            let to_it = to_network.is_some() && leaves_by.map(|(l, _)| l.as_str()) == to_network;
            match matches {
                Matches::No => {}
                Matches::Perhaps if drops.is_none() && to_it => {}
                Matches::Perhaps => {
                    let words = rule.diverts(net).by;
                    self.rerouted.get_or_insert(words);
                }
                Matches::Yes if to_it => return Ok(None),
                Matches::Yes if drops.is_some() || to_network.is_some() => {
                    return Err(DropReason::Diverted(rule.diverts(net)));
                }
                Matches::Yes => return self.leaves_by_rule(rule, packet, leaves_by),
            }
        }
        Ok(None)
    }

    fn leaves_by_rule(
        &mut self,
        rule: &'w HostRule,
        packet: &Packet,
        leaves_by: Option<&'w (String, u32)>,
    ) -> Result<Option<&'w (String, u32)>, DropReason> {
        let to = packet.flow.to;
        if let Some((link, _)) = leaves_by {
            if rule.route(&to).is_some_and(|route| route.no_carrier) {
                let link = link.clone();
                return Err(DropReason::NoCarrier { link, to });
            }
            self.by_rule = Some((link.as_str(), rule));
        }
        Ok(leaves_by)
    }

    /// What a program of XDP does with packets is not known.
    pub(super) fn by_xdp(&mut self, links: &BTreeSet<String>, link: &str, place: &str) {
        if links.contains(link) {
            let words = || format!("the XDP program of {link}{place}");
            self.rerouted.get_or_insert_with(words);
        }
    }
}
