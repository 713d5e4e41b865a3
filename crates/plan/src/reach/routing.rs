//! Routing rules of the host by which it drops packets of nodes before it looks up the table main, and
//! what programs in nodes have added of that kind; programs of XDP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_spec::IpVersion;
use ipnet::IpNet;

use super::host_rules::{HostRule, Looks, OwnRouting};
use super::packet::Packet;
use super::walk::{DropReason, Walk};
use super::world::{HostPort, NextHop, UPLINK, World};
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
    /// Whether the host drops what it routes to a network of the project, or elsewhere.
    pub(super) fn by_routing_rules(
        &mut self,
        packet: &Packet,
        from: HostPort<'w>,
        to_network: bool,
    ) -> Result<(), DropReason> {
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
                    return Ok(());
                }
                continue;
            }
            match (matches, rule.found(&packet.flow.to)) {
                (Matches::Yes, Some((net, true))) => {
                    return Err(DropReason::Diverted(rule.diverts(net)));
                }
                (Matches::Yes, Some((_, false))) => return Ok(()),
                (Matches::Perhaps, Some((net, true))) => {
                    let words = rule.diverts(net).by;
                    self.rerouted.get_or_insert(words);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What a program of XDP does with packets is not known.
    pub(super) fn by_xdp(&mut self, links: &BTreeSet<String>, link: &str, place: &str) {
        if links.contains(link) {
            let words = || format!("the XDP program of {link}{place}");
            self.rerouted.get_or_insert_with(words);
        }
    }
}
