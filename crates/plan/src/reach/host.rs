//! What the host does with a packet: the hooks in the kernel's order, connection tracking, NAT and
//! the choice of a route.

use std::net::IpAddr;

use hallway_spec::Mode;

use super::conntrack::State;
use super::packet::{Flow, Packet};
use super::path::{At, What};
use super::walk::{Death, Door, End, Walk, Walked};
use super::world::HostWay;
use hallway_nftables::evaluate::{Evaluator, PacketContext, PacketVerdict, RuleVerdict};
use hallway_nftables::print;
use hallway_nftables::{ChainType, Family, Hook};

/// Whatever leads out of the host; not one of ours, so of no group.
pub(super) const UPLINK: Door<'static> = Door {
    name: "uplink",
    group: 0,
};
const LOOPBACK: Door<'static> = Door {
    name: "lo",
    group: 0,
};
/// Packets the host makes have come in by nothing.
const NO_DOOR: Door<'static> = Door { name: "", group: 0 };

impl<'w> Walk<'w> {
    /// From one port of a bridge to another, through the inet hooks.
    pub(super) fn bridged(&mut self, packet: Packet, door: Door<'w>) -> Result<Packet, Death> {
        let (mut packet, state) = self.before_routing(packet, door)?;
        self.forward_hook(&packet, &state, door, door.group)?;
        self.after_routing(&mut packet, state, door, door.group, None);
        Ok(packet)
    }

    /// Comes in at the host: for itself, or to be passed on.
    pub(super) fn host_in(&mut self, packet: Packet, door: Door<'w>) -> Walked {
        let (mut packet, state) = self.before_routing(packet, door)?;
        let way = self.host_route(&packet)?;
        let group = match way {
            HostWay::Local => return self.input(packet, &state, door),
            HostWay::Network(position, _) => self.group(position),
            HostWay::Uplink | HostWay::None => 0,
        };
        self.forward_hook(&packet, &state, door, group)?;
        let source = self.world.host_source(&way, packet.flow.to);
        self.after_routing(&mut packet, state, door, group, source);
        self.emit(way, packet)
    }

    fn group(&self, position: usize) -> u32 {
        self.world.network(position).map_or(0, |n| n.group)
    }

    fn host_route(&mut self, packet: &Packet) -> Result<HostWay<'w>, Death> {
        let way = self.world.host_way(packet.flow.to);
        let interface = match way {
            HostWay::Local => "local",
            HostWay::Network(_, link) => link,
            HostWay::Uplink => UPLINK.name,
            HostWay::None => {
                return Err(Death::NoRoute {
                    at: At::Host,
                    to: packet.flow.to,
                });
            }
        };
        let route = What::Route {
            via: None,
            interface: interface.to_owned(),
        };
        self.hop(At::Host, route, packet.flow);
        Ok(way)
    }

    /// Prerouting: the guard, connection tracking, destination NAT.
    fn before_routing(
        &mut self,
        mut packet: Packet,
        door: Door<'w>,
    ) -> Result<(Packet, State), Death> {
        self.guard(&packet, door)?;
        let mut state = self.conntrack.classify(&packet);
        self.destination_nat(&mut packet, &mut state, Hook::Prerouting, door);
        Ok((packet, state))
    }

    fn guard(&mut self, packet: &Packet, door: Door<'w>) -> Result<(), Death> {
        let bare = self.host_sight(packet, door, 0);
        for chain in self.world.inet.hooked(Hook::Prerouting, ChainType::Filter) {
            let ruling = self.world.inet.evaluate(chain, &bare);
            self.ruled(&ruling, Hook::Prerouting, Family::Inet, packet.flow)?;
        }
        Ok(())
    }

    fn destination_nat(
        &mut self,
        packet: &mut Packet,
        state: &mut State,
        hook: Hook,
        door: Door<'w>,
    ) {
        let before = packet.flow;
        if let State::New(entry) = state {
            let sight = self.host_sight(packet, door, 0);
            for chain in self.world.inet.hooked(hook, ChainType::Nat) {
                let ruling = self.world.inet.evaluate(chain, &sight);
                if let PacketVerdict::Dnat(address, port) = ruling.verdict {
                    packet.flow.to = address;
                    packet.flow.port = port.unwrap_or(packet.flow.port);
                    entry.reply = packet.flow.mirrored();
                    entry.dnated = true;
                }
                self.note_ruling(&ruling, hook, Family::Inet, before);
            }
        } else {
            self.conntrack
                .translate_destination(state, &mut packet.flow);
        }
        self.note_translation(before, packet.flow);
    }

    fn note_translation(&mut self, before: Flow, after: Flow) {
        if before != after {
            self.hop(At::Host, What::Translated { before }, after);
        }
    }

    fn forward_hook(
        &mut self,
        packet: &Packet,
        state: &State,
        door: Door<'w>,
        oif_group: u32,
    ) -> Result<(), Death> {
        self.filter_hook(packet, state, door, oif_group, Hook::Forward)
    }

    fn filter_hook(
        &mut self,
        packet: &Packet,
        state: &State,
        door: Door<'w>,
        oif_group: u32,
        hook: Hook,
    ) -> Result<(), Death> {
        let sight = PacketContext {
            established: self.conntrack.established(state),
            invalid: *state == State::Invalid,
            dnated: self.conntrack.dnated(state),
            ..self.host_sight(packet, door, oif_group)
        };
        for chain in self.world.inet.hooked(hook, ChainType::Filter) {
            let ruling = self.world.inet.evaluate(chain, &sight);
            self.ruled(&ruling, hook, Family::Inet, packet.flow)?;
            self.passed = Some((hook, ruling));
        }
        Ok(())
    }

    /// Postrouting: source NAT; from here on the connection is known.
    fn after_routing(
        &mut self,
        packet: &mut Packet,
        mut state: State,
        door: Door<'w>,
        oif_group: u32,
        source: Option<IpAddr>,
    ) {
        let before = packet.flow;
        let dnated = self.conntrack.dnated(&state);
        if let State::New(entry) = &mut state {
            let sight = PacketContext {
                dnated,
                ..self.host_sight(packet, door, oif_group)
            };
            for chain in self.world.inet.hooked(Hook::Postrouting, ChainType::Nat) {
                let ruling = self.world.inet.evaluate(chain, &sight);
                if ruling.verdict == PacketVerdict::Masquerade {
                    let unknown = if packet.flow.from.is_ipv4() {
                        IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)
                    } else {
                        IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
                    };
                    let address = source.unwrap_or(unknown);
                    packet.flow.from = address;
                    entry.reply.to = address;
                }
                self.note_ruling(&ruling, Hook::Postrouting, Family::Inet, before);
            }
        } else {
            self.conntrack.translate_source(&state, &mut packet.flow);
        }
        self.note_translation(before, packet.flow);
        self.conntrack.confirm(&state);
    }

    fn input(&mut self, mut packet: Packet, state: &State, door: Door<'w>) -> Walked {
        self.filter_hook(&packet, state, door, 0, Hook::Input)?;
        let before = packet.flow;
        self.conntrack.translate_source(state, &mut packet.flow);
        self.note_translation(before, packet.flow);
        self.conntrack.confirm(state);
        Ok(End {
            at: At::Host,
            packet,
        })
    }

    pub(super) fn leave_host(&mut self, mut packet: Packet) -> Walked {
        let group_of = |walk: &Self, way| match way {
            HostWay::Network(position, _) => walk.group(position),
            HostWay::Local | HostWay::Uplink | HostWay::None => 0,
        };
        let mut way = self.host_route(&packet)?;
        let mut state = self.conntrack.classify(&packet);
        let asked = packet.flow.to;
        self.destination_nat(&mut packet, &mut state, Hook::Output, NO_DOOR);
        // The filter sees the way that was chosen before the translation.
        let group = group_of(self, way);
        self.filter_hook(&packet, &state, NO_DOOR, group, Hook::Output)?;
        if packet.flow.to != asked {
            way = self.host_route(&packet)?;
        }
        let group = group_of(self, way);
        if matches!(way, HostWay::Local) {
            self.loops(At::Host, packet.flow);
            self.guard(&packet, LOOPBACK)?;
            return self.input(packet, &state, LOOPBACK);
        }
        let source = self.world.host_source(&way, packet.flow.to);
        self.after_routing(&mut packet, state, NO_DOOR, group, source);
        self.emit(way, packet)
    }

    /// Out of the host, to whoever has the address.
    fn emit(&mut self, way: HostWay<'w>, packet: Packet) -> Walked {
        let HostWay::Network(position, link) = way else {
            let kind = What::Link {
                link: UPLINK.name.to_owned(),
                kind: "uplink",
            };
            self.hop(At::Host, kind, packet.flow);
            return Ok(End {
                at: At::Outside,
                packet,
            });
        };
        let bridged = (self.world.network(position)).is_some_and(|n| n.mode == Mode::Bridge);
        if bridged {
            let what = What::Link {
                link: link.to_owned(),
                kind: "bridge",
            };
            self.hop(At::Host, what, packet.flow);
        }
        match self.world.member(position, packet.flow.to) {
            Some((node, interface)) => {
                self.far_port(node, interface, packet.flow);
                self.arrive(node, interface, packet)
            }
            None => Err(Death::Neighbour {
                at: At::Host,
                next: packet.flow.to,
            }),
        }
    }

    fn host_sight<'s>(&self, packet: &Packet, door: Door<'s>, oif_group: u32) -> PacketContext<'s> {
        PacketContext {
            iif: door.name,
            iif_group: door.group,
            oif_group,
            to_local: self.world.is_host(packet.flow.to),
            icmp: packet.icmp_type(),
            ..sight(&packet.flow)
        }
    }

    /// Writes a ruling down; a packet that is discarded goes no further.
    pub(super) fn ruled(
        &mut self,
        ruling: &RuleVerdict,
        hook: Hook,
        family: Family,
        flow: Flow,
    ) -> Result<(), Death> {
        self.note_ruling(ruling, hook, family, flow);
        match ruling.verdict {
            PacketVerdict::Drop | PacketVerdict::Reject => Err(Death::Rule {
                hook,
                ruling: ruling.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// A chain whose end a packet reached had nothing to say.
    fn note_ruling(&mut self, ruling: &RuleVerdict, hook: Hook, family: Family, flow: Flow) {
        let Some(position) = ruling.rule else { return };
        let table: &Evaluator<'_> = match family {
            Family::Bridge => &self.world.bridge,
            _ => &self.world.inet,
        };
        let rule = (table.chain(&ruling.chain)).and_then(|c| c.rules.get(position));
        let what = What::Chain {
            family: family.name().to_owned(),
            table: table.table().to_owned(),
            chain: ruling.chain.clone(),
            hook: hook.name().to_owned(),
            rule: rule.map(|r| print::rule(r, family)),
            comment: ruling.comment.clone(),
            verdict: verdict_name(&ruling.verdict).to_owned(),
            ours: true,
        };
        self.hop(At::Host, what, flow);
    }
}

/// What rules see of a packet as such.
pub(super) fn sight(flow: &Flow) -> PacketContext<'static> {
    PacketContext {
        port: flow.has_ports().then_some(flow.port),
        ..PacketContext::new(flow.from, flow.to, flow.protocol)
    }
}

fn verdict_name(verdict: &PacketVerdict) -> &'static str {
    match verdict {
        PacketVerdict::Accept => "accept",
        PacketVerdict::Drop => "drop",
        PacketVerdict::Reject => "reject",
        PacketVerdict::Dnat(..) => "dnat",
        PacketVerdict::Masquerade => "masquerade",
    }
}
