//! Addresses from a network's pool: fixed ones first, then the one the node had before, then
//! the next free one after the last allocated, so that a freed address is not reused at once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hallway_spec::{Attachment, IpVersion, Name, Network, Node, Topology};
use ipnet::IpNet;

use crate::settled::Settled;

/// The pools of all networks of a topology.
pub(super) struct Pools {
    used: BTreeMap<Name, BTreeSet<IpAddr>>,
    last: BTreeMap<(Name, IpVersion), IpAddr>,
    before: BTreeMap<(Name, Name), Vec<IpAddr>>,
}

impl Pools {
    pub(super) fn new(topology: &Topology, previous: Option<&Settled>) -> Self {
        let mut pools = Self {
            used: BTreeMap::new(),
            last: BTreeMap::new(),
            before: BTreeMap::new(),
        };
        for network in &topology.networks {
            let used = pools.used.entry(network.name.clone()).or_default();
            used.extend(network.subnets.iter().filter_map(|s| s.gateway));
        }
        for attachment in topology.nodes.iter().flat_map(|n| &n.attachments) {
            if let Some(used) = pools.used.get_mut(&attachment.network) {
                used.extend(attachment.addresses.iter().copied());
            }
        }
        if let Some(previous) = previous {
            pools.remember(topology, previous);
        }
        pools
    }

    /// Addresses that others have.
    pub(super) fn reserve(&mut self, network: &Name, addresses: Vec<IpAddr>) {
        let used = self.used.entry(network.clone()).or_default();
        used.extend(addresses);
    }

    /// Attachments that still exist keep the addresses of the previous run.
    fn remember(&mut self, topology: &Topology, previous: &Settled) {
        for network in &previous.networks {
            for address in &network.last_allocated {
                self.last
                    .insert((network.name.clone(), IpVersion::of(*address)), *address);
            }
        }
        let wanted: BTreeMap<(&Name, &Name), &Attachment> = topology
            .nodes
            .iter()
            .flat_map(|n| {
                n.attachments
                    .iter()
                    .map(move |a| ((&n.name, &a.network), a))
            })
            .collect();
        for node in &previous.nodes {
            for (interface, network) in node.memberships() {
                let Some(attachment) = wanted.get(&(&node.name, network)) else {
                    continue;
                };
                let Some(now) = topology.networks.iter().find(|n| &n.name == network) else {
                    continue;
                };
                let Some(used) = self.used.get_mut(network) else {
                    continue;
                };
                for address in interface.addresses.iter().map(IpNet::addr) {
                    let fixed = attachment
                        .addresses
                        .iter()
                        .any(|a| IpVersion::of(*a) == IpVersion::of(address));
                    let fits = now.subnets.iter().any(|s| s.net.contains(&address));
                    if !fixed && fits && used.insert(address) {
                        self.before
                            .entry((node.name.clone(), network.clone()))
                            .or_default()
                            .push(address);
                    }
                }
            }
        }
    }

    /// One address of each IP version that the network has.
    pub(super) fn allocate(
        &mut self,
        network: &Network,
        node: &Node,
        attachment: &Attachment,
    ) -> Vec<IpAddr> {
        let before = self
            .before
            .get(&(node.name.clone(), network.name.clone()))
            .cloned();
        let mut out: Vec<IpAddr> = Vec::with_capacity(network.subnets.len());
        for subnet in &network.subnets {
            // Of several subnets of one version, those without an address are in the first.
            if out.iter().any(|a| IpVersion::of(*a) == subnet.version()) {
                continue;
            }
            let version = IpVersion::of_net(&subnet.net);
            let fixed = attachment
                .addresses
                .iter()
                .find(|a| IpVersion::of(**a) == version)
                .copied();
            let kept = before
                .iter()
                .flatten()
                .find(|a| IpVersion::of(**a) == version)
                .copied();
            // Which addresses of an external network others have is not known.
            if (network.external.is_some() || !network.assign) && fixed.is_none() {
                continue;
            }
            if let Some(address) = fixed
                .or(kept)
                .or_else(|| self.next(&network.name, subnet.net, node))
            {
                out.push(address);
            }
        }
        out
    }

    /// The addresses allocated last, at most one per IP version.
    pub(super) fn last_allocated(&self, network: &Name) -> Vec<IpAddr> {
        IpVersion::ALL
            .into_iter()
            .filter_map(|version| self.last.get(&(network.clone(), version)).copied())
            .collect()
    }

    /// The next free address, but none that is a next hop of the node's own routes.
    fn next(&mut self, network: &Name, net: IpNet, node: &Node) -> Option<IpAddr> {
        let used = self.used.get_mut(network)?;
        let key = (network.clone(), IpVersion::of_net(&net));
        let mut all = pool_addresses(net, self.last.get(&key).copied());
        // The parser has checked the size: one is free, except with an edit at the same time.
        let hop = |address: &IpAddr| node.routes.iter().any(|r| r.via == *address);
        let address = all.find(|address| !hop(address) && used.insert(*address))?;
        self.last.insert(key, address);
        Some(address)
    }
}

/// The addresses of a prefix that nodes may have, in the order in which they are given: those after
/// the last given address, then those before it.
pub fn pool_addresses(net: IpNet, last_given: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let (first, last) = bounds(net);
    let given = last_given
        .map(number)
        .filter(|n| (first..=last).contains(n));
    let start = given.map_or(first, |n| if n == last { first } else { n + 1 });
    let numbers = (start..=last).chain(first..start);
    numbers.map(move |number| of_number(number, net))
}

/// First and last usable host number: without network and broadcast address (IPv4), without
/// the subnet-router anycast address (IPv6, RFC 4291 section 2.6.1); a prefix of two addresses has
/// neither (RFC 3021, RFC 6164).
fn bounds(net: IpNet) -> (u128, u128) {
    if net.prefix_len() + 1 >= net.max_prefix_len() {
        return (number(net.network()), number(net.broadcast()));
    }
    match net {
        IpNet::V4(n) => (
            u128::from(u32::from(n.network())) + 1,
            u128::from(u32::from(n.broadcast())) - 1,
        ),
        IpNet::V6(n) => (u128::from(n.network()) + 1, u128::from(n.broadcast())),
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(u32::from(a)),
        IpAddr::V6(a) => u128::from(a),
    }
}

fn of_number(number: u128, like: IpNet) -> IpAddr {
    match like {
        IpNet::V4(_) => IpAddr::V4(Ipv4Addr::from(number as u32)),
        IpNet::V6(_) => IpAddr::V6(Ipv6Addr::from(number)),
    }
}
