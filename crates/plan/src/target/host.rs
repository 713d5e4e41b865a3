//! Objects on the host: bridges, the host's ends of ports, routes.

use std::net::IpAddr;

use hallway_spec::{Impairments, IpVersion, Mode};
use ipnet::IpNet;

use super::{
    BridgeFlag, Initial, Link, LinkRole, PortFlag, Route, RouteKind, RouteOrigin, Setting, Space,
};
use crate::mark::{self, Role};
use crate::settled::{Interface, Network, Node, Settled, carries_ipv6};
use crate::shaping::Shaping;

/// What the project needs in the namespace that holds the bridges.
pub(super) fn space(settled: &Settled) -> Space {
    let mut space = Space::default();
    for network in settled.inner_networks() {
        let unreachable = network.subnets.iter().map(|s| Route {
            to: s.net,
            kind: RouteKind::Unreachable,
        });
        space.routes.extend(unreachable);
    }
    space
        .links
        .extend(settled.networks.iter().filter_map(|n| bridge(settled, n)));
    for node in &settled.nodes {
        for (interface, network, link) in node.ports() {
            if let Some(network) = settled.network(network) {
                space
                    .links
                    .push(port(settled, node, interface, network, link));
                if network.mode == Mode::Routed && network.gateways().next().is_some() {
                    space.routes.extend(routes_to(interface, link));
                }
            }
        }
    }
    space
}

/// Lets the links of networks accept packets from the host's own addresses.
pub(super) fn accept_own_sources(space: &mut Space) {
    let settings = space.links.iter_mut().flat_map(|l| &mut l.settings);
    let (of, _) = Initial::AcceptLocal.wanted();
    for (_, value) in settings.filter(|(setting, _)| *setting == of) {
        *value = 1;
    }
}

fn bridge(settled: &Settled, network: &Network) -> Option<Link> {
    let name = network.bridge.clone().filter(|_| !network.external)?;
    if network.vlan.is_some() {
        return Some(vlan(settled, network, name));
    }
    let has = |version| {
        network
            .gateways()
            .any(|gateway| IpVersion::of(gateway) == version)
    };
    let nets = network.subnets.iter().filter_map(|s| s.gateway_net());
    let mut addresses: Vec<IpNet> = nets.collect();
    // A neighbour solicitation on behalf of others needs one (RFC 4861, section 7.2.2).
    if has(IpVersion::V6) {
        addresses.push(mark::link_local(network.mac));
    }
    let mut settings = vec![(Setting::AcceptRa, 0), (Setting::Autoconf, 0)];
    if has(IpVersion::V6) && carries_ipv6(network.mtu) {
        settings.push((Setting::DisableIpv6, 0));
    }
    settings.extend(forwarding(has));
    let initial = Initial::of_link(has(IpVersion::V4), has(IpVersion::V6));
    settings.extend(initial.map(Initial::wanted));
    Some(Link {
        name,
        role: LinkRole::Bridge,
        alias: Some(mark::alias(
            &settled.project,
            &Role::Bridge(network.name.clone()),
        )),
        group: Some(network.group),
        master: Some(None),
        mac: Some(network.mac),
        mtu: network.mtu,
        port: Vec::new(),
        nf_call: Some(network.filtered),
        group_learning: Some(false),
        bridge: BridgeFlag::WANTED,
        no_kernel_address: carries_ipv6(network.mtu),
        addresses,
        shaping: Shaping::NONE,
        settings,
    })
}

/// A VLAN that macvlan interfaces are of. The host itself has no address in it.
fn vlan(settled: &Settled, network: &Network, name: String) -> Link {
    Link {
        name,
        role: LinkRole::Vlan,
        alias: Some(mark::alias(
            &settled.project,
            &Role::Bridge(network.name.clone()),
        )),
        group: Some(network.group),
        master: Some(None),
        mac: None,
        mtu: None,
        port: Vec::new(),
        nf_call: None,
        group_learning: None,
        bridge: &[],
        no_kernel_address: true,
        addresses: Vec::new(),
        shaping: Shaping::NONE,
        settings: vec![(Setting::DisableIpv6, 1)],
    }
}

fn forwarding(has: impl Fn(IpVersion) -> bool) -> impl Iterator<Item = (Setting, u32)> {
    let both = [IpVersion::V4, IpVersion::V6].into_iter();
    both.filter(move |v| has(*v))
        .map(|v| (Setting::Forwarding(v), 1))
}

fn port(
    settled: &Settled,
    node: &Node,
    interface: &Interface,
    network: &Network,
    link: &str,
) -> Link {
    let role = Role::Port(node.name.clone(), interface.name.clone());
    let gateways: Vec<IpAddr> = match network.mode {
        Mode::Routed => network.gateways().collect(),
        Mode::Bridge | Mode::Lan | Mode::Macvlan => Vec::new(),
    };
    let mut addresses: Vec<IpNet> = gateways.iter().copied().map(IpNet::from).collect();
    let mac = mark::port_mac(&settled.project, &node.name, &interface.name);
    if gateways.iter().any(IpAddr::is_ipv6) {
        addresses.push(mark::link_local(mac));
    }
    let mut settings = Vec::new();
    if !gateways.is_empty() {
        settings.extend([(Setting::AcceptRa, 0), (Setting::Autoconf, 0)]);
        if gateways.iter().any(IpAddr::is_ipv6) && carries_ipv6(interface.mtu) {
            settings.push((Setting::DisableIpv6, 0));
        }
        let has = |version| gateways.iter().any(|g| IpVersion::of(*g) == version);
        settings.extend(forwarding(has));
        let initial = Initial::of_link(has(IpVersion::V4), has(IpVersion::V6));
        settings.extend(initial.map(Initial::wanted));
    }
    Link {
        name: link.to_owned(),
        role: LinkRole::Port,
        alias: Some(mark::alias(&settled.project, &role)),
        group: Some(network.group),
        master: Some(network.bridge.clone()),
        mac: Some(mac),
        mtu: interface.mtu,
        port: port_flags(network),
        nf_call: None,
        group_learning: None,
        bridge: &[],
        no_kernel_address: carries_ipv6(interface.mtu),
        addresses,
        shaping: Shaping::new(interface.bandwidth, &Impairments::default()),
        settings,
    }
}

/// Routes to the addresses of an interface, by the host's end of its link.
fn routes_to(interface: &Interface, link: &str) -> impl Iterator<Item = Route> {
    interface.addresses.iter().map(move |to| Route {
        to: *to,
        kind: RouteKind::Link {
            link: link.to_owned(),
            via: None,
            origin: RouteOrigin::Hallway,
        },
    })
}

/// The spanning tree of an external bridge, if any, belongs to other programs.
fn port_flags(network: &Network) -> Vec<(PortFlag, bool)> {
    let is_port = !matches!(network.mode, Mode::Routed | Mode::Macvlan);
    let flags = PortFlag::ALL.into_iter().filter(|_| is_port);
    flags
        .filter(|flag| !network.external || !flag.is_of_spanning_tree())
        .map(|flag| (flag, flag.wanted(network.mode)))
        .collect()
}
