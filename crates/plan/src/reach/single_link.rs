//! Addresses that are those of a single link (RFC 4291).

use std::net::IpAddr;

use hallway_spec::Mode;

use crate::mark;
use crate::settled::{Interface, Network, Node, carries_ipv6};

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
