//! The host's NAT: by the rules of projects, and of other programs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::rc::Rc;

use super::conntrack::{TrackedConnection, TrackingState};
use super::foreign::{rule_words, shows};
use super::packet::{Flow, Packet};
use super::passing::Passing;
use super::path::{HopEvent, Location};
use super::walk::{ForeignRule, Walk};
use super::world::HostPort;
use hallway_nftables::evaluate::{PacketContext, PacketVerdict};
use hallway_nftables::survey::{Fate, Translation};
use hallway_nftables::{ChainType, Family, Hook, Priority};

impl<'w> Walk<'w> {
    pub(super) fn destination_nat(
        &mut self,
        packet: &mut Packet,
        state: &mut TrackingState,
        hook: Hook,
        from: HostPort<'w>,
    ) {
        let before = packet.flow;
        if let TrackingState::New(entry) = state {
            let own = Priority::BEFORE_DSTNAT.0;
            let earlier = (i32::MIN, own - 1);
            self.translated_by_others(packet, entry, hook, from, earlier);
            self.translated_by_projects(packet, entry, hook, from);
            let later = (own, i32::MAX);
            self.translated_by_others(packet, entry, hook, from, later);
        } else {
            self.conntrack
                .translate_destination(state, &mut packet.flow);
        }
        self.note_translation(before, packet.flow);
    }

    /// A packet that one project has translated is not translated by another.
    fn translated_by_projects(
        &mut self,
        packet: &mut Packet,
        entry: &mut TrackedConnection,
        hook: Hook,
        from: HostPort<'w>,
    ) {
        let before = packet.flow;
        let context = self.host_context(packet, from, 0);
        let world = self.world;
        let others = Rc::clone(&self.others);
        for rules in std::iter::once(&world.inet).chain(others.iter()) {
            for chain in rules.hooked(hook, ChainType::Nat) {
                let verdict = rules.evaluate(chain, &context);
                if let (PacketVerdict::Dnat(address, port), false) =
                    (&verdict.verdict, entry.dnated)
                {
                    let port = port.unwrap_or(packet.flow.port);
                    translate(packet, entry, *address, port);
                }
                self.record_verdict(rules, &verdict, hook, Family::Inet, before);
            }
        }
    }

    /// The first chain that translates a packet decides; of those at one priority, which is first
    /// depends on when they were made.
    fn translated_by_others(
        &mut self,
        packet: &mut Packet,
        entry: &mut TrackedConnection,
        hook: Hook,
        from: HostPort<'w>,
        priorities: (i32, i32),
    ) {
        let context = self.host_context(packet, from, 0);
        let asked = *packet;
        let passing = Passing {
            priorities,
            ..Passing::routed(hook, &asked, Some(TrackingState::New(*entry)), context)
        };
        for (table, chain) in self.chains_of_others(&passing, &[ChainType::Nat]) {
            let same = chain
                .base
                .is_some_and(|b| b.priority == Priority::BEFORE_DSTNAT);
            if entry.dnated && !same {
                return;
            }
            let passage = self.survey(table, chain, &passing);
            (self.mark, self.connection_mark) = (passage.mark, passage.connection_mark);
            let (place, translation) = match passage.fate {
                Fate::Passes => continue,
                Fate::Unknown(place) | Fate::Dropped(place, _) => {
                    self.unsure.get_or_insert(rule_words(table, &place));
                    continue;
                }
                Fate::Translated(place, translation) => (place, translation),
            };
            let words = rule_words(table, &place);
            let to = match translation {
                _ if entry.dnated => None,
                Translation::Destination(None, None) => None,
                Translation::Destination(address, port) => {
                    Some((address.unwrap_or(packet.flow.to), port))
                }
                Translation::Redirect(port) => Some((self.own_address(packet, hook, from), port)),
                Translation::Source(_) | Translation::Masquerade => continue,
            };
            let Some((address, port)) = to else {
                self.unsure.get_or_insert(words);
                continue;
            };
            let port = port.unwrap_or(packet.flow.port);
            translate(packet, entry, address, port);
            self.note_foreign(table, &place, &passing, "dnat");
            let to = match port {
                0 => address.to_string(),
                port => std::net::SocketAddr::new(address, port).to_string(),
            };
            self.changed.get_or_insert(ForeignRule {
                words: format!("{words}, which is not hallway's, changes its destination to {to}"),
                help: shows(table, &place),
            });
        }
    }

    /// The host's address to which a packet is redirected.
    fn own_address(&self, packet: &Packet, hook: Hook, from: HostPort<'w>) -> IpAddr {
        let asked = packet.flow.to;
        let v4 = asked.is_ipv4();
        if hook == Hook::Output {
            return match v4 {
                true => Ipv4Addr::LOCALHOST.into(),
                false => Ipv6Addr::LOCALHOST.into(),
            };
        }
        let networks = self.world.settled().networks.iter();
        let of_link = networks.filter(|n| from.group != 0 && n.group_of_packets() == from.group);
        let mut all = of_link.flat_map(|n| n.gateways());
        all.find(|a| a.is_ipv4() == v4)
            .or_else(|| {
                let mut own = self.world.environment.host_addresses.iter().copied();
                own.find(|a| a.is_ipv4() == v4 && !self.world.is_host(asked))
            })
            .unwrap_or(asked)
    }

    /// Source NAT of a packet that begins a connection.
    pub(super) fn source_nat(
        &mut self,
        packet: &mut Packet,
        entry: &mut TrackedConnection,
        context: &PacketContext<'_>,
        source: Option<IpAddr>,
    ) {
        let before = *packet;
        let world = self.world;
        let unknown = match packet.flow.from {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let own = source.unwrap_or(unknown);
        self.leaves_as = world.only_address(self.with_links(context).oif, own);
        let mut done = false;
        for chain in world.inet.hooked(Hook::Postrouting, ChainType::Nat) {
            let verdict = world.inet.evaluate(chain, context);
            if verdict.verdict == PacketVerdict::Masquerade {
                (packet.flow.from, entry.reply.to, done) = (own, own, true);
            }
            self.record_verdict(
                &world.inet,
                &verdict,
                Hook::Postrouting,
                Family::Inet,
                before.flow,
            );
        }
        let passing = Passing::routed(
            Hook::Postrouting,
            &before,
            Some(TrackingState::New(*entry)),
            *context,
        );
        for (table, chain) in self.chains_of_others(&passing, &[ChainType::Nat]) {
            if done {
                return;
            }
            let passage = self.survey(table, chain, &passing);
            (self.mark, self.connection_mark) = (passage.mark, passage.connection_mark);
            let address = match passage.fate {
                Fate::Translated(_, Translation::Masquerade) => own,
                Fate::Translated(_, Translation::Source(Some(address))) => address,
                Fate::Translated(place, _) | Fate::Unknown(place) | Fate::Dropped(place, _) => {
                    self.unsure.get_or_insert(rule_words(table, &place));
                    continue;
                }
                Fate::Passes => continue,
            };
            (packet.flow.from, entry.reply.to, done) = (address, address, true);
        }
    }

    pub(super) fn note_translation(&mut self, before: Flow, after: Flow) {
        if before != after {
            self.hop(Location::Host, HopEvent::Translated { before }, after);
        }
    }
}

/// Changes the destination of a packet and of its connection.
pub(super) fn translate(
    packet: &mut Packet,
    entry: &mut TrackedConnection,
    address: IpAddr,
    port: u16,
) {
    packet.flow.to = address;
    packet.flow.port = port;
    entry.reply = packet.flow.mirrored();
    entry.dnated = true;
}
