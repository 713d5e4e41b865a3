//! What the host does with a packet: the hooks in the kernel's order, connection tracking, NAT and
//! the choice of a route.

use std::net::IpAddr;

use hallway_spec::Mode;

use super::conntrack::State;
use super::packet::{Flow, Packet};
use super::path::{HopEvent, Location};
use super::walk::{Arrival, DropReason, HostPort, Walk, WalkResult};
use super::world::HostRoute;
use crate::rules::eval::{Evaluator, Ruling, Sight, Verdict};
use crate::rules::ir::{self, Hook};
use crate::rules::text;

/// Whatever leads out of the host; not one of ours, so of no group.
pub(super) const UPLINK: HostPort<'static> = HostPort {
    name: "uplink",
    group: 0,
};
const LOOPBACK: HostPort<'static> = HostPort {
    name: "lo",
    group: 0,
};
/// Packets the host makes have come in by nothing.
const NO_PORT: HostPort<'static> = HostPort { name: "", group: 0 };

impl<'w> Walk<'w> {
    /// From one port of a bridge to another, through the inet hooks.
    pub(super) fn bridged(
        &mut self,
        packet: Packet,
        door: HostPort<'w>,
    ) -> Result<Packet, DropReason> {
        let (mut packet, state) = self.before_routing(packet, door)?;
        self.forward_hook(&packet, &state, door, door.group)?;
        self.after_routing(&mut packet, state, door, door.group, None);
        Ok(packet)
    }

    /// Comes in at the host: for itself, or to be passed on.
    pub(super) fn host_in(&mut self, packet: Packet, door: HostPort<'w>) -> WalkResult {
        let (mut packet, state) = self.before_routing(packet, door)?;
        let way = self.host_route(&packet)?;
        let group = match way {
            HostRoute::Local => return self.input(packet, &state, door),
            HostRoute::Network(position, _) => self.group(position),
            HostRoute::Uplink | HostRoute::None => 0,
        };
        self.forward_hook(&packet, &state, door, group)?;
        let source = self.world.host_source(&way, packet.flow.to);
        self.after_routing(&mut packet, state, door, group, source);
        self.emit(way, packet)
    }

    fn group(&self, position: usize) -> u32 {
        self.world.network(position).map_or(0, |n| n.group)
    }

    fn host_route(&mut self, packet: &Packet) -> Result<HostRoute<'w>, DropReason> {
        let way = self.world.route_of_host(packet.flow.to);
        let interface = match way {
            HostRoute::Local => "local",
            HostRoute::Network(_, link) => link,
            HostRoute::Uplink => UPLINK.name,
            HostRoute::None => {
                return Err(DropReason::NoRoute {
                    at: Location::Host,
                    to: packet.flow.to,
                });
            }
        };
        let route = HopEvent::Route {
            via: None,
            interface: interface.to_owned(),
        };
        self.hop(Location::Host, route, packet.flow);
        Ok(way)
    }

    /// Prerouting: the guard, connection tracking, destination NAT.
    fn before_routing(
        &mut self,
        mut packet: Packet,
        door: HostPort<'w>,
    ) -> Result<(Packet, State), DropReason> {
        self.guard(&packet, door)?;
        let mut state = self.conntrack.classify(&packet);
        self.destination_nat(&mut packet, &mut state, Hook::Prerouting, door);
        Ok((packet, state))
    }

    fn guard(&mut self, packet: &Packet, door: HostPort<'w>) -> Result<(), DropReason> {
        let bare = self.host_sight(packet, door, 0);
        for chain in self.world.inet.hooked(Hook::Prerouting, false) {
            let ruling = self.world.inet.ask(chain, &bare);
            self.ruled(&ruling, Hook::Prerouting, ir::Family::Inet, packet.flow)?;
        }
        Ok(())
    }

    fn destination_nat(
        &mut self,
        packet: &mut Packet,
        state: &mut State,
        hook: Hook,
        door: HostPort<'w>,
    ) {
        let before = packet.flow;
        if let State::New(entry) = state {
            let sight = self.host_sight(packet, door, 0);
            for chain in self.world.inet.hooked(hook, true) {
                let ruling = self.world.inet.ask(chain, &sight);
                if let Verdict::Dnat(address, port) = ruling.verdict {
                    packet.flow.to = address;
                    packet.flow.port = port.unwrap_or(packet.flow.port);
                    entry.reply = packet.flow.mirrored();
                    entry.dnated = true;
                }
                self.note_ruling(&ruling, hook, ir::Family::Inet, before);
            }
        } else {
            self.conntrack
                .translate_destination(state, &mut packet.flow);
        }
        self.note_translation(before, packet.flow);
    }

    fn note_translation(&mut self, before: Flow, after: Flow) {
        if before != after {
            self.hop(Location::Host, HopEvent::Translated { before }, after);
        }
    }

    fn forward_hook(
        &mut self,
        packet: &Packet,
        state: &State,
        door: HostPort<'w>,
        oif_group: u32,
    ) -> Result<(), DropReason> {
        self.filter_hook(packet, state, door, oif_group, Hook::Forward)
    }

    fn filter_hook(
        &mut self,
        packet: &Packet,
        state: &State,
        door: HostPort<'w>,
        oif_group: u32,
        hook: Hook,
    ) -> Result<(), DropReason> {
        let sight = Sight {
            established: self.conntrack.established(state),
            invalid: *state == State::Invalid,
            dnated: self.conntrack.dnated(state),
            ..self.host_sight(packet, door, oif_group)
        };
        for chain in self.world.inet.hooked(hook, false) {
            let ruling = self.world.inet.ask(chain, &sight);
            self.ruled(&ruling, hook, ir::Family::Inet, packet.flow)?;
            self.passed = Some((hook, ruling));
        }
        Ok(())
    }

    /// Postrouting: source NAT; from here on the connection is known.
    fn after_routing(
        &mut self,
        packet: &mut Packet,
        mut state: State,
        door: HostPort<'w>,
        oif_group: u32,
        source: Option<IpAddr>,
    ) {
        let before = packet.flow;
        let dnated = self.conntrack.dnated(&state);
        if let State::New(entry) = &mut state {
            let sight = Sight {
                dnated,
                ..self.host_sight(packet, door, oif_group)
            };
            for chain in self.world.inet.hooked(Hook::Postrouting, true) {
                let ruling = self.world.inet.ask(chain, &sight);
                if ruling.verdict == Verdict::Masquerade {
                    let unknown = if packet.flow.from.is_ipv4() {
                        IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED)
                    } else {
                        IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED)
                    };
                    let address = source.unwrap_or(unknown);
                    packet.flow.from = address;
                    entry.reply.to = address;
                }
                self.note_ruling(&ruling, Hook::Postrouting, ir::Family::Inet, before);
            }
        } else {
            self.conntrack.translate_source(&state, &mut packet.flow);
        }
        self.note_translation(before, packet.flow);
        self.conntrack.confirm(&state);
    }

    fn input(&mut self, mut packet: Packet, state: &State, door: HostPort<'w>) -> WalkResult {
        self.filter_hook(&packet, state, door, 0, Hook::Input)?;
        let before = packet.flow;
        self.conntrack.translate_source(state, &mut packet.flow);
        self.note_translation(before, packet.flow);
        self.conntrack.confirm(state);
        Ok(Arrival {
            at: Location::Host,
            packet,
        })
    }

    pub(super) fn leave_host(&mut self, mut packet: Packet) -> WalkResult {
        let group_of = |walk: &Self, way| match way {
            HostRoute::Network(position, _) => walk.group(position),
            HostRoute::Local | HostRoute::Uplink | HostRoute::None => 0,
        };
        let mut way = self.host_route(&packet)?;
        let mut state = self.conntrack.classify(&packet);
        let asked = packet.flow.to;
        self.destination_nat(&mut packet, &mut state, Hook::Output, NO_PORT);
        // The filter sees the way that was chosen before the translation.
        let group = group_of(self, way);
        self.filter_hook(&packet, &state, NO_PORT, group, Hook::Output)?;
        if packet.flow.to != asked {
            way = self.host_route(&packet)?;
        }
        let group = group_of(self, way);
        if matches!(way, HostRoute::Local) {
            self.loops(Location::Host, packet.flow);
            self.guard(&packet, LOOPBACK)?;
            return self.input(packet, &state, LOOPBACK);
        }
        let source = self.world.host_source(&way, packet.flow.to);
        self.after_routing(&mut packet, state, NO_PORT, group, source);
        self.emit(way, packet)
    }

    /// Out of the host, to whoever has the address.
    fn emit(&mut self, way: HostRoute<'w>, packet: Packet) -> WalkResult {
        let HostRoute::Network(position, link) = way else {
            let kind = HopEvent::Link {
                link: UPLINK.name.to_owned(),
                kind: "uplink",
            };
            self.hop(Location::Host, kind, packet.flow);
            return Ok(Arrival {
                at: Location::Outside,
                packet,
            });
        };
        let bridged = (self.world.network(position)).is_some_and(|n| n.mode == Mode::Bridge);
        if bridged {
            let event = HopEvent::Link {
                link: link.to_owned(),
                kind: "bridge",
            };
            self.hop(Location::Host, event, packet.flow);
        }
        match self.world.member(position, packet.flow.to) {
            Some((node, interface)) => {
                self.far_port(node, interface, packet.flow);
                self.arrive(node, interface, packet)
            }
            None => Err(DropReason::Neighbour {
                at: Location::Host,
                next: packet.flow.to,
            }),
        }
    }

    fn host_sight<'s>(&self, packet: &Packet, door: HostPort<'s>, oif_group: u32) -> Sight<'s> {
        Sight {
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
        ruling: &Ruling,
        hook: Hook,
        family: ir::Family,
        flow: Flow,
    ) -> Result<(), DropReason> {
        self.note_ruling(ruling, hook, family, flow);
        match ruling.verdict {
            Verdict::Drop | Verdict::Reject => Err(DropReason::Rule {
                hook,
                ruling: ruling.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// A chain whose end a packet reached had nothing to say.
    fn note_ruling(&mut self, ruling: &Ruling, hook: Hook, family: ir::Family, flow: Flow) {
        let Some(position) = ruling.rule else { return };
        let table: &Evaluator<'_> = match family {
            ir::Family::Inet => &self.world.inet,
            ir::Family::Bridge => &self.world.bridge,
        };
        let rule = (table.chain(&ruling.chain)).and_then(|c| c.rules.get(position));
        let event = HopEvent::Chain {
            family: text::family(family).to_owned(),
            table: table.table().to_owned(),
            chain: ruling.chain.clone(),
            hook: text::hook(hook).to_owned(),
            rule: rule.map(|r| text::rule(r, family)),
            comment: ruling.comment.clone(),
            verdict: verdict_name(&ruling.verdict).to_owned(),
            ours: true,
        };
        self.hop(Location::Host, event, flow);
    }
}

/// What rules see of a packet as such.
pub(super) fn sight(flow: &Flow) -> Sight<'static> {
    Sight {
        iif: "",
        iif_group: 0,
        oif_group: 0,
        mac: [0; 6],
        from: flow.from,
        to: flow.to,
        protocol: flow.protocol,
        port: flow.has_ports().then_some(flow.port),
        icmp: None,
        established: false,
        invalid: false,
        dnated: false,
        to_local: false,
    }
}

fn verdict_name(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Drop => "drop",
        Verdict::Reject => "reject",
        Verdict::Dnat(..) => "dnat",
        Verdict::Masquerade => "masquerade",
    }
}
