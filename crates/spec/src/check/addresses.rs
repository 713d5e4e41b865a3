//! Subnets that overlap, addresses that do not fit or are there twice.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::BRIDGE_PORTS_MAX;
use crate::{Code, Mac, Mode, Name, Network, Place, Problem, Topology};

fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

pub(super) fn subnets(topology: &Topology, problems: &mut Vec<Problem>) {
    // Sorted by first address, an overlap is always with the widest one still open.
    let mut all: Vec<(IpNet, &Network)> = topology
        .networks
        .iter()
        .flat_map(|n| n.subnets.iter().map(move |s| (s.net, n)))
        .collect();
    all.sort_by_key(|(net, _)| (net.network(), net.prefix_len()));
    let mut open: Option<(IpNet, &Network)> = None;
    for (net, network) in all {
        match open {
            Some((wide, holder)) if overlap(&wide, &net) => {
                let (late, early) = if holder.place.offset < network.place.offset {
                    (network, holder)
                } else {
                    (holder, network)
                };
                let (late_net, early_net) = if late.name == network.name {
                    (net, wide)
                } else {
                    (wide, net)
                };
                problems.push(
                    Problem::new(
                        Code::SubnetOverlap,
                        &late.place,
                        format!(
                            "subnet {late_net} of network {} overlaps {early_net} of network {}",
                            late.name, early.name
                        ),
                    )
                    .label(late_net.to_string())
                    .other(&early.place, early_net.to_string())
                    .help("give one of them another subnet"),
                );
            }
            _ => open = Some((net, network)),
        }
    }
}

pub(super) fn attachments(topology: &Topology, problems: &mut Vec<Problem>) {
    let networks: BTreeMap<&Name, &Network> =
        topology.networks.iter().map(|n| (&n.name, n)).collect();
    let mut used: BTreeMap<IpAddr, (&Place, &Name)> = BTreeMap::new();
    let mut macs: BTreeMap<(&Name, Mac), &Place> = BTreeMap::new();
    for node in &topology.nodes {
        for attachment in &node.attachments {
            let Some(network) = networks.get(&attachment.network) else {
                let near = crate::parse::nearest(
                    attachment.network.as_ref(),
                    networks.keys().map(|n| n.as_ref()),
                );
                let mut problem = Problem::new(
                    Code::UnknownName,
                    &attachment.place,
                    format!(
                        "node {} is on network {}, which is not defined",
                        node.name, attachment.network
                    ),
                )
                .label("unknown network");
                problem = problem.help(match near {
                    Some(near) => format!("did you mean {near}?"),
                    None => "define it under networks".into(),
                });
                problems.push(problem);
                continue;
            };
            if let Some(mac) = attachment.mac
                && let Some(first) = macs.insert((&network.name, mac), &attachment.place)
            {
                problems.push(
                    Problem::new(
                        Code::MacInUse,
                        &attachment.place,
                        format!("MAC address {mac} is on network {} twice", network.name),
                    )
                    .other(first, "first here"),
                );
            }
            for address in &attachment.addresses {
                problems.extend(misfit(network, *address, &attachment.place));
                if let Some((first, owner)) = used.insert(*address, (&attachment.place, &node.name))
                {
                    problems.push(
                        Problem::new(
                            Code::AddressInUse,
                            &attachment.place,
                            format!("address {address} of node {} is node {owner}'s already", node.name),
                        )
                        .label("used twice")
                        .other(first, format!("node {owner} has it"))
                        .help("give each node an address of its own, or none to get one from the pool"),
                    );
                }
            }
        }
    }
}

fn misfit(network: &Network, address: IpAddr, place: &Place) -> Option<Problem> {
    let nets = network
        .subnets
        .iter()
        .map(|s| s.net.to_string())
        .collect::<Vec<_>>()
        .join(" and ");
    if network.subnets.is_empty() {
        return None;
    }
    let Some(subnet) = network.subnets.iter().find(|s| s.net.contains(&address)) else {
        return Some(
            Problem::new(
                Code::AddressOutsideSubnet,
                place,
                format!("address {address} is not in network {}", network.name),
            )
            .label(format!("not in {nets}"))
            .other(&network.place, nets),
        );
    };
    let what = if address == subnet.gateway {
        "the host's (the gateway)"
    } else if address == subnet.net.network() {
        "the network's own"
    } else if address.is_ipv4() && address == subnet.net.broadcast() {
        "the broadcast address"
    } else {
        return None;
    };
    Some(
        Problem::new(
            Code::AddressReserved,
            place,
            format!("address {address} is {what} on network {}", network.name),
        )
        .other(
            &network.place,
            format!("{} with gateway {}", subnet.net, subnet.gateway),
        )
        .help("give the node another address, or the network another gateway"),
    )
}

/// A cable's prefixes may not lie across what else its nodes are on, nor an address be there twice.
pub(super) fn links(topology: &Topology, problems: &mut Vec<Problem>) {
    let mut of_node: BTreeMap<&Name, Vec<(IpNet, &Place)>> = BTreeMap::new();
    for node in &topology.nodes {
        for attachment in &node.attachments {
            let subnets = topology
                .networks
                .iter()
                .filter(|n| n.name == attachment.network)
                .flat_map(|n| &n.subnets);
            of_node
                .entry(&node.name)
                .or_default()
                .extend(subnets.map(|s| (s.net, &attachment.place)));
        }
    }
    for link in &topology.links {
        let [a, b] = &link.ends;
        for address in &a.addresses {
            if b.addresses
                .iter()
                .any(|other| other.addr() == address.addr())
            {
                problems.push(
                    Problem::new(
                        Code::AddressInUse,
                        &b.place,
                        format!("both ends of the link have address {}", address.addr()),
                    )
                    .other(&a.place, "the other end"),
                );
            }
        }
        for end in &link.ends {
            let prefixes = of_node.entry(&end.node).or_default();
            for net in &end.addresses {
                if let Some((other, place)) = prefixes
                    .iter()
                    .find(|(other, _)| overlap(other, &net.trunc()))
                {
                    problems.push(
                        Problem::new(Code::SubnetOverlap, &end.place, format!("{} on this link overlaps {other}, which node {} is on already", net.trunc(), end.node))
                            .other(place, other.to_string())
                            .help("a node needs a prefix of its own on each interface, or it cannot choose between them"),
                    );
                }
            }
            prefixes.extend(end.addresses.iter().map(|n| (n.trunc(), &end.place)));
        }
    }
}

/// Every member needs an address, and a bridge has only so many ports.
pub(super) fn sizes(topology: &Topology, problems: &mut Vec<Problem>) {
    let mut members: BTreeMap<&Name, usize> = BTreeMap::new();
    for attachment in topology.nodes.iter().flat_map(|n| &n.attachments) {
        *members.entry(&attachment.network).or_default() += 1;
    }
    for network in &topology.networks {
        let count = members.get(&network.name).copied().unwrap_or(0);
        for subnet in &network.subnets {
            let host_bits = u32::from(subnet.net.max_prefix_len() - subnet.net.prefix_len());
            // Without network, broadcast and gateway address.
            let room = 1_usize
                .checked_shl(host_bits)
                .filter(|_| host_bits < 32)
                .map_or(usize::MAX, |n| n.saturating_sub(3));
            if count > room {
                problems.push(
                    Problem::new(
                        Code::NetworkFull,
                        &network.place,
                        format!(
                            "network {} has {count} members, but {} has room for {room}",
                            network.name, subnet.net
                        ),
                    )
                    .help("use a shorter prefix length"),
                );
            }
        }
        if network.mode == Mode::Bridge && count > BRIDGE_PORTS_MAX {
            problems.push(
                Problem::new(Code::NetworkFull, &network.place, format!("network {} has {count} members, but a Linux bridge has at most {BRIDGE_PORTS_MAX} ports", network.name))
                    .help("use mode: routed, which has no bridge, or several networks"),
            );
        }
    }
}
