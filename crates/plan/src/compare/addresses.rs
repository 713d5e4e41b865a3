//! Addresses: those of links, and the same ones on links they do not belong on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Fact;
use super::index::{Before, Index};
use crate::observed::SeenLink;
use crate::settled::Settled;
use crate::target::{Link, Space};

/// The differences of the addresses of one link.
pub(super) fn of_link(
    wanted: &Link,
    found: &SeenLink,
    before: &[&Link],
    seen: &Index<'_>,
    out: &mut Vec<Fact>,
) {
    let link = || wanted.name.clone();
    for address in &wanted.addresses {
        let (link, address) = (link(), *address);
        let there = seen.addresses_of(found.index).find(|a| a.net == address);
        match there.map(|there| there.fault) {
            Some(None) => {}
            None => out.push(Fact::AddressMissing { link, address }),
            Some(Some(fault)) => out.push(Fact::AddressFaulty {
                link,
                address,
                fault,
            }),
        }
    }
    for address in &wanted.addresses {
        let instead = instead_of(seen, found.index, *address).into_iter();
        let left = instead.filter(|other| !wanted.addresses.contains(other));
        let left = left.map(|address| (link(), address));
        out.extend(left.map(|(link, address)| Fact::AddressLeft { link, address }));
    }
    let before: BTreeSet<&IpNet> = before.iter().flat_map(|l| &l.addresses).collect();
    for address in before {
        let there = seen.addresses_of(found.index).any(|a| a.net == *address);
        if !wanted.addresses.contains(address) && there {
            let (link, address) = (link(), *address);
            out.push(Fact::AddressLeft { link, address });
        }
    }
}

/// Addresses that conflict with a given one: the same address with another prefix length, and for IPv4
/// the first of its subnet, which would be the source of sent packets.
fn instead_of(seen: &Index<'_>, link: u32, address: IpNet) -> Vec<IpNet> {
    let mut all = seen.addresses_of(link);
    let is_first = all.any(|a| a.net == address && a.fault.is_none() && !a.secondary);
    let others = seen.addresses_of(link).filter(|a| a.net != address);
    let instead = others.filter(|a| {
        let first = address.addr().is_ipv4() && !a.secondary && a.net.trunc() == address.trunc();
        !is_first && (first || a.net.addr() == address.addr())
    });
    instead.map(|a| a.net).collect()
}

/// Addresses that belong in one place alone: each with that place, in words.
pub(super) type Owned = BTreeMap<IpAddr, String>;

/// The addresses of the links of a namespace.
pub(super) fn owned(space: &Space) -> Owned {
    let mut out = Owned::new();
    for link in &space.links {
        for address in link.addresses.iter().map(IpNet::addr) {
            if !is_of_every_link(address) {
                out.entry(address).or_insert_with(|| link.name.clone());
            }
        }
    }
    out
}

/// The addresses that the host routes to nodes.
pub(super) fn of_nodes(settled: &Settled) -> Owned {
    let mut out = Owned::new();
    for node in &settled.nodes {
        for address in node.port_addresses() {
            let passes = node.ports().any(|(interface, network, _)| {
                let network = settled.network(network);
                let here = interface.addresses.iter().any(|a| a.addr() == address);
                here && network.is_some_and(|n| n.mode.passes_host())
            });
            if passes {
                out.insert(address, format!("node {}", node.name));
            }
        }
    }
    out
}

/// Addresses of other nodes that a node has. Root of the node may add them; no packet of theirs passes.
pub(super) fn of_other_nodes(
    nodes: &Owned,
    wanted: &Space,
    own: &Owned,
    before: &Before<'_>,
    seen: &Index<'_>,
) -> Vec<Fact> {
    let mut out = Vec::new();
    elsewhere(nodes, wanted, before, seen, &mut out);
    out.retain_mut(|fact| {
        let Fact::AddressElsewhere {
            address, repaired, ..
        } = fact
        else {
            return false;
        };
        *repaired = false;
        !own.contains_key(&address.addr())
    });
    out
}

fn is_of_every_link(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_loopback() || a.is_link_local(),
        IpAddr::V6(a) => a.is_loopback() || a.is_unicast_link_local(),
    }
}

/// Addresses of the project that another link has.
pub(super) fn elsewhere(
    owned: &Owned,
    wanted: &Space,
    before: &Before<'_>,
    seen: &Index<'_>,
    out: &mut Vec<Fact>,
) {
    let links: BTreeMap<&str, &Link> = wanted.links.iter().map(|l| (l.name.as_str(), l)).collect();
    for found in &seen.seen.addresses {
        let Some(of) = owned.get(&found.net.addr()) else {
            continue;
        };
        let has = |l: &&Link| l.addresses.iter().any(|a| a.addr() == found.net.addr());
        // None is a link of other programs, also with the name of one of the project's.
        let name = seen.name(found.interface);
        let ours = name.and_then(|name| links.get(name));
        // Also where an interface gets another name: it is still there with its old one.
        let had = name.is_some_and(|name| before.link(name).iter().any(has));
        if ours.is_some_and(has) || had {
            continue;
        }
        let mut all = seen.seen.links.iter();
        let Some(on) = all.find(|l| l.index == found.interface) else {
            continue;
        };
        out.push(Fact::AddressElsewhere {
            link: on.name.clone(),
            address: found.net,
            of: of.clone(),
            repaired: ours.is_some(),
        });
    }
}
