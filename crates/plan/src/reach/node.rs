//! What nodes, cables and bridges do with a packet.

use hallway_spec::{Mode, Share};

use super::conntrack::TrackingState;
use super::context::context;
use super::has::Has;
use super::packet::{Flow, Packet};
use super::passing::{Class, Passing};
use super::path::{HopEvent, Location};
use super::router::Tracked;
use super::single_link::{host_has, is_link_local6};
use super::walk::{Arrival, DropReason, Walk, WalkResult};
use super::world::{HostPort, NextHop};
use crate::settled::{Interface, Network, Node, Plug};
use hallway_nftables::evaluate::PacketContext;
use hallway_nftables::survey::Mark;
use hallway_nftables::{ChainType, Family, Hook};

/// How often nodes may forward a packet.
const ROUTERS_MAX: usize = 16;

impl<'w> Walk<'w> {
    /// Sends a packet from its origin.
    pub(super) fn send(&mut self, at: &Location, packet: Packet) -> WalkResult {
        self.routers = 0;
        self.mark = Mark::NONE;
        self.by_rule = None;
        match at {
            Location::Host => self.leave_host(packet),
            Location::Outside => {
                self.past_host(&packet)?;
                let mut port = self.world.port_from(packet.flow.from);
                let known = self.world.environment.uplink(packet.flow.from);
                let mut link = known.map_or(port.name, |(name, _)| name);
                if let Some(other) = self.link_of_asked(packet.flow.from, packet.flow.to) {
                    (link, port) = (
                        other,
                        HostPort {
                            name: other,
                            group: 0,
                        },
                    );
                }
                self.by_device(Hook::Ingress, link, &packet, None)?;
                self.host_in(packet, port)
            }
            Location::Node(name) => match self.world.node(name) {
                Some(node) => {
                    let (packet, state) = self.enters_node(node, packet);
                    let (packet, state) = self.made_in_node(node, packet, state)?;
                    self.leave_node(node, None, packet, state)
                }
                None => Err(DropReason::NoRoute {
                    at: at.clone(),
                    to: packet.flow.to,
                }),
            },
        }
    }

    /// What a program of a node sends passes the hook of output, with the route to where it is sent.
    fn made_in_node(
        &mut self,
        node: &'w Node,
        packet: Packet,
        state: Tracked,
    ) -> Result<(Packet, Tracked), DropReason> {
        let to = packet.flow.to;
        let next = self.world.next_hop(node, to);
        let interface = next.and_then(|next| node.interfaces.get(next.interface));
        let link = match (self.world.has(node, to), interface) {
            (Has::Yes, _) => "lo",
            (_, Some(interface)) => interface.name.as_str(),
            (_, None) => return Ok((packet, state)),
        };
        self.destined_by_rules(node, Hook::Output, packet, state, "", link)
    }

    /// To itself, by the loopback.
    pub(super) fn loops(&mut self, at: Location, flow: Flow) {
        let arrives = HopEvent::Arrives {
            interface: "lo".to_owned(),
        };
        self.hop(at, arrives, flow);
    }

    /// Leaves a node, which has made it or received it by an interface.
    fn leave_node(
        &mut self,
        node: &'w Node,
        came: Option<&str>,
        packet: Packet,
        state: Tracked,
    ) -> WalkResult {
        let at = Location::Node(node.name.clone());
        if self.world.has(node, packet.flow.to) == Has::Yes {
            let route = HopEvent::Route {
                via: None,
                interface: "local".to_owned(),
            };
            self.hop(at.clone(), route, packet.flow);
            self.loops(at.clone(), packet.flow);
            let packet = self.for_node(node, packet, state);
            return Ok(Arrival { at, packet });
        }
        let next = self.world.next_hop(node, packet.flow.to);
        if let Some(own) = self.world.own_routing(node, packet.flow.to, next.as_ref()) {
            return Err(DropReason::NodeRouting {
                node: node.name.clone(),
                by: own.words.clone(),
            });
        }
        if let Some((to, interface)) = self.world.environment.own_route(&node.name, packet.flow.to)
            && next.is_none_or(|next| to.prefix_len() > next.prefix_len)
        {
            return Err(DropReason::OwnRoute {
                node: node.name.clone(),
                to: *to,
                interface: interface.clone(),
            });
        }
        let found = next.and_then(|next| Some((next, node.interfaces.get(next.interface)?)));
        let Some((next, interface)) = found else {
            let to = packet.flow.to;
            return Err(match is_link_local6(to) {
                true => DropReason::Neighbour { at, next: to },
                false => DropReason::NoRoute { at, to },
            });
        };
        let route = HopEvent::Route {
            via: next.via,
            interface: interface.name.clone(),
        };
        self.hop(at.clone(), route, packet.flow);
        if interface.impairments.loss == Some(Share::ALL) {
            return Err(DropReason::Impaired {
                node: node.name.clone(),
                interface: interface.name.clone(),
            });
        }
        if let Some(came) = came {
            self.by_rules_of_node(node, Hook::Forward, &packet, state, came, &interface.name)?;
        }
        self.by_rules_of_node(node, Hook::Postrouting, &packet, state, "", &interface.name)?;
        let packet = self.out_of_node(node, &next, &interface.name, packet, state);
        let leaves = HopEvent::Leaves {
            interface: interface.name.clone(),
        };
        self.hop(at, leaves, packet.flow);
        self.by_plug(node, interface, &next, packet)
    }

    /// To where an interface is connected.
    fn by_plug(
        &mut self,
        node: &'w Node,
        interface: &'w Interface,
        next: &NextHop,
        packet: Packet,
    ) -> WalkResult {
        match &interface.plug {
            Plug::Cable => self.by_cable(node, &interface.name, next, packet),
            Plug::Macvlan { network } => self.by_macvlan(network, next, packet),
            Plug::Port { network, link } => {
                let position = self.world.network_position(network);
                let network = position.and_then(|p| Some((p, self.world.network(p)?)));
                match network {
                    Some((position, network)) => {
                        let port = NodePort {
                            node,
                            link,
                            mac: interface.mac,
                            position,
                            network,
                        };
                        self.onto_network(&port, next, packet)
                    }
                    None => Err(unanswered(node, next)),
                }
            }
        }
    }

    /// Comes in at a node: it has arrived, or is forwarded, or is dropped.
    pub(super) fn arrive(&mut self, node: &'w Node, position: usize, packet: Packet) -> WalkResult {
        let at = Location::Node(node.name.clone());
        let interface = node.interfaces.get(position);
        let interface = interface.map_or("", |i| i.name.as_str());
        let arrives = HopEvent::Arrives {
            interface: interface.to_owned(),
        };
        self.hop(at.clone(), arrives, packet.flow);
        if let Some(inside) = self.world.environment.inside.get(&node.name) {
            self.by_xdp(&inside.xdp, interface, &format!(" in node {}", node.name));
        }
        self.solicited(node, interface, &packet)?;
        let (packet, state) = self.enters_node(node, packet);
        let (packet, state) =
            self.destined_by_rules(node, Hook::Prerouting, packet, state, interface, "")?;
        let has = self.world.has(node, packet.flow.to);
        // The kernel looks for a route first.
        if has == Has::Yes || node.forwarding {
            self.reverse_path(node, position, &packet)?;
        }
        match has {
            Has::Yes => {
                self.by_rules_of_node(node, Hook::Input, &packet, state, interface, "")?;
                let packet = self.for_node(node, packet, state);
                return Ok(Arrival { at, packet });
            }
            Has::Perhaps => {
                return Err(DropReason::MayHave {
                    to: packet.flow.to,
                    nodes: vec![node.name.clone()],
                });
            }
            Has::No => {}
        }
        if !node.forwarding {
            let node = node.name.clone();
            return Err(DropReason::NotForwarding { node });
        }
        self.routers += 1;
        if self.routers > ROUTERS_MAX {
            return Err(DropReason::Loop);
        }
        self.leave_node(node, Some(interface), packet, state)
    }

    fn onto_network(&mut self, port: &NodePort<'w>, next: &NextHop, packet: Packet) -> WalkResult {
        let link = HopEvent::Link {
            link: port.link.to_owned(),
            kind: "port",
        };
        self.hop(Location::Host, link, packet.flow);
        self.mark = Mark::NONE;
        self.by_device(Hook::Ingress, port.link, &packet, None)?;
        let to_host = host_has(port.network, next.address);
        // A node that the host has sent a packet to has learned from the host's own request.
        let asks = !self.conntrack.knows(&packet.flow);
        if to_host && asks && self.world.is_mute_host(next.address) {
            return Err(unanswered(port.node, next));
        }
        if port.network.mode == Mode::Routed {
            if !to_host {
                return Err(unanswered(port.node, next));
            }
            let from = HostPort {
                name: port.link,
                group: port.network.group,
            };
            return self.host_in(packet, from);
        }
        let context = frame(&packet, port.link, "", port.mac);
        for chain in self
            .world
            .bridge
            .hooked(Hook::Prerouting, ChainType::Filter)
        {
            let verdict = self.world.bridge.evaluate(chain, &context);
            self.apply_verdict(&verdict, Hook::Prerouting, Family::Bridge, packet.flow)?;
        }
        let passing = Passing::all(Class::Bridge, Hook::Prerouting, &packet, None, context);
        match self.world.hooked(port.network) {
            // The rest is passed after the inet hooks.
            true => self.pass_foreign(&passing.before_inet())?,
            false => self.pass_foreign(&passing)?,
        }
        let bridge = port.network.bridge.as_deref().unwrap_or_default();
        let from = HostPort {
            name: bridge,
            group: port.network.group,
        };
        let link = HopEvent::Link {
            link: bridge.to_owned(),
            kind: "bridge",
        };
        if to_host {
            self.hop(Location::Host, link, packet.flow);
            if self.world.hooked(port.network) {
                return self.bridge_takes(port, from, packet);
            }
            return self.host_takes(port, from, packet);
        }
        let (far, interface) = self.member(port, next)?;
        self.hop(Location::Host, link, packet.flow);
        self.passed_on(port, from, far, interface, packet)
    }

    /// From the host onto a node's port: of a bridge, or alone.
    pub(super) fn onto_port(
        &mut self,
        node: &'w Node,
        interface: usize,
        bridged: bool,
        packet: &Packet,
        state: TrackingState,
    ) -> Result<(), DropReason> {
        let link = link_of(node, interface);
        if bridged {
            let sent = frame(packet, "", link, [0; 6]);
            self.by_bridge(Hook::Output, packet, sent)?;
            self.by_bridge(Hook::Postrouting, packet, sent)?;
        }
        self.by_device(Hook::Egress, link, packet, Some(state))
    }

    /// The chains of other programs for a device.
    pub(super) fn by_device(
        &mut self,
        hook: Hook,
        link: &str,
        packet: &Packet,
        state: Option<TrackingState>,
    ) -> Result<(), DropReason> {
        let (iif, oif) = match hook {
            Hook::Egress => ("", link),
            _ => {
                self.by_xdp(&self.world.environment.xdp, link, "");
                (link, "")
            }
        };
        let context = frame(packet, iif, oif, [0; 6]);
        self.pass_foreign(&Passing::all(
            Class::Device(link),
            hook,
            packet,
            state,
            context,
        ))
    }

    /// The chains of other programs for frames on bridges.
    pub(super) fn by_bridge(
        &mut self,
        hook: Hook,
        packet: &Packet,
        context: PacketContext<'_>,
    ) -> Result<(), DropReason> {
        self.pass_foreign(&Passing::all(Class::Bridge, hook, packet, None, context))
    }

    /// Out by the host's end of a node's interface.
    pub(super) fn far_port(&mut self, node: &Node, position: usize, flow: Flow) {
        let link = link_of(node, position);
        if !link.is_empty() {
            let link = HopEvent::Link {
                link: link.to_owned(),
                kind: "port",
            };
            self.hop(Location::Host, link, flow);
        }
    }
}

/// A frame between two ports, where there are two.
pub(super) fn frame<'p>(
    packet: &Packet,
    iif: &'p str,
    oif: &'p str,
    mac: [u8; 6],
) -> PacketContext<'p> {
    PacketContext {
        iif,
        oif,
        mac,
        icmp: packet.icmp_type(),
        ..context(&packet.flow)
    }
}

/// The host's end of a node's interface; empty for a cable.
pub(super) fn link_of(node: &Node, position: usize) -> &str {
    match node.interfaces.get(position).map(|i| &i.plug) {
        Some(Plug::Port { link, .. }) => link,
        _ => "",
    }
}

/// A node's interface on a network.
pub(super) struct NodePort<'a> {
    pub(super) node: &'a Node,
    pub(super) link: &'a str,
    pub(super) mac: [u8; 6],
    pub(super) position: usize,
    pub(super) network: &'a Network,
}

pub(super) fn unanswered(node: &Node, next: &NextHop) -> DropReason {
    DropReason::Neighbour {
        at: Location::Node(node.name.clone()),
        next: next.address,
    }
}
