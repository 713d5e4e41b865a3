//! What a node does with packets that translates addresses: its own connection tracking and its own
//! table.

use super::conntrack::TrackingState;
use super::context::context;
use super::packet::Packet;
use super::path::{HopEvent, Location};
use super::walk::Walk;
use super::world::NextHop;
use crate::settled::Node;
use hallway_nftables::evaluate::{PacketContext, PacketVerdict};
use hallway_nftables::{ChainType, Family, Hook};

/// The connection of a packet in a node that translates addresses or has rules of its own; none in any
/// other.
pub(super) type Tracked = Option<TrackingState>;

impl<'w> Walk<'w> {
    /// Before the node chooses a route: a reply to what it has translated gets its destination back.
    pub(super) fn enters_node(&mut self, node: &'w Node, mut packet: Packet) -> (Packet, Tracked) {
        if !node.masquerades() && !self.world.has_rules(node) {
            return (packet, None);
        }
        let table = self.in_nodes.entry(&node.name).or_default();
        let state = table.classify(&packet);
        let before = packet;
        table.translate_destination(&state, &mut packet.flow);
        self.note_change(node, before, packet);
        (packet, Some(state))
    }

    /// The packet is for the node itself.
    pub(super) fn for_node(
        &mut self,
        node: &'w Node,
        mut packet: Packet,
        state: Tracked,
    ) -> Packet {
        let Some(state) = state else { return packet };
        let before = packet;
        let table = self.in_nodes.entry(&node.name).or_default();
        table.translate_source(&state, &mut packet.flow);
        table.confirm(&state);
        self.note_change(node, before, packet);
        packet
    }

    /// The packet leaves the node: what begins a connection is masqueraded where the interface says so.
    pub(super) fn out_of_node(
        &mut self,
        node: &'w Node,
        next: &NextHop,
        interface: &str,
        mut packet: Packet,
        state: Tracked,
    ) -> Packet {
        let Some(mut state) = state else {
            return packet;
        };
        let before = packet;
        if let TrackingState::New(entry) = &mut state {
            let context = PacketContext {
                oif: interface,
                ..context(&packet.flow)
            };
            let world = self.world;
            let rules = world.table_of(node);
            if let Some(rules) = &rules {
                for chain in rules.hooked(Hook::Postrouting, ChainType::Nat) {
                    let verdict = rules.evaluate(chain, &context);
                    if verdict.verdict == PacketVerdict::Masquerade
                        && let Some(own) = world.source(node, next)
                    {
                        packet.flow.from = own;
                        entry.reply.to = own;
                    }
                    let at = Location::Node(node.name.clone());
                    self.record_verdict_at(
                        at,
                        rules,
                        &verdict,
                        Hook::Postrouting,
                        Family::Inet,
                        before.flow,
                    );
                }
            }
        }
        if let TrackingState::New(entry) = &mut state
            && packet.flow.from == before.flow.from
        {
            let state = TrackingState::New(*entry);
            if let Some(own) = self.source_by_rules(node, next, interface, &before, state) {
                (packet.flow.from, entry.reply.to) = (own, own);
            }
        }
        let table = self.in_nodes.entry(&node.name).or_default();
        table.translate_source(&state, &mut packet.flow);
        table.confirm(&state);
        self.note_change(node, before, packet);
        packet
    }

    pub(super) fn note_change(&mut self, node: &Node, before: Packet, after: Packet) {
        if before.flow != after.flow {
            let before = before.flow;
            let at = Location::Node(node.name.clone());
            self.hop(at, HopEvent::Translated { before }, after.flow);
        }
    }
}
