//! What the host does with a packet: the hooks in the kernel's order, connection tracking, NAT and
//! the choice of a route.

use std::net::IpAddr;
use std::rc::Rc;

use hallway_spec::Mode;

use super::conntrack::TrackingState;
use super::context::context;
use super::inside::Neighbour;
use super::packet::{Packet, PacketKind};
use super::passing::Passing;
use super::path::{HopEvent, Location};
use super::walk::{Arrival, DropReason, Walk, WalkResult};
use super::world::{HostPort, HostRoute, UPLINK};
use hallway_nftables::evaluate::{Evaluator, PacketContext};
use hallway_nftables::{Chain, ChainType, Family, Hook, Priority};

const LOOPBACK: HostPort<'static> = HostPort {
    name: "lo",
    group: 0,
};
/// Packets that the host itself sends have no incoming link.
pub(super) const NO_PORT: HostPort<'static> = HostPort { name: "", group: 0 };

impl<'w> Walk<'w> {
    /// Comes in at the host: for itself, or to be forwarded.
    pub(super) fn host_in(&mut self, packet: Packet, from: HostPort<'w>) -> WalkResult {
        let (packet, state) = self.before_routing(packet, from)?;
        self.routed_by_host(packet, state, from)
    }

    /// After the prerouting hooks.
    pub(super) fn routed_by_host(
        &mut self,
        mut packet: Packet,
        state: TrackingState,
        from: HostPort<'w>,
    ) -> WalkResult {
        self.reverse_path_of_host(&packet, from)?;
        let route = self.host_route(&packet, from)?;
        if matches!(route, HostRoute::Local) {
            return self.input(packet, &state, from);
        }
        let others = self.world.external(from.name);
        let others = others.filter(|_| !self.conntrack.dnated(&state));
        if let (HostRoute::Uplink(_) | HostRoute::ByRule(..), Some(network)) = (&route, others) {
            return Err(DropReason::External {
                network: network.name.clone(),
                to: packet.flow.to,
            });
        }
        let to = self.world.port(route, packet.flow.to);
        self.forward_hook(&packet, &state, from, to)?;
        let source = self.world.host_source(&route, packet.flow.to);
        self.after_routing(&mut packet, state, from, to, source)?;
        self.emit(route, packet, state)
    }

    /// Prerouting: the guard, connection tracking, destination NAT.
    pub(super) fn before_routing(
        &mut self,
        mut packet: Packet,
        from: HostPort<'w>,
    ) -> Result<(Packet, TrackingState), DropReason> {
        self.guard(&packet, from)?;
        let asked = packet;
        let context = self.host_context(&asked, from, 0);
        let untracked = Passing::routed(Hook::Prerouting, &asked, None, context);
        let mut state = self.tracking(untracked)?;
        let tracked = Passing::routed(Hook::Prerouting, &asked, Some(state), context);
        self.pass_foreign(&tracked.up_to(Priority::MANGLE))?;
        self.answer_by_source(&mut packet, &state, from);
        let renamed = packet;
        let context = self.host_context(&renamed, from, 0);
        let passing = Passing::routed(Hook::Prerouting, &renamed, Some(state), context);
        self.pass_foreign(&passing.between(Priority::MANGLE, Priority::DSTNAT))?;
        self.destination_nat(&mut packet, &mut state, Hook::Prerouting, from);
        let context = self.host_context(&packet, from, 0);
        let translated = Passing::routed(Hook::Prerouting, &packet, Some(state), context);
        self.pass_foreign(&translated.after(Priority::DSTNAT))?;
        Ok((packet, state))
    }

    fn guard(&mut self, packet: &Packet, from: HostPort<'w>) -> Result<(), DropReason> {
        let bare = self.host_context(packet, from, 0);
        let among_others = self.with_links(&bare);
        let world = self.world;
        let others = Rc::clone(&self.others);
        let own = std::iter::once((&world.inet, &bare));
        for (rules, packet_there) in own.chain(others.iter().map(|o| (o, &among_others))) {
            for chain in rules.hooked(Hook::Prerouting, ChainType::Filter) {
                let verdict = rules.evaluate(chain, packet_there);
                self.apply_verdict_of(rules, &verdict, Hook::Prerouting, packet.flow)?;
            }
        }
        Ok(())
    }

    pub(super) fn forward_hook(
        &mut self,
        packet: &Packet,
        state: &TrackingState,
        from: HostPort<'w>,
        to: HostPort<'w>,
    ) -> Result<(), DropReason> {
        self.filter_hook(packet, state, from, to, Hook::Forward)
    }

    fn filter_hook(
        &mut self,
        packet: &Packet,
        state: &TrackingState,
        from: HostPort<'w>,
        to: HostPort<'w>,
        hook: Hook,
    ) -> Result<(), DropReason> {
        let bare = PacketContext {
            oif: to.name,
            ..self.host_context(packet, from, to.group)
        };
        let mut context = PacketContext {
            established: self.conntrack.established(state),
            invalid: *state == TrackingState::Invalid,
            mid_stream: packet.kind == PacketKind::Ack && matches!(state, TrackingState::New(_)),
            dnated: self.conntrack.dnated(state),
            ..bare
        };
        let others = Rc::clone(&self.others);
        let mut first = true;
        for (chain, of) in self.chains_of_projects(hook, &others) {
            let Some(rules) = of else {
                let verdict = self.world.inet.evaluate(chain, &context);
                self.apply_verdict(&verdict, hook, Family::Inet, packet.flow)?;
                context.mark = verdict.mark;
                // A later chain without a deciding rule is not the reason.
                if verdict.rule.is_some() || first {
                    self.passed = Some((hook, verdict));
                }
                first = false;
                continue;
            };
            // Rules of other programs match links by name.
            let verdict = rules.evaluate(chain, &self.with_links(&context));
            self.apply_verdict_of(rules, &verdict, hook, packet.flow)?;
            context.mark = verdict.mark;
        }
        let named = self.with_links(&context);
        let all = Passing::routed(hook, packet, Some(*state), named);
        self.unmarking = None;
        self.pass_foreign(&match hook {
            Hook::Output => all.after(Priority::DSTNAT),
            _ => all,
        })?;
        self.by_keeper_guard(hook, &context, packet.flow)
    }

    /// The filters of every project, in the order in which packets pass them: each finds the marks of the
    /// chains before. Those of other projects have their rules.
    fn chains_of_projects<'o>(
        &self,
        hook: Hook,
        others: &'o [Evaluator<'w>],
    ) -> Vec<(&'w Chain, Option<&'o Evaluator<'w>>)> {
        let hooked = |rules: &Evaluator<'w>| rules.hooked(hook, ChainType::Filter);
        let own = hooked(&self.world.inet)
            .into_iter()
            .map(|chain| (chain, None));
        let of_others = others.iter().flat_map(|rules| {
            let chains = hooked(rules).into_iter();
            chains.map(move |chain| (chain, Some(rules)))
        });
        let mut all: Vec<_> = own.chain(of_others).collect();
        all.sort_by_key(|(chain, _)| chain.base.map(|base| base.priority));
        all
    }

    /// Postrouting: source NAT; after this the connection is tracked.
    pub(super) fn after_routing(
        &mut self,
        packet: &mut Packet,
        mut state: TrackingState,
        from: HostPort<'w>,
        to: HostPort<'w>,
        source: Option<IpAddr>,
    ) -> Result<(), DropReason> {
        let before = *packet;
        let context = PacketContext {
            dnated: self.conntrack.dnated(&state),
            oif: to.name,
            ..self.host_context(&before, from, to.group)
        };
        let passing = Passing::routed(Hook::Postrouting, &before, Some(state), context);
        self.pass_foreign(&Passing {
            priorities: (i32::MIN, Priority::SRCNAT.0),
            ..passing
        })?;
        if let TrackingState::New(entry) = &mut state {
            self.source_nat(packet, entry, &context, source);
            if packet.flow.has_ports() && self.conntrack.clashes(entry) {
                // The kernel chooses any other; a client's port is not known anyway.
                (packet.flow.source_port, entry.reply.port) = (0, 0);
            }
        } else {
            self.conntrack.translate_source(&state, &mut packet.flow);
        }
        self.note_translation(before.flow, packet.flow);
        let after = PacketContext {
            from: packet.flow.from,
            ..context
        };
        let inet = &self.world.inet;
        for chain in inet.hooked(Hook::Postrouting, ChainType::Filter) {
            let verdict = inet.evaluate(chain, &after);
            self.apply_verdict(&verdict, Hook::Postrouting, Family::Inet, packet.flow)?;
        }
        let passing = Passing::routed(Hook::Postrouting, packet, Some(state), after);
        self.pass_foreign(&passing.after(Priority::SRCNAT))?;
        self.conntrack.confirm(&state);
        Ok(())
    }

    fn input(
        &mut self,
        mut packet: Packet,
        state: &TrackingState,
        from: HostPort<'w>,
    ) -> WalkResult {
        self.filter_hook(&packet, state, from, NO_PORT, Hook::Input)?;
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
        let mut route = self.host_route(&packet, NO_PORT)?;
        let first = packet;
        let bare = PacketContext {
            oif: self.world.port(route, packet.flow.to).name,
            ..self.host_context(&first, NO_PORT, 0)
        };
        let mut state = self.tracking(Passing::routed(Hook::Output, &first, None, bare))?;
        let tracked = Passing::routed(Hook::Output, &first, Some(state), bare);
        self.pass_foreign(&tracked.up_to(Priority::DSTNAT))?;
        let asked = packet.flow.to;
        self.destination_nat(&mut packet, &mut state, Hook::Output, NO_PORT);
        // The filter uses the route that was chosen before the translation.
        let to = self.world.port(route, packet.flow.to);
        self.filter_hook(&packet, &state, NO_PORT, to, Hook::Output)?;
        if packet.flow.to != asked {
            route = self.host_route(&packet, NO_PORT)?;
        } else if matches!(route, HostRoute::Uplink(_) | HostRoute::ByRule(..)) {
            self.by_mark(&packet);
        }
        if matches!(route, HostRoute::Local) {
            self.loops(Location::Host, packet.flow);
            self.guard(&packet, LOOPBACK)?;
            let context = self.host_context(&packet, LOOPBACK, 0);
            self.pass_foreign(&Passing::routed(
                Hook::Output,
                &packet,
                Some(state),
                context,
            ))?;
            return self.input(packet, &state, LOOPBACK);
        }
        let source = self.world.host_source(&route, packet.flow.to);
        let to = self.world.port(route, packet.flow.to);
        self.after_routing(&mut packet, state, NO_PORT, to, source)?;
        self.emit(route, packet, state)
    }

    /// Out of the host, to the node that has the address.
    fn emit(&mut self, route: HostRoute<'w>, packet: Packet, state: TrackingState) -> WalkResult {
        let to = self.world.network_of(packet.flow.to);
        if let Some(network) = to.and_then(|p| self.world.network(p))
            && network.mode == Mode::Macvlan
            && to.is_some_and(|p| self.world.on_macvlan(p, packet.flow.to))
        {
            let (network, to) = (network.name.clone(), packet.flow.to);
            return Err(match route {
                HostRoute::Network(..) => DropReason::PastHost { network },
                _ => DropReason::External { network, to },
            });
        }
        let HostRoute::Network(position, link) = route else {
            let kind = HopEvent::Link {
                link: UPLINK.name.to_owned(),
                kind: "uplink",
            };
            self.hop(Location::Host, kind, packet.flow);
            let link = self.world.port(route, packet.flow.to).name.to_owned();
            self.by_device(Hook::Egress, &link, &packet, Some(state))?;
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
            self.by_device(Hook::Egress, link, &packet, Some(state))?;
        }
        match self.world.neighbour(position, packet.flow.to) {
            Neighbour::Is(node, interface) => {
                self.onto_port(node, interface, bridged, &packet, state)?;
                self.far_port(node, interface, packet.flow);
                self.arrive(node, interface, packet)
            }
            Neighbour::MayBe(nodes) => Err(DropReason::MayHave {
                to: packet.flow.to,
                nodes,
            }),
            Neighbour::None => Err(match self.world.network(position).filter(|n| n.external) {
                Some(network) => DropReason::External {
                    network: network.name.clone(),
                    to: packet.flow.to,
                },
                None => DropReason::Neighbour {
                    at: Location::Host,
                    next: packet.flow.to,
                },
            }),
        }
    }

    pub(super) fn host_context<'s>(
        &self,
        packet: &Packet,
        from: HostPort<'s>,
        oif_group: u32,
    ) -> PacketContext<'s> {
        PacketContext {
            iif: from.name,
            iif_group: from.group,
            oif_group,
            mac_to: self.mac_to,
            to_local: self.world.is_host(packet.flow.to),
            icmp: packet.icmp_type(),
            ..context(&packet.flow)
        }
    }
}
