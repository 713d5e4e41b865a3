//! How a node routes a packet, and with which source address.

use std::net::IpAddr;

use hallway_spec::IpVersion;
use ipnet::IpNet;

use super::single_link::is_link_local6;
use super::world::{NextHop, World};
use crate::settled::{Interface, Node};

impl World<'_> {
    /// How a node sends a packet: by the longest prefix; of equal ones, by the first.
    pub(super) fn next_hop(&self, node: &Node, to: IpAddr) -> Option<NextHop> {
        if is_link_local6(to) {
            return self.on_link(node, to);
        }
        let connected = node.interfaces.iter().enumerate().flat_map(|(at, i)| {
            let nets = i
                .addresses
                .iter()
                .filter(|a| a.prefix_len() < a.max_prefix_len());
            nets.map(move |net| (net.trunc(), None, at))
        });
        let added = self.added(node);
        let added = added.filter(|(_, net)| net.prefix_len() < net.max_prefix_len());
        let connected = connected.chain(added.map(|(at, net)| (net.trunc(), None, at)));
        let routed = node.routes.iter().map(|r| (r.to, r.via, r.interface));
        let mut best: Option<(IpNet, Option<IpAddr>, usize)> = None;
        for (net, via, at) in connected.chain(routed) {
            let longer = best.is_none_or(|(b, _, _)| net.prefix_len() > b.prefix_len());
            if net.contains(&to) && longer {
                best = Some((net, via, at));
            }
        }
        best.map(|(net, via, interface)| NextHop {
            prefix_len: net.prefix_len(),
            interface,
            address: via.unwrap_or(to),
            via,
        })
    }

    /// The source address a node chooses for a next hop.
    pub(super) fn source(&self, node: &Node, next: &NextHop) -> Option<IpAddr> {
        let version = IpVersion::of(next.address);
        let interface = node.interfaces.get(next.interface)?;
        let near = interface
            .addresses
            .iter()
            .find(|a| a.contains(&next.address));
        let first = |i: &Interface| {
            let mut all = i.addresses.iter().map(IpNet::addr);
            all.find(|a| IpVersion::of(*a) == version)
        };
        let added = || {
            self.added(node)
                .filter(|(at, net)| *at == next.interface && net.contains(&next.address))
        };
        let some_added = || {
            let mut all = self.added(node).map(|(_, net)| net.addr());
            all.find(|a| IpVersion::of(*a) == version)
        };
        near.map(IpNet::addr)
            .or_else(|| added().map(|(_, net)| net.addr()).next())
            .or_else(|| first(interface))
            .or_else(|| node.interfaces.iter().find_map(first))
            .or_else(some_added)
    }
}
