//! Addresses: those of links, and the same ones on links they do not belong on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::Fact;
use super::index::{Before, Index};
use crate::observed::{AssignedAddress, SeenAddress, SeenLink};
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
        match there(seen, found.index, address).map(|there| (there.assigned(), there.fault)) {
            Some((_, None)) => {}
            None => out.push(Fact::AddressMissing { link, address }),
            Some((address, Some(fault))) => out.push(Fact::AddressFaulty {
                link,
                address,
                fault,
            }),
        }
    }
    for address in &wanted.addresses {
        let instead = instead_of(seen, found.index, *address).into_iter();
        let left =
            instead.filter(|other| other.peer.is_some() || !wanted.addresses.contains(&other.net));
        let left = left.map(|address| (link(), address));
        out.extend(left.map(|(link, address)| Fact::AddressLeft { link, address }));
    }
    let before: BTreeSet<&IpNet> = before.iter().flat_map(|l| &l.addresses).collect();
    for address in before {
        if wanted.addresses.contains(address) {
            continue;
        }
        if let Some(there) = there(seen, found.index, *address) {
            let (link, address) = (link(), there.assigned());
            out.push(Fact::AddressLeft { link, address });
        }
    }
}

/// An address that a link has: the one without a peer, if there are several.
fn there<'s>(seen: &Index<'s>, link: u32, address: IpNet) -> Option<&'s SeenAddress> {
    let all = seen.addresses_of(link).filter(|a| a.net == address);
    all.min_by_key(|a| a.peer.is_some())
}

/// Addresses that conflict with a given one: the same address with another prefix length or with a peer,
/// and for IPv4 the first of its subnet, which would be the source of sent packets.
fn instead_of(seen: &Index<'_>, link: u32, address: IpNet) -> Vec<AssignedAddress> {
    let own = there(seen, link, address);
    let is_first = own.is_some_and(|a| a.fault.is_none() && !a.secondary);
    let own = own.map(SeenAddress::assigned);
    let others = seen
        .addresses_of(link)
        .filter(|a| Some(a.assigned()) != own);
    let instead = others.filter(|a| {
        let first = address.addr().is_ipv4() && !a.secondary && a.net.trunc() == address.trunc();
        (first && !is_first) || a.net.addr() == address.addr()
    });
    instead.map(SeenAddress::assigned).collect()
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
        !own.contains_key(&address.net.addr())
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
            address: found.assigned(),
            of: of.clone(),
            repaired: ours.is_some(),
        });
    }
}
