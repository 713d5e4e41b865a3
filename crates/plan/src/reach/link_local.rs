//! Link-local addresses of IPv6: which link they are on follows from their owner, as hallway makes them
//! of MAC addresses.

use std::net::IpAddr;

use super::single_link::{host_has, link_local};
use super::world::{NextHop, World};
use crate::settled::{Interface, Node, Plug};

impl World<'_> {
    /// A link-local address is reached by the interface of the link that its owner is on.
    pub(super) fn on_link(&self, node: &Node, to: IpAddr) -> Option<NextHop> {
        let has = |interface: &Interface| match &interface.plug {
            Plug::Cable => {
                let far = self.far_end(&node.name, &interface.name);
                let far = far.and_then(|(far, at)| link_local(far, far.interfaces.get(at)?));
                far == Some(to)
            }
            Plug::Port { network, .. } | Plug::Macvlan { network } => {
                let position = self.network_position(network);
                position.is_some_and(|at| {
                    let own = self.network(at).is_some_and(|n| host_has(n, to));
                    own || self.member(at, to).is_some()
                })
            }
        };
        Some(NextHop {
            prefix_len: 64,
            interface: node.interfaces.iter().position(has)?,
            address: to,
            via: None,
        })
    }

    /// The network that a link-local address is on, by its members.
    pub(super) fn network_of_link_local(&self, address: IpAddr) -> Option<usize> {
        let mut all = 0..self.settled.networks.len();
        all.find(|at| self.member(*at, address).is_some())
    }
}
