//! Addresses that are used twice or do not fit their network.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::problem::{HopRole, NameProblem, NetworkProblem, NodeProblem, ReservedAddress};
use crate::similar::nearest;
use crate::{
    Attachment, IpVersion, LinkEnd, Mac, Mode, Name, Network, Node, Place, Problem, Topology,
};

/// Every attachment is to a network that exists, with addresses that no other node has.
pub(super) fn attachments(topology: &Topology, problems: &mut Vec<Problem>) {
    let networks: BTreeMap<&Name, &Network> =
        topology.networks.iter().map(|n| (&n.name, n)).collect();
    // Two lans may have one subnet.
    let mut used: BTreeMap<(Option<&Name>, IpAddr), (&Place, &Name)> = BTreeMap::new();
    let mut macs: BTreeMap<(&Name, Mac), &Place> = BTreeMap::new();
    for node in &topology.nodes {
        for attachment in &node.attachments {
            let place = &attachment.place;
            let Some(network) = networks.get(&attachment.network) else {
                problems.push(unknown_network(node, attachment, &networks));
                continue;
            };
            if let Some(mac) = attachment.mac
                && let Some(first) = macs.insert((&network.name, mac), place)
            {
                let kind = NetworkProblem::MacInUse {
                    mac,
                    network: network.name.clone(),
                    first: first.clone(),
                };
                problems.push(Problem::new(place, kind));
            }
            if network.external.is_some() && attachment.addresses.is_empty() {
                let (node, network) = (node.name.clone(), network.name.clone());
                let kind = NetworkProblem::AddressOfExternal { node, network };
                problems.push(Problem::new(place, kind));
            }
            let kind = of_macvlan(node, network, attachment);
            problems.extend(kind.map(|kind| Problem::new(place, kind)));
            for address in &attachment.addresses {
                let misfit = misfit(network, *address);
                problems.extend(misfit.map(|kind| Problem::new(place, kind)));
                let lan = (network.mode == Mode::Lan).then_some(&network.name);
                if let Some((first, owner)) = used.insert((lan, *address), (place, &node.name)) {
                    let kind = NetworkProblem::AddressInUse {
                        address: *address,
                        node: node.name.clone(),
                        owner: owner.clone(),
                        first: first.clone(),
                    };
                    problems.push(Problem::new(place, kind));
                }
            }
        }
    }
}

/// What an attachment cannot have, or must have, where it is a macvlan interface.
fn of_macvlan(node: &Node, network: &Network, attachment: &Attachment) -> Option<NetworkProblem> {
    network.parent.as_ref()?;
    let (node, name) = (node.name.clone(), network.name.clone());
    if attachment.bandwidth.is_some() {
        return Some(NetworkProblem::BandwidthOfMacvlan {
            node,
            network: name,
        });
    }
    (network.subnets.is_empty() && network.assign && attachment.addresses.is_empty()).then_some(
        NetworkProblem::AddressOfMacvlan {
            node,
            network: name,
        },
    )
}

/// Networks with a parent of their own each.
pub(super) fn parents(topology: &Topology, problems: &mut Vec<Problem>) {
    let link = |network: &Network| {
        let parent = network.parent.as_ref()?;
        Some(match network.vlan {
            Some(id) => format!("{parent}.{id}"),
            None => parent.to_string(),
        })
    };
    for (position, network) in topology.networks.iter().enumerate() {
        let Some(own) = link(network) else { continue };
        let mut before = topology.networks.iter().take(position);
        if let Some(other) = before.find(|n| link(n).as_ref() == Some(&own)) {
            let kind = NetworkProblem::SameParent(other.name.clone(), network.name.clone());
            problems.push(Problem::new(&network.place, kind));
        }
    }
}

fn unknown_network(
    node: &Node,
    attachment: &Attachment,
    networks: &BTreeMap<&Name, &Network>,
) -> Problem {
    let known = networks.keys().map(|n| n.as_ref());
    let kind = NameProblem::UnknownNetwork {
        node: node.name.clone(),
        network: attachment.network.clone(),
        nearest: nearest(attachment.network.as_ref(), known).map(str::to_owned),
    };
    Problem::new(&attachment.name_place, kind)
}

/// Why a member of the network cannot have this address.
fn misfit(network: &Network, address: IpAddr) -> Option<NetworkProblem> {
    let of_host = network.external.is_some() || network.parent.is_some();
    if of_host && network.subnets.is_empty() {
        return None; // the host takes its subnet from the link
    }
    let Some(subnet) = network.subnets.iter().find(|s| s.net.contains(&address)) else {
        return Some(NetworkProblem::AddressOutside {
            address,
            network: network.name.clone(),
            nets: network.subnets.iter().map(|s| s.net).collect(),
            network_place: network.place.clone(),
        });
    };
    let role = if Some(address) == subnet.gateway {
        match network.parent {
            Some(_) => ReservedAddress::Router,
            None => ReservedAddress::Gateway,
        }
    } else if !subnet.reserves_ends() {
        return None;
    } else if address == subnet.net.network() {
        ReservedAddress::Network
    } else if IpVersion::of(address).is_v4() && address == subnet.net.broadcast() {
        ReservedAddress::Broadcast
    } else {
        return None;
    };
    Some(NetworkProblem::AddressReserved {
        address,
        role,
        network: network.name.clone(),
        subnet: *subnet,
        network_place: network.place.clone(),
    })
}

/// The two ends of a link have different addresses.
pub(super) fn links(topology: &Topology, problems: &mut Vec<Problem>) {
    for link in &topology.links {
        let [a, b] = &link.ends;
        for address in a.addresses.iter().map(|net| net.addr()) {
            if b.addresses.iter().any(|other| other.addr() == address) {
                let other = a.place.clone();
                let kind = NetworkProblem::LinkAddressInUse { address, other };
                problems.push(Problem::new(&b.place, kind));
            }
        }
        cable(a, b, problems);
    }
}

/// The ends of a cable that are on one subnet agree about it.
fn cable(a: &LinkEnd, b: &LinkEnd, problems: &mut Vec<Problem>) {
    let whole = |net: &&IpNet| net.prefix_len() < net.max_prefix_len();
    for near in a.addresses.iter().filter(whole) {
        for far in b.addresses.iter().filter(whole) {
            let apart = !near.contains(&far.addr()) && !far.contains(&near.addr());
            if apart || near.addr() == far.addr() {
                continue;
            }
            let roles = [(a, near, b, far), (b, far, a, near)];
            let role = roles.into_iter().find_map(|(end, own, other, net)| {
                Some((end, own.addr(), other, role(net, own.addr())?))
            });
            match role {
                Some((end, address, other, role)) => {
                    let other = other.place.clone();
                    let kind = NodeProblem::CableRole {
                        address,
                        role,
                        other,
                    };
                    problems.push(Problem::new(&end.place, kind));
                }
                None if near.prefix_len() != far.prefix_len() => {
                    let kind = NodeProblem::CableLengths {
                        a: *near,
                        b: *far,
                        first: a.place.clone(),
                    };
                    problems.push(Problem::new(&b.place, kind));
                }
                None => {}
            }
        }
    }
}

/// What an address is to a subnet that contains it, if no node there can have it.
fn role(net: &IpNet, address: IpAddr) -> Option<HopRole> {
    let IpNet::V4(v4) = net else { return None };
    match address {
        _ if v4.prefix_len() > 30 => None,
        address if address == v4.broadcast() => Some(HopRole::Broadcast(net.trunc())),
        address if address == v4.network() => Some(HopRole::Network(net.trunc())),
        _ => None,
    }
}
