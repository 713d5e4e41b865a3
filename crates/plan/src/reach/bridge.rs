//! What a bridge does with a frame that one node sends to another.

use super::conntrack::TrackingState;
use super::host::NO_PORT;
use super::inside::Neighbour;
use super::node::{NodePort, frame, link_of, unanswered};
use super::packet::Packet;
use super::passing::{Class, Passing};
use super::path::{HopEvent, Location};
use super::walk::{DropReason, Walk, WalkResult};
use super::world::{HostPort, HostRoute, NextHop};
use crate::settled::Node;
use hallway_nftables::{ChainType, Family, Hook};

impl<'w> Walk<'w> {
    /// From a port of a bridge to that of another node.
    pub(super) fn passed_on(
        &mut self,
        port: &NodePort<'w>,
        from: HostPort<'w>,
        far: &'w Node,
        interface: usize,
        packet: Packet,
    ) -> WalkResult {
        let to = link_of(far, interface);
        if !self.world.hooked(port.network) {
            self.between_ports(port, to, &packet)?;
            return self.out_of_bridge(far, interface, port.mac, packet);
        }
        self.mac_to = far.interfaces.get(interface).map_or([0; 6], |i| i.mac);
        let before = self.before_routing(packet, from);
        self.mac_to = [0; 6];
        let asked = packet.flow.to;
        let (mut packet, state) = before?;
        // The kernel looks for a route to the new destination (br_nf_pre_routing_finish), and the host
        // takes the frame.
        if packet.flow.to != asked {
            return self.translated(port, from, packet, state);
        }
        self.after_inet(port, &packet)?;
        self.between_ports(port, to, &packet)?;
        self.forward_hook(&packet, &state, from, from)?;
        let on_bridge = HostRoute::Network(port.position, from.name);
        let source = self.world.host_source(&on_bridge, packet.flow.to);
        // br_netfilter gives bridged packets no input link there.
        self.after_routing(&mut packet, state, NO_PORT, from, source)?;
        self.out_of_bridge(far, interface, port.mac, packet)
    }

    /// A frame to the bridge itself, whose frames pass the inet hooks: if one of them gives the packet the
    /// address of a member as its destination, the bridge passes it on to that member.
    pub(super) fn bridge_takes(
        &mut self,
        port: &NodePort<'w>,
        from: HostPort<'w>,
        packet: Packet,
    ) -> WalkResult {
        let (packet, state) = self.before_routing(packet, from)?;
        self.translated(port, from, packet, state)
    }

    /// After the inet hooks of prerouting: to a member, or into the host.
    fn translated(
        &mut self,
        port: &NodePort<'w>,
        from: HostPort<'w>,
        mut packet: Packet,
        state: TrackingState,
    ) -> WalkResult {
        let to = packet.flow.to;
        self.after_inet(port, &packet)?;
        let on_it = matches!(
            self.world.host_route(to),
            HostRoute::Network(position, _) if position == port.position
        );
        if let (true, Neighbour::Is(far, interface)) =
            (on_it, self.world.neighbour(port.position, to))
        {
            self.reverse_path_of_host(&packet, from)?;
            self.host_route(&packet, from)?;
            self.between_ports(port, link_of(far, interface), &packet)?;
            self.forward_hook(&packet, &state, from, from)?;
            let on_bridge = HostRoute::Network(port.position, from.name);
            let source = self.world.host_source(&on_bridge, to);
            self.after_routing(&mut packet, state, NO_PORT, from, source)?;
            // To a neighbour that it has not sent to before, the kernel sends the frame by the bridge itself.
            let link = HopEvent::Link {
                link: from.name.to_owned(),
                kind: "bridge",
            };
            self.hop(Location::Host, link, packet.flow);
            self.by_device(Hook::Egress, from.name, &packet, Some(state))?;
            return self.out_of_bridge(far, interface, [0; 6], packet);
        }
        let context = frame(&packet, port.link, "", port.mac);
        self.by_bridge(Hook::Input, &packet, context)?;
        self.by_device(Hook::Ingress, from.name, &packet, None)?;
        self.routed_by_host(packet, state, from)
    }

    /// Into the host, by a bridge whose frames do not pass the inet hooks.
    pub(super) fn host_takes(
        &mut self,
        port: &NodePort<'w>,
        from: HostPort<'w>,
        packet: Packet,
    ) -> WalkResult {
        let context = frame(&packet, port.link, "", port.mac);
        self.by_bridge(Hook::Input, &packet, context)?;
        self.by_device(Hook::Ingress, from.name, &packet, None)?;
        self.host_in(packet, from)
    }

    /// The chains of bridges that a frame passes after the inet hooks of prerouting.
    fn after_inet(&mut self, port: &NodePort<'w>, packet: &Packet) -> Result<(), DropReason> {
        let context = frame(packet, port.link, "", port.mac);
        let all = Passing::all(Class::Bridge, Hook::Prerouting, packet, None, context);
        self.pass_foreign(&all.after_inet())
    }

    /// The member of a node's network that answers for the next hop.
    pub(super) fn member(
        &self,
        port: &NodePort<'w>,
        next: &NextHop,
    ) -> Result<(&'w Node, usize), DropReason> {
        match self.world.neighbour(port.position, next.address) {
            Neighbour::Is(far, interface) => Ok((far, interface)),
            Neighbour::MayBe(nodes) => Err(DropReason::MayHave {
                to: next.address,
                nodes,
            }),
            Neighbour::None if port.network.external => Err(DropReason::External {
                network: port.network.name.clone(),
                to: next.address,
            }),
            Neighbour::None => Err(unanswered(port.node, next)),
        }
    }

    /// Out by a port of a bridge, to the node there.
    fn out_of_bridge(
        &mut self,
        node: &'w Node,
        interface: usize,
        mac: [u8; 6],
        packet: Packet,
    ) -> WalkResult {
        let to = link_of(node, interface);
        let sent = frame(&packet, "", to, mac);
        self.by_bridge(Hook::Postrouting, &packet, sent)?;
        self.by_device(Hook::Egress, to, &packet, None)?;
        self.far_port(node, interface, packet.flow);
        self.arrive(node, interface, packet)
    }

    /// From one port of a bridge to another.
    fn between_ports(
        &mut self,
        port: &NodePort<'w>,
        to: &str,
        packet: &Packet,
    ) -> Result<(), DropReason> {
        let context = frame(packet, port.link, to, port.mac);
        for chain in self.world.bridge.hooked(Hook::Forward, ChainType::Filter) {
            let verdict = self.world.bridge.evaluate(chain, &context);
            self.apply_verdict(&verdict, Hook::Forward, Family::Bridge, packet.flow)?;
        }
        self.by_bridge(Hook::Forward, packet, context)
    }
}
