//! The prefixes behind a node that forwards: it may send packets from them into each of its
//! networks.

use std::net::IpAddr;

use hallway_spec::{Mode, Topology};
use ipnet::IpNet;

use crate::settled::{Interface, Network, Node, Plug, Settled};

/// Fills in the prefixes of every router's interfaces.
pub(super) fn add(topology: &Topology, settled: &mut Settled) {
    // Both have the nodes in the file's order.
    let found: Vec<Vec<Vec<IpNet>>> = (settled.nodes.iter().zip(&topology.nodes))
        .map(|(node, written)| match node.forwarding {
            true => of_node(topology, settled, node, written),
            false => Vec::new(),
        })
        .collect();
    for (node, found) in settled.nodes.iter_mut().zip(found) {
        for (interface, behind) in node.interfaces.iter_mut().zip(found) {
            interface.behind = behind;
        }
    }
}

/// For each interface on a network: the subnets of the others, what the node routes by the others, and
/// what any node routes to this one.
fn of_node(
    topology: &Topology,
    settled: &Settled,
    node: &Node,
    written: &hallway_spec::Node,
) -> Vec<Vec<IpNet>> {
    let interfaces = node.interfaces.iter().enumerate();
    let behind = |(position, interface): (usize, &Interface)| {
        if !matches!(interface.plug, Plug::Port { .. }) {
            return Vec::new();
        }
        let others = node.interfaces.iter().enumerate();
        let others = others.filter(|(other, _)| *other != position);
        let mut out: Vec<IpNet> = others.flat_map(|(_, i)| subnets(settled, i)).collect();
        let routed = written.routes.iter().filter(|route| {
            let by = |r: &&crate::settled::Route| r.to == route.to && r.via == Some(route.via);
            let by = node.routes.iter().find(by);
            by.is_some_and(|r| r.interface != position)
        });
        out.extend(routed.map(|route| route.to));
        let has = |via: IpAddr| interface.addresses.iter().any(|a| a.addr() == via);
        let to_it = topology.nodes.iter().flat_map(|n| &n.routes);
        out.extend(to_it.filter(|route| has(route.via)).map(|route| route.to));
        IpNet::aggregate(&out)
    };
    interfaces.map(behind).collect()
}

/// The prefixes that an interface is in: those of its network, of a cable those of its addresses.
fn subnets(settled: &Settled, interface: &Interface) -> Vec<IpNet> {
    let network: Option<&Network> = interface.plug.network().and_then(|n| settled.network(n));
    match network {
        Some(network) => {
            // A lan may have several of one version, of which this is in one.
            let is_in = |net: &IpNet| interface.addresses.iter().any(|a| net.contains(&a.addr()));
            let nets = network.subnets.iter().map(|s| s.net);
            nets.filter(|net| network.mode != Mode::Lan || is_in(net))
                .collect()
        }
        None => interface.addresses.iter().map(IpNet::trunc).collect(),
    }
}
