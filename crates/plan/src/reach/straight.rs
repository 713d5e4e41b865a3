//! From one node straight to another: by a cable, or between macvlan interfaces of one parent.

use hallway_spec::{Mode, Name};

use super::has::Has;
use super::inside::Neighbour;
use super::node::unanswered;
use super::packet::Packet;
use super::walk::{DropReason, Walk, WalkResult};
use super::world::NextHop;
use crate::settled::Node;

impl<'w> Walk<'w> {
    pub(super) fn by_cable(
        &mut self,
        node: &'w Node,
        interface: &str,
        next: &NextHop,
        packet: Packet,
    ) -> WalkResult {
        match self.world.far_end(&node.name, interface) {
            Some((far, at)) => match self.world.has(far, next.address) {
                Has::Yes if self.world.answers(far, at, next.address) => {
                    self.arrive(far, at, packet)
                }
                Has::Perhaps => Err(DropReason::MayHave {
                    to: next.address,
                    nodes: vec![far.name.clone()],
                }),
                _ => Err(unanswered(node, next)),
            },
            None => Err(unanswered(node, next)),
        }
    }

    /// From another machine to a macvlan interface: not by the host.
    pub(super) fn past_host(&self, packet: &Packet) -> Result<(), DropReason> {
        let to = packet.flow.to;
        let position = self.world.network_of(to);
        let on = position.filter(|p| self.world.on_macvlan(*p, to));
        match on.and_then(|p| self.world.network(p)) {
            Some(network) if network.mode == Mode::Macvlan => Err(DropReason::External {
                network: network.name.clone(),
                to,
            }),
            _ => Ok(()),
        }
    }

    /// From a macvlan interface: to another of the same parent, or past the host to other machines.
    pub(super) fn by_macvlan(
        &mut self,
        network: &Name,
        next: &NextHop,
        packet: Packet,
    ) -> WalkResult {
        let position = self.world.network_position(network);
        let found = position.map(|p| self.world.neighbour(p, next.address));
        match found {
            Some(Neighbour::Is(far, at)) => return self.arrive(far, at, packet),
            Some(Neighbour::MayBe(nodes)) => {
                let to = next.address;
                return Err(DropReason::MayHave { to, nodes });
            }
            Some(Neighbour::None) | None => {}
        }
        let network = network.clone();
        Err(match self.world.is_host(next.address) {
            true => DropReason::PastHost { network },
            false => DropReason::External {
                network,
                to: packet.flow.to,
            },
        })
    }
}
