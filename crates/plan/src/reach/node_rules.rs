//! Rules that programs have made inside nodes: those of the nodes that a packet passes are evaluated like
//! those of other programs on the host. Other destinations that they give to packets are not followed.

use std::net::{IpAddr, Ipv6Addr};

use hallway_nftables::evaluate::PacketContext;
use hallway_nftables::survey::{Fate, Mark, Translation};
use hallway_nftables::{ChainType, Hook};

use super::conntrack::TrackingState;
use super::context::context;
use super::foreign::{Class, Passing, rule_words};
use super::has::Has;
use super::packet::{Flow, Packet, PacketKind};
use super::router::Tracked;
use super::walk::{DropReason, Walk};
use super::world::{NextHop, World};
use crate::settled::Node;

/// IPPROTO_ICMPV6.
const ICMPV6: u8 = 58;

/// The group of those who may have an address (RFC 4291, section 2.7.1).
fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

impl World<'_> {
    /// Whether programs in a node have made rules there.
    pub(super) fn has_rules(&self, node: &Node) -> bool {
        let inside = self.environment.inside.get(&node.name);
        inside.is_some_and(|inside| !inside.tables.is_empty())
    }
}

impl<'w> Walk<'w> {
    /// Passes a packet through the rules in a node.
    pub(super) fn by_rules_of_node(
        &mut self,
        node: &'w Node,
        hook: Hook,
        (packet, state): (&Packet, Tracked),
        (iif, oif): (&str, &str),
    ) -> Result<(), DropReason> {
        if !self.world.has_rules(node) {
            return Ok(());
        }
        let context = self.context_in(node, packet, (iif, oif));
        let passing = Passing {
            node: Some(&node.name),
            ..Passing::all((Class::Routed, hook), packet, state, context)
        };
        self.in_node(node, |walk| {
            walk.pass_foreign(&passing)?;
            walk.not_translated(node, &passing)
        })
    }

    /// The source address that rules of a node give to a packet that begins a connection.
    pub(super) fn source_by_rules(
        &mut self,
        node: &'w Node,
        next: &NextHop,
        interface: &str,
        packet: &Packet,
        state: TrackingState,
    ) -> Option<IpAddr> {
        if !self.world.has_rules(node) {
            return None;
        }
        let context = self.context_in(node, packet, ("", interface));
        let passing = Passing {
            node: Some(&node.name),
            ..Passing::all(
                (Class::Routed, Hook::Postrouting),
                packet,
                Some(state),
                context,
            )
        };
        let world = self.world;
        self.in_node(node, |walk| {
            let chains = walk.chains_of_others(&passing, &[ChainType::Nat]);
            chains.into_iter().find_map(|(table, chain)| {
                let (place, address, verdict) = match walk.survey(table, chain, &passing).fate {
                    Fate::Translated(place, Translation::Masquerade) => {
                        (place, world.source(node, next)?, "masquerade")
                    }
                    Fate::Translated(place, Translation::Source(Some(address))) => {
                        (place, address, "snat")
                    }
                    _ => return None,
                };
                walk.note_foreign(table, &place, &passing, verdict);
                Some(address)
            })
        })
    }

    /// The connections and marks of a node are its own.
    fn in_node<T>(&mut self, node: &'w Node, act: impl FnOnce(&mut Self) -> T) -> T {
        let own = self.in_nodes.remove(&node.name).unwrap_or_default();
        let of_host = std::mem::replace(&mut self.conntrack, own);
        let marks = (self.mark, self.connection_mark);
        (self.mark, self.connection_mark) = (Mark::NONE, Mark::ANY);
        let out = act(self);
        (self.mark, self.connection_mark) = marks;
        let own = std::mem::replace(&mut self.conntrack, of_host);
        self.in_nodes.insert(&node.name, own);
        out
    }

    fn context_in<'p>(
        &self,
        node: &Node,
        packet: &Packet,
        (iif, oif): (&'p str, &'p str),
    ) -> PacketContext<'p> {
        PacketContext {
            iif,
            oif,
            icmp: packet.icmp_type(),
            to_local: self.world.has(node, packet.flow.to) == Has::Yes,
            ..context(&packet.flow)
        }
    }

    /// The rules of a node let it answer for its address: in IPv6 they see the request, too.
    pub(super) fn solicited(
        &mut self,
        node: &'w Node,
        interface: &str,
        packet: &Packet,
    ) -> Result<(), DropReason> {
        let IpAddr::V6(to) = packet.flow.to else {
            return Ok(());
        };
        let asks = Packet {
            kind: PacketKind::Solicitation,
            flow: Flow {
                to: solicited_node(to).into(),
                protocol: ICMPV6,
                source_port: 0,
                port: 0,
                ..packet.flow
            },
        };
        let untracked = (&asks, Some(TrackingState::Untracked));
        self.by_rules_of_node(node, Hook::Prerouting, untracked, (interface, ""))?;
        self.by_rules_of_node(node, Hook::Input, untracked, (interface, ""))
    }

    /// The packet is not one that a rule there gives another address.
    fn not_translated(&mut self, node: &Node, passing: &Passing<'_>) -> Result<(), DropReason> {
        if !matches!(passing.state, Some(TrackingState::New(_))) {
            return Ok(());
        }
        for (table, chain) in self.chains_of_others(passing, &[ChainType::Nat]) {
            match self.survey(table, chain, passing).fate {
                Fate::Passes => {}
                // Done when it leaves.
                Fate::Translated(_, Translation::Masquerade | Translation::Source(Some(_))) => {}
                Fate::Translated(place, _) | Fate::Unknown(place) | Fate::Dropped(place, _) => {
                    return Err(DropReason::NodeRules {
                        node: node.name.clone(),
                        rule: rule_words(table, &place),
                    });
                }
            }
        }
        Ok(())
    }
}
