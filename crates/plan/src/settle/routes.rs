//! Routes inside nodes: the default route through the first network that is not internal; from
//! internal networks only to what policies allow; the routes of the file.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_spec::{Action, Endpoint, IpVersion, Mode, Name, Topology};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::settled::{Network, Node, Route, Settled};

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
    if node.default_route {
        let versions = IpVersion::ALL.into_iter();
        out.extend(versions.filter_map(|version| default_route(settled, node, version)));
    }
    let own: BTreeSet<IpNet> = out.iter().map(|r| r.to).collect();
    let further = from_outside(settled, node);
    out.extend(further.into_iter().filter(|r| !own.contains(&r.to)));
    let taken: BTreeSet<IpNet> = out.iter().map(|r| r.to).collect();
    let mut seen = taken;
    let past = |r: &Route| {
        let network = port_network(settled, node, r.interface);
        r.to.prefix_len() == 0 && network.is_some_and(|n| n.mode == Mode::Macvlan)
    };
    let by_host = node.default_route && !out.iter().any(past);
    // Any address of the node may be the source of what goes to these peers.
    let needs_none: Vec<IpVersion> = IpVersion::ALL
        .into_iter()
        .filter(|version| {
            let mut of_version = out.iter().filter(|r| IpVersion::of_net(&r.to) == *version);
            of_version.any(|r| leads_through_host(settled, node, r))
        })
        .collect();
    for route in policy_routes(topology, settled, node, by_host, &needs_none) {
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

/// Whether it is the default route, by an address of the host.
fn leads_through_host(settled: &Settled, node: &Node, route: &Route) -> bool {
    let network = port_network(settled, node, route.interface);
    let mut gateways = network.into_iter().flat_map(Network::gateways);
    node.default_route && route.to.prefix_len() == 0 && gateways.any(|g| route.via == Some(g))
}

fn reaches(settled: &Settled, node: &Node, address: &IpNet, via: IpAddr) -> bool {
    address.contains(&via)
        || node
            .ports()
            .filter(|(i, _, _)| i.addresses.contains(address))
            .filter_map(|(_, network, _)| settled.network(network))
            .any(|n| n.gateways().any(|gateway| gateway == via))
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
            let mut own = interface.addresses.iter();
            let has = own.any(|a| IpVersion::of_net(a) == subnet.version());
            if let (Some(gateway), true) = (subnet.gateway, has) {
                out.push(Route {
                    to: IpNet::from(gateway),
                    via: None,
                    interface: position,
                });
                out.push(Route {
                    to: subnet.net,
                    via: Some(gateway),
                    interface: position,
                });
            }
        }
    }
    out
}

/// The outside has routes to networks without NAT.
fn from_outside(settled: &Settled, node: &Node) -> Vec<Route> {
    let mut out = Vec::new();
    let direct = settled.networks.iter().filter(|n| !n.nat);
    let subnets: Vec<IpNet> = direct
        .flat_map(|n| n.subnets.iter().map(|s| s.net))
        .collect();
    for position in 0..node.interfaces.len() {
        let network = port_network(settled, node, position);
        let outside = network.filter(|n| n.outside);
        for gateway in outside.iter().flat_map(|n| n.gateways()) {
            let version = IpVersion::of(gateway);
            // A node that is on such a network itself reaches it directly.
            let reached = subnets
                .iter()
                .filter(|s| IpVersion::of_net(s) == version && !on_own_link(node, s));
            out.extend(reached.map(|to| Route {
                to: *to,
                via: Some(gateway),
                interface: position,
            }));
        }
    }
    out
}

fn port_network<'a>(settled: &'a Settled, node: &Node, position: usize) -> Option<&'a Network> {
    settled.network(node.interfaces.get(position)?.plug.network()?)
}

fn default_route(settled: &Settled, node: &Node, version: IpVersion) -> Option<Route> {
    let to = match version {
        IpVersion::V4 => IpNet::V4(Ipv4Net::default()),
        IpVersion::V6 => IpNet::V6(Ipv6Net::default()),
    };
    (0..node.interfaces.len()).find_map(|position| {
        let network = port_network(settled, node, position)?;
        // On an external network a node may have addresses of one version only.
        let mut own = node.interfaces.get(position)?.addresses.iter();
        own.find(|a| IpVersion::of_net(a) == version)?;
        let of_host = !network.internal && (!network.outside || network.external);
        let routers = network.routers.iter().copied();
        let mut all = routers.chain(network.gateways().filter(|_| of_host));
        let gateway = all.find(|g| IpVersion::of(*g) == version)?;
        Some(Route {
            to,
            via: Some(gateway),
            interface: position,
        })
    })
}

/// For each policy by which this node's internal networks reach something: a route to it, through
/// the internal network's gateway. Replies need it as well as requests.
///
/// The same for its other networks, if its way out does not lead through the host. A policy that names
/// the node itself needs no route where the default route leads through the host (`needs_none`): a UDP
/// socket for any address would answer from the internal network's address.
fn policy_routes(
    topology: &Topology,
    settled: &Settled,
    node: &Node,
    by_host: bool,
    needs_none: &[IpVersion],
) -> Vec<Route> {
    let mut out = Vec::new();
    let open = |network: &Network| !network.internal && !network.outside;
    let mut networks = (0..node.interfaces.len()).map(|at| port_network(settled, node, at));
    // Such a route would lead what the router forwards past the interface that masquerades.
    if node.masquerades() && node.default_route && networks.any(|n| n.is_some_and(open)) {
        return out;
    }
    for position in 0..node.interfaces.len() {
        let network = port_network(settled, node, position);
        let limited = |n: &&Network| n.internal || !(by_host || n.outside);
        let Some(network) = network.filter(limited) else {
            continue;
        };
        for to in peers(topology, settled, node, network, needs_none) {
            let version = IpVersion::of_net(&to);
            let gateway = network.gateways().find(|g| IpVersion::of(*g) == version);
            if let (Some(gateway), false) = (gateway, on_own_link(node, &to)) {
                out.push(Route {
                    to,
                    via: Some(gateway),
                    interface: position,
                });
            }
        }
    }
    out
}

fn on_own_link(node: &Node, to: &IpNet) -> bool {
    let mut addresses = node.interfaces.iter().flat_map(|i| &i.addresses);
    addresses.any(|a| a.contains(to) || a.trunc() == *to)
}

/// The prefixes that policies allow a node of this network to exchange packets with.
fn peers(
    topology: &Topology,
    settled: &Settled,
    node: &Node,
    network: &Network,
    needs_none: &[IpVersion],
) -> Vec<IpNet> {
    let nets: Vec<IpNet> = network.subnets.iter().map(|s| s.net).collect();
    let policies = topology.policies.iter();
    let allowed = policies.filter(|p| p.action == Action::Allow);
    let pairs = allowed.flat_map(|p| &p.pairs);
    pairs
        .flat_map(|(from, to)| [(from, to), (to, from)])
        .filter(|(own, _)| includes(own, &node.name, &network.name, &nets))
        .flat_map(|(own, peer)| {
            let any_address = matches!(own, Endpoint::Node(_) | Endpoint::Any);
            let mut to = prefixes(settled, peer);
            to.retain(|net| !any_address || !needs_none.contains(&IpVersion::of_net(net)));
            to
        })
        .collect()
}

/// Whether an endpoint of a policy includes a node on a network.
fn includes(endpoint: &Endpoint, node: &Name, network: &Name, nets: &[IpNet]) -> bool {
    match endpoint {
        Endpoint::Node(name) => name == node,
        Endpoint::Network(name) => name == network,
        Endpoint::Any => true,
        Endpoint::Cidr(net) => nets.iter().any(|n| n.contains(net) || net.contains(n)),
        Endpoint::Host | Endpoint::Outside => false,
    }
}

/// Whole networks, so that the route does not depend on their current members.
fn prefixes(settled: &Settled, endpoint: &Endpoint) -> Vec<IpNet> {
    let of = |networks: &mut dyn Iterator<Item = &Network>| {
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
