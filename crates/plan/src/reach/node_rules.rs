//! Rules that programs have made inside nodes: those of the nodes that a packet passes are evaluated like
//! those of other programs on the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hallway_nftables::evaluate::PacketContext;
use hallway_nftables::survey::{Fate, Mark, Translation};
use hallway_nftables::{ChainType, Hook, Priority};

use super::conntrack::{TrackedConnection, TrackingState};
use super::context::context;
use super::foreign::rule_words;
use super::has::Has;
use super::nat::translate;
use super::packet::{Flow, Packet, PacketKind};
use super::passing::Passing;
use super::router::Tracked;
use super::walk::{DropReason, ForeignRule, Walk};
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
        packet: &Packet,
        state: Tracked,
        iif: &str,
        oif: &str,
    ) -> Result<(), DropReason> {
        if !self.world.has_rules(node) {
            return Ok(());
        }
        let context = self.context_in(node, packet, iif, oif);
        let passing = Passing {
            node: Some(&node.name),
            ..Passing::routed(hook, packet, state, context)
        };
        self.in_node(node, |walk| {
            walk.pass_foreign(&passing)?;
            walk.not_translated(node, &passing)
        })
    }

    /// The same before the node chooses a route, for what it receives, or in the hook of output: the
    /// packet may get another destination.
    pub(super) fn destined_by_rules(
        &mut self,
        node: &'w Node,
        hook: Hook,
        mut packet: Packet,
        mut state: Tracked,
        iif: &str,
        oif: &str,
    ) -> Result<(Packet, Tracked), DropReason> {
        if !self.world.has_rules(node) {
            return Ok((packet, state));
        }
        let filters = |walk: &mut Self, packet: &Packet, state, priorities| {
            let context = walk.context_in(node, packet, iif, oif);
            walk.pass_foreign(&Passing {
                node: Some(&node.name),
                priorities,
                ..Passing::routed(hook, packet, state, context)
            })
        };
        self.in_node(node, |walk| {
            filters(walk, &packet, state, (i32::MIN, Priority::DSTNAT.0))?;
            let before = packet;
            if let Some(TrackingState::New(entry)) = &mut state {
                walk.other_destination(node, hook, &mut packet, entry, iif, oif)?;
            }
            walk.note_change(node, before, packet);
            filters(walk, &packet, state, (Priority::DSTNAT.0 + 1, i32::MAX))
        })?;
        Ok((packet, state))
    }

    /// The first rule of a node that gives a packet another destination.
    fn other_destination(
        &mut self,
        node: &'w Node,
        hook: Hook,
        packet: &mut Packet,
        entry: &mut TrackedConnection,
        iif: &str,
        oif: &str,
    ) -> Result<(), DropReason> {
        let asked = *packet;
        let passing = Passing {
            node: Some(&node.name),
            ..Passing::routed(
                hook,
                &asked,
                Some(TrackingState::New(*entry)),
                self.context_in(node, &asked, iif, oif),
            )
        };
        let chains = self.chains_of_others(&passing, &[ChainType::Nat]);
        let found = chains.into_iter().find_map(|(table, chain)| {
            let passage = self.survey(table, chain, &passing);
            (self.mark, self.connection_mark) = (passage.mark, passage.connection_mark);
            let (place, to) = match passage.fate {
                // Other addresses of the sender are given when it leaves.
                Fate::Passes
                | Fate::Translated(_, Translation::Masquerade | Translation::Source(_)) => {
                    return None;
                }
                Fate::Translated(place, Translation::Destination(None, None)) => (place, None),
                Fate::Translated(place, Translation::Destination(address, port)) => {
                    (place, Some((address.unwrap_or(asked.flow.to), port)))
                }
                Fate::Translated(place, Translation::Redirect(port)) => {
                    let own = own_address(node, asked.flow.to, iif);
                    (place, own.map(|own| (own, port)))
                }
                Fate::Unknown(place) | Fate::Dropped(place, _) => (place, None),
            };
            Some((table, place, to))
        });
        let Some((table, place, to)) = found else {
            return Ok(());
        };
        let rule = rule_words(table, &place);
        let Some((address, port)) = to else {
            let node = node.name.clone();
            return Err(DropReason::NodeRules { node, rule });
        };
        let port = port.unwrap_or(asked.flow.port);
        translate(packet, entry, address, port);
        self.note_foreign(table, &place, &passing, "dnat");
        let to = match port {
            0 => address.to_string(),
            port => SocketAddr::new(address, port).to_string(),
        };
        let name = &node.name;
        self.changed.get_or_insert(ForeignRule {
            words: format!("{rule} in node {name} changes its destination to {to}"),
            help: format!("hallway exec {name} -- nft list ruleset shows it"),
        });
        Ok(())
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
        let context = self.context_in(node, packet, "", interface);
        let passing = Passing {
            node: Some(&node.name),
            ..Passing::routed(Hook::Postrouting, packet, Some(state), context)
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
        iif: &'p str,
        oif: &'p str,
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
        let untracked = Some(TrackingState::Untracked);
        self.by_rules_of_node(node, Hook::Prerouting, &asks, untracked, interface, "")?;
        self.by_rules_of_node(node, Hook::Input, &asks, untracked, interface, "")
    }

    /// The packet is not one of which it is not known which address a rule there gives it.
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

/// The address of a node to which it redirects a packet that it sends, or that comes in by an interface.
fn own_address(node: &Node, asked: IpAddr, iif: &str) -> Option<IpAddr> {
    if iif.is_empty() {
        return Some(match asked {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    let interface = node.interfaces.iter().find(|i| i.name == iif)?;
    let mut all = interface.addresses.iter().map(ipnet::IpNet::addr);
    all.find(|own| own.is_ipv4() == asked.is_ipv4())
}
