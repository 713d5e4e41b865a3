//! Routes inside nodes: the default through the first network with a way out; from internal
//! networks only what policies connect them with; what the file adds.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_spec::{Action, Endpoint, Mode, Name, Topology};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::settled::{Node, Route, Settled};

/// Fills in every node's routes.
pub(super) fn add(topology: &Topology, settled: &mut Settled) {
    // Both have the nodes in the file's order.
    let routes: Vec<Vec<Route>> = (settled.nodes.iter().zip(&topology.nodes))
        .map(|(node, written)| of_node(topology, settled, node, written))
        .collect();
    for (node, routes) in settled.nodes.iter_mut().zip(routes) {
        node.routes = routes;
    }
}

fn of_node(
    topology: &Topology,
    settled: &Settled,
    node: &Node,
    written: &hallway_spec::Node,
) -> Vec<Route> {
    let mut out = on_link(settled, node);
    for v4 in [true, false] {
        out.extend(default_route(settled, node, v4));
    }
    let taken: BTreeSet<IpNet> = out.iter().map(|r| r.to).collect();
    let mut seen = taken;
    for route in policy_routes(topology, settled, node) {
        if seen.insert(route.to) {
            out.push(route);
        }
    }
    for route in &written.routes {
        let interface = node.interfaces.iter().position(|i| {
            i.addresses
                .iter()
                .any(|a| reaches(settled, node, a, route.via))
        });
        if let Some(interface) = interface {
            out.retain(|r| r.to != route.to);
            out.push(Route {
                to: route.to,
                via: Some(route.via),
                interface,
            });
        }
    }
    out
}

fn reaches(settled: &Settled, node: &Node, address: &IpNet, via: IpAddr) -> bool {
    address.contains(&via)
        || node
            .ports()
            .filter(|(i, _, _)| i.addresses.contains(address))
            .filter_map(|(_, network, _)| settled.network(network))
            .any(|n| n.subnets.iter().any(|s| s.gateway == via))
}

/// A routed network's member reaches its gateway directly, and its neighbours through it.
fn on_link(settled: &Settled, node: &Node) -> Vec<Route> {
    let mut out = Vec::new();
    for (position, interface) in node.interfaces.iter().enumerate() {
        let Some(network) = port_network(settled, node, position) else {
            continue;
        };
        if network.mode != Mode::Routed {
            continue;
        }
        for subnet in &network.subnets {
            if interface
                .addresses
                .iter()
                .any(|a| a.addr().is_ipv4() == subnet.gateway.is_ipv4())
            {
                out.push(Route {
                    to: IpNet::from(subnet.gateway),
                    via: None,
                    interface: position,
                });
                out.push(Route {
                    to: subnet.net,
                    via: Some(subnet.gateway),
                    interface: position,
                });
            }
        }
    }
    out
}

fn port_network<'a>(
    settled: &'a Settled,
    node: &Node,
    position: usize,
) -> Option<&'a crate::settled::Network> {
    match &node.interfaces.get(position)?.plug {
        crate::settled::Plug::Port { network, .. } => settled.network(network),
        crate::settled::Plug::Cable => None,
    }
}

fn default_route(settled: &Settled, node: &Node, v4: bool) -> Option<Route> {
    let to = if v4 {
        IpNet::V4(Ipv4Net::default())
    } else {
        IpNet::V6(Ipv6Net::default())
    };
    (0..node.interfaces.len()).find_map(|position| {
        let network = port_network(settled, node, position)?;
        if network.internal || network.outside {
            return None;
        }
        let subnet = network.subnets.iter().find(|s| s.gateway.is_ipv4() == v4)?;
        Some(Route {
            to,
            via: Some(subnet.gateway),
            interface: position,
        })
    })
}

/// For each policy that lets this node's internal networks talk with something: a route to
/// that, through the internal network's gateway. Replies need it as much as requests.
fn policy_routes(topology: &Topology, settled: &Settled, node: &Node) -> Vec<Route> {
    let mut out = Vec::new();
    for position in 0..node.interfaces.len() {
        let Some(network) = port_network(settled, node, position) else {
            continue;
        };
        if !network.internal {
            continue;
        }
        for policy in topology
            .policies
            .iter()
            .filter(|p| p.action == Action::Allow)
        {
            for (from, to) in &policy.pairs {
                for (own, peer) in [(from, to), (to, from)] {
                    if speaks_of(
                        own,
                        &node.name,
                        &network.name,
                        &network.subnets.iter().map(|s| s.net).collect::<Vec<_>>(),
                    ) {
                        for to in prefixes(settled, peer) {
                            let gateway = network
                                .subnets
                                .iter()
                                .find(|s| s.gateway.is_ipv4() == to.addr().is_ipv4());
                            let own_link = node
                                .interfaces
                                .iter()
                                .flat_map(|i| &i.addresses)
                                .any(|a| a.contains(&to) || a.trunc() == to);
                            if let (Some(gateway), false) = (gateway, own_link) {
                                out.push(Route {
                                    to,
                                    via: Some(gateway.gateway),
                                    interface: position,
                                });
                            }
                        }
                    }
                }
            }
        }
    }
    out
}

fn speaks_of(endpoint: &Endpoint, node: &Name, network: &Name, nets: &[IpNet]) -> bool {
    match endpoint {
        Endpoint::Node(name) => name == node,
        Endpoint::Network(name) => name == network,
        Endpoint::Any => true,
        Endpoint::Cidr(net) => nets.iter().any(|n| n.contains(net) || net.contains(n)),
        Endpoint::Host | Endpoint::Outside => false,
    }
}

/// Whole networks, so that the route does not depend on which members there are.
fn prefixes(settled: &Settled, endpoint: &Endpoint) -> Vec<IpNet> {
    let of = |networks: &mut dyn Iterator<Item = &crate::settled::Network>| {
        networks
            .flat_map(|n| n.subnets.iter().map(|s| s.net))
            .collect::<Vec<_>>()
    };
    match endpoint {
        Endpoint::Network(name) => of(&mut settled.network(name).into_iter()),
        Endpoint::Node(name) => match settled.node(name) {
            Some(node) => of(&mut node.ports().filter_map(|(_, n, _)| settled.network(n))),
            None => Vec::new(),
        },
        Endpoint::Cidr(net) => vec![*net],
        Endpoint::Any => of(&mut settled.inner_networks()),
        Endpoint::Host | Endpoint::Outside => Vec::new(),
    }
}
