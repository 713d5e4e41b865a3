//! Addresses that no node has, or that are those of many.

use std::net::IpAddr;

use hallway_spec::Name;
use ipnet::IpNet;

use super::super::code::ReasonCode;
use super::super::party::Party;
use super::super::path::{Location, OutcomeReason};
use super::super::world::{World, owns};
use super::builder::{Reasons, reason};

/// Why no node has an address: none can have it, or none was given it.
pub(super) fn no_node(
    world: &World<'_>,
    at: &Location,
    address: IpAddr,
    text: String,
) -> OutcomeReason {
    let near = world
        .network_near(address, [at])
        .and_then(|n| world.network(n));
    let networks = near.into_iter().chain(&world.settled().networks);
    let subnets = networks.flat_map(|n| n.subnets.iter().map(move |s| (s.net, Some(&n.name))));
    let nodes = world.settled().nodes.iter();
    let ends = nodes.flat_map(|n| n.interfaces.iter().flat_map(|i| &i.addresses));
    let mut all = subnets.chain(ends.map(|net| (*net, None)));
    let found = all.find_map(|(net, network)| Some((network, role(net, address)?)));
    let Some((network, role)) = found else {
        return reason(ReasonCode::NeighbourUnreachable, text).help(format!(
            "give a node there the address {address}, or use another address"
        ));
    };
    let of = network.map_or("of its subnet".to_owned(), |name| {
        format!("of network {name}")
    });
    let text = format!("{address} is the {role} address {of}, which no node can have");
    reason(ReasonCode::NeighbourUnreachable, text).help("name a node, or the address of one")
}

/// The server has the address on another link than the node that the request comes to.
pub(super) fn namesake(
    Reasons { world, question }: &Reasons<'_>,
    other: &Name,
    address: Option<IpAddr>,
) -> OutcomeReason {
    let (from, to) = (&question.from, &question.to);
    let on = |name: &Name| {
        let (node, address) = (world.node(name)?, address?);
        Some(format!("{name} on {}", world.link_in_words(node, address)))
    };
    let there = on(other).unwrap_or_else(|| other.to_string());
    let own = match to {
        Party::Node(name) => on(name),
        _ => None,
    };
    let own = own.unwrap_or_else(|| to.to_string());
    let address = address.map_or(String::new(), |a| format!(" {a}"));
    reason(
        ReasonCode::NoRoute,
        format!("for {from}, the address{address} is that of {there}, not that of {own}"),
    )
    .help("give them different addresses, or reach it by a router that translates addresses")
}

/// The other link on which the server has an address, at the end of a sentence.
pub(super) fn elsewhere(Reasons { world, question }: &Reasons<'_>, address: IpAddr) -> String {
    let node = match &question.to {
        Party::Node(name) => world.node(name).filter(|node| owns(node, address)),
        _ => None,
    };
    node.map_or(String::new(), |node| {
        let on = world.link_in_words(node, address);
        format!(", which {} has on {on}", node.name)
    })
}

/// The host forwards no packets to an address: it has no route, or the address is one of many hosts.
pub(super) fn no_route_of_host(to: IpAddr, in_sandbox: Option<bool>) -> OutcomeReason {
    let many = match to {
        IpAddr::V4(a) if a.is_broadcast() => Some("the broadcast address of any network"),
        _ => to.is_multicast().then_some("a multicast address"),
    };
    match many {
        Some(many) => reason(
            ReasonCode::NoRoute,
            format!("{to} is {many}, and the host forwards no packets to it"),
        )
        .help("members of the same network get them: hallway capture NODE shows what arrives"),
        None => reason(
            ReasonCode::NoRoute,
            format!("the host has no route to {to}"),
        )
        .help(match in_sandbox {
            Some(false) => format!("add a route to it on this host; ip route get {to} shows whether there is one"),
            Some(true) => "a sandbox reaches the internet only through pasta, if it is installed and can start: hallway doctor".to_owned(),
            None => format!("on a host, ip route get {to} shows it; a sandbox reaches the internet only through pasta, if it is installed and can start: hallway doctor"),
        }),
    }
}

/// What an address is to a subnet that has no node with it.
fn role(net: IpNet, address: IpAddr) -> Option<&'static str> {
    let IpNet::V4(net) = net else { return None };
    match net.prefix_len() < 31 {
        true if address == net.broadcast() => Some("broadcast"),
        true if address == net.network() => Some("network"),
        _ => None,
    }
}
