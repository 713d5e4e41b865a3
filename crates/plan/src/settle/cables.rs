//! Cables between nodes.

use hallway_spec::{Mode, Network, Topology};
use ipnet::IpNet;

use super::joined::Joining;
use crate::mark;
use crate::settled::{Cable, Interface, InterfaceRef, Node, Plug};

/// Adds the ends of cables to nodes, and decides which nodes have IPv6.
pub(super) fn add(topology: &Topology, joining: &Joining<'_>, nodes: &mut [Node]) -> Vec<Cable> {
    let mut out = Vec::with_capacity(topology.links.len());
    for link in &topology.links {
        let mut ends = Vec::with_capacity(2);
        for end in &link.ends {
            let Some(node) = nodes.iter_mut().find(|n| n.name == end.node) else {
                continue;
            };
            let name = end.interface.as_ref().map_or_else(
                || free_interface(topology, joining, node),
                ToString::to_string,
            );
            node.interfaces.push(Interface {
                dhcp_server: false,
                router: false,
                sources: Vec::new(),
                masquerade: end.masquerade,
                behind: Vec::new(),
                aliases: Vec::new(),
                mac: end.mac.map_or_else(
                    || mark::mac(&[topology.name.as_ref(), node.name.as_ref(), &name]),
                    hallway_spec::Mac::octets,
                ),
                addresses: end.addresses.clone(),
                mtu: link.mtu,
                bandwidth: end.bandwidth,
                impairments: end.impairments.effective(),
                plug: Plug::Cable,
                name: name.clone(),
            });
            ends.push(node.interface_ref(&name));
        }
        if let Ok([a, b]) = <[InterfaceRef; 2]>::try_from(ends) {
            out.push(Cable { a, b });
        }
    }
    for node in nodes {
        node.ipv6 = has_ipv6(topology, node);
    }
    out
}

/// Whether IPv6 is on in a node: the file says so, or it has an IPv6 address, none at all, or is on a plain
/// switch without a subnet, where its programs give it the addresses.
fn has_ipv6(topology: &Topology, node: &Node) -> bool {
    let mut addresses = node.interfaces.iter().flat_map(|i| &i.addresses).peekable();
    let none = addresses.peek().is_none();
    let is_switch = |interface: &Interface| {
        let named = |n: &&Network| Some(&n.name) == interface.plug.network();
        let network = topology.networks.iter().find(named);
        network.is_some_and(|n| n.mode == Mode::Lan && n.subnets.is_empty())
    };
    node.ipv6
        || none
        || addresses.any(|a| matches!(a, IpNet::V6(_)))
        || node.interfaces.iter().any(is_switch)
}

/// The lowest `ethN` that neither the node's interfaces nor the file's own names use.
fn free_interface(topology: &Topology, joining: &Joining<'_>, node: &Node) -> String {
    let named: Vec<String> = topology
        .links
        .iter()
        .flat_map(|l| &l.ends)
        .filter(|e| e.node == node.name)
        .filter_map(|e| e.interface.as_ref().map(ToString::to_string))
        .collect();
    let mut number = 0;
    loop {
        let name = format!("eth{number}");
        let own = node.interfaces.iter().any(|i| i.name == name);
        if !named.contains(&name) && !own && !joining.is_taken(&node.name, &name) {
            return name;
        }
        number += 1;
    }
}
