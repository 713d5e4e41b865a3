//! Link-local addresses of IPv6: which link they are on follows from their owner, as hallway makes them
//! of MAC addresses.

use std::net::IpAddr;

use hallway_spec::Mode;

use super::world::{NextHop, World};
use crate::mark;
use crate::settled::carries_ipv6;
use crate::settled::{Interface, Network, Node, Plug};

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

/// Whether an address is one of a single link.
pub(super) fn is_link_local6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(a) if a.is_unicast_link_local())
}

/// Whether the host has an address on a network.
pub(super) fn host_has(network: &Network, address: IpAddr) -> bool {
    let six = network.gateways().any(|gateway| gateway.is_ipv6());
    let own = six && network.mode == Mode::Bridge && !network.external;
    network.gateways().any(|gateway| gateway == address)
        || own && own_link_local(network) == address
}

/// The link-local address of an interface: a node with IPv6 has one on each.
pub(super) fn link_local(node: &Node, interface: &Interface) -> Option<IpAddr> {
    let six = node.ipv6 && carries_ipv6(interface.mtu);
    six.then(|| mark::link_local(interface.mac).addr())
}

/// The host's address on a network for its link.
pub(super) fn own_link_local(network: &Network) -> IpAddr {
    mark::link_local(network.mac).addr()
}
