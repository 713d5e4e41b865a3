//! Addresses that move to another interface: they are announced to neighbours at once, and
//! connections of the former owner are ended.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_spec::{Mode, Name};
use ipnet::IpNet;

use super::{Plan, Recorded};
use crate::compare::ObjectPlace;
use crate::settled::{Interface, Network, Node, Settled};
use crate::step::{Announcement, Cause, Op};

/// An interface on a network.
type At<'a> = (&'a Node, &'a Interface);

/// Where each address of a node is, by network.
fn places(settled: &Settled) -> BTreeMap<(&Name, IpAddr), At<'_>> {
    let mut out = BTreeMap::new();
    for node in &settled.nodes {
        for (interface, network) in node.memberships() {
            for address in &interface.addresses {
                out.insert((network, address.addr()), (node, interface));
            }
        }
    }
    out
}

/// Whether neighbours that have the MAC address of the first would not reach the second.
fn differs((node, interface): At<'_>, (other, now): At<'_>) -> bool {
    (&node.name, &interface.name, interface.mac) != (&other.name, &now.name, now.mac)
}

/// An address of the host on a network: the network, the link of the host, its MAC address if it is
/// a fixed one, and the address.
type OfHost<'a> = (&'a Name, &'a str, Option<[u8; 6]>, IpAddr);

/// Where the host has its addresses: on the bridge of a network, or on each port of a routed one.
fn of_host(settled: &Settled) -> BTreeSet<OfHost<'_>> {
    let mut out = BTreeSet::new();
    for network in settled.networks.iter().filter(|n| !n.external) {
        for (link, mac) in links_of_host(settled, network) {
            out.extend(network.gateways().map(|a| (&network.name, link, mac, a)));
        }
    }
    out
}

fn links_of_host<'s>(
    settled: &'s Settled,
    network: &'s Network,
) -> Vec<(&'s str, Option<[u8; 6]>)> {
    match (network.mode, &network.bridge) {
        (Mode::Routed, _) => {
            let ports = settled.nodes.iter().flat_map(Node::ports);
            let here = ports.filter(|(_, name, _)| **name == network.name);
            here.map(|(_, _, link)| (link, None)).collect()
        }
        (Mode::Bridge, Some(bridge)) => vec![(bridge.as_str(), Some(network.mac))],
        _ => Vec::new(),
    }
}

/// Announces the addresses of the host that have moved: nodes that stay would send to the former
/// owner.
fn announce_of_host(plan: &mut Plan, recorded: Recorded<'_>, wanted: &Settled) {
    let before: Vec<_> = recorded.all().map(of_host).collect();
    let mut by_link: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
    for place in of_host(wanted) {
        let (network, link, _, address) = place;
        let stays = recorded.all().any(|s| s.network(network).is_some());
        if stays && before.iter().any(|b| !b.contains(&place)) {
            by_link.entry(link).or_default().push(address);
        }
    }
    for (link, addresses) in by_link {
        let op = Op::Announce(Announcement {
            place: ObjectPlace::Host,
            interface: link.to_owned(),
            addresses,
        });
        plan.push(op, Cause::Moved);
    }
}

/// Announces what has moved.
pub(super) fn announce(plan: &mut Plan, recorded: Recorded<'_>, wanted: &Settled) {
    announce_of_host(plan, recorded, wanted);
    let before: Vec<_> = recorded.all().map(places).collect();
    for node in &wanted.nodes {
        for (interface, network) in node.memberships() {
            // An address that no node had may be one that another node had some runs ago.
            let network_stays = recorded.all().any(|s| s.network(network).is_some());
            let moved = |address: &IpAddr| {
                let mut known = before
                    .iter()
                    .filter_map(|b| b.get(&(network, *address)))
                    .peekable();
                match known.peek() {
                    None => network_stays,
                    Some(_) => known.any(|at| differs(*at, (node, interface))),
                }
            };
            announce_of(plan, node, interface, moved);
        }
    }
}

/// Announces those addresses of an interface.
fn announce_of(
    plan: &mut Plan,
    node: &Node,
    interface: &Interface,
    which: impl Fn(&IpAddr) -> bool,
) {
    let addresses = interface.addresses.iter().map(IpNet::addr);
    let addresses: Vec<IpAddr> = addresses.filter(which).collect();
    if addresses.is_empty() {
        return;
    }
    let op = Op::Announce(Announcement {
        place: ObjectPlace::Node {
            node: node.name.clone(),
            netns: node.netns.clone(),
        },
        interface: interface.name.clone(),
        addresses,
    });
    plan.push(op, Cause::Moved);
}

/// Announces the addresses of a node that another node had.
pub(super) fn announce_used(plan: &mut Plan, node: &Node, used: &[IpAddr]) {
    for (interface, _) in node.memberships() {
        announce_of(plan, node, interface, |address| used.contains(address));
    }
}

/// The addresses that another node, or no node, has now.
pub(super) fn left(before: &Settled, wanted: &Settled) -> Vec<IpNet> {
    let now = places(wanted);
    let gone = places(before).into_iter().filter(|(key, (node, _))| {
        now.get(key)
            .is_none_or(|(owner, _)| owner.name != node.name)
    });
    let mut out: Vec<IpNet> = gone.map(|((_, address), _)| IpNet::from(address)).collect();
    out.sort();
    out
}
