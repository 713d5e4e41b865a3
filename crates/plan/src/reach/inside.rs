//! What nodes have that their programs may change: addresses, settings and rules.

use std::net::IpAddr;

use hallway_spec::{IpVersion, Name};
use ipnet::IpNet;

use super::added::may_add;
use super::has::Has;
use super::path::Location;
use super::world::{World, owns};
use crate::settled::{Interface, Node};

/// A neighbour that should have an address.
pub(super) enum Neighbour<'a> {
    /// The node, and the position of its interface.
    Is(&'a Node, usize),
    /// One of these nodes may have it.
    MayBe(Vec<Name>),
    None,
}

impl<'a> World<'a> {
    /// The nodes whose programs may have added an address that is not of the file.
    pub fn may_have_added(&self, address: IpAddr) -> impl Iterator<Item = &'a Node> {
        let known = self.is_host(address) || self.owner(address).is_some();
        let version = IpVersion::of(address);
        let settled = self.settled;
        let may = move |i: &Interface| may_add(settled, i, version);
        let nodes = settled.nodes.iter().filter(move |_| !known);
        nodes.filter(move |node| node.interfaces.iter().any(may))
    }

    /// The addresses that its programs have added, with the positions of the interfaces.
    pub(super) fn added(&self, node: &Node) -> impl Iterator<Item = (usize, IpNet)> {
        let all = self.added.get(&node.name).into_iter().flatten();
        all.copied()
    }

    /// Whether a node has an address, of the file or of a program in it.
    pub(super) fn has(&self, node: &Node, address: IpAddr) -> Has {
        if owns(node, address) {
            return Has::Yes;
        }
        match self.environment.inside.get(&node.name) {
            Some(inside) if inside.addresses.contains(&address) => Has::Yes,
            Some(_) => Has::No,
            // Of a prefix it takes the packets of other machines, too.
            None if takes(node).any(|net| net.contains(&address))
                && (!node.forwarding || is_named(node, address)) =>
            {
                Has::Perhaps
            }
            None => Has::No,
        }
    }

    /// The nodes that may take an address besides their own, by `sources`; not those with `any`.
    pub(super) fn owners(&self, address: IpAddr) -> impl Iterator<Item = &'a Node> {
        let nodes = self.settled().nodes.iter();
        nodes.filter(move |node| takes(node).any(|net| net.contains(&address)))
    }

    /// Those of them that are on a network of that place; all for the host.
    pub(super) fn owners_near(
        &self,
        at: &Location,
        address: IpAddr,
    ) -> impl Iterator<Item = &'a Node> {
        let at = match at {
            Location::Node(name) => self.node(name),
            Location::Host | Location::Outside => None,
        };
        self.owners(address).filter(move |node| {
            let shares = |at: &Node| {
                let mut own = at.memberships();
                own.any(|(_, on)| node.memberships().any(|(_, other)| other == on))
            };
            at.is_none_or(shares)
        })
    }

    /// The member of a network that answers for an address.
    pub(super) fn neighbour(&self, network: usize, address: IpAddr) -> Neighbour<'a> {
        if let Some((node, interface)) = self.member(network, address) {
            return match self.answers(node, interface, address) {
                true => Neighbour::Is(node, interface),
                false => Neighbour::None,
            };
        }
        let several = self.members_added(network, address);
        if !several.is_empty() {
            return Neighbour::MayBe(several.iter().map(|(n, _)| n.name.clone()).collect());
        }
        let Some(on) = self.network(network).map(|n| &n.name) else {
            return Neighbour::None;
        };
        let (mut having, mut perhaps) = (Vec::new(), Vec::new());
        for node in self.owners(address) {
            let port = |i: &Interface| i.plug.network() == Some(on);
            let Some(at) = node.interfaces.iter().position(port) else {
                continue;
            };
            match self.has(node, address) {
                Has::Yes => having.push((node, at)),
                Has::Perhaps => perhaps.push(node.name.clone()),
                Has::No => {}
            }
        }
        match (having.as_slice(), perhaps.is_empty()) {
            ([(node, at)], true) => Neighbour::Is(node, *at),
            ([], true) => Neighbour::None,
            _ => {
                perhaps.extend(having.iter().map(|(node, _)| node.name.clone()));
                Neighbour::MayBe(perhaps)
            }
        }
    }

    /// The node that has an address and does not answer ARP requests for it.
    pub(super) fn mute(&self, at: &Location, address: IpAddr) -> Option<&'a Node> {
        let node = self.owner_near(address, [at])?;
        let has = |i: &Interface| i.addresses.iter().any(|a| a.addr() == address);
        let at = node.interfaces.iter().position(has)?;
        (!self.answers(node, at, address)).then_some(node)
    }

    /// Whether an address is one of the host, and the host answers no ARP request.
    pub(super) fn is_mute_host(&self, address: IpAddr) -> bool {
        self.environment.no_arp && address.is_ipv4() && self.is_host(address)
    }

    /// Whether a node answers ARP requests for an address at an interface (arp_ignore).
    pub(super) fn answers(&self, node: &Node, position: usize, address: IpAddr) -> bool {
        let Some(interface) = node.interfaces.get(position) else {
            return false;
        };
        let added = || {
            let mut all = self.added(node);
            all.any(|(at, net)| at == position && net.addr() == address)
        };
        let here = || interface.addresses.iter().any(|a| a.addr() == address) || added();
        match setting(node, &interface.name, "arp_ignore") {
            _ if address.is_ipv6() => true,
            8 => false,
            1..=3 => here(),
            _ => true,
        }
    }

    /// The reverse path filter in effect for packets that come in by an interface of a node; what it
    /// has inherited from the machine is known only where it was read.
    pub(super) fn rp_filter(&self, node: &Node, interface: &str) -> u32 {
        match self.environment.inside.get(&node.name) {
            Some(inside) => inside.rp_filter.get(interface).copied().unwrap_or(0),
            None => setting(node, interface, "rp_filter"),
        }
    }
}

/// What a node may take besides its own addresses.
fn takes(node: &Node) -> impl Iterator<Item = &IpNet> {
    let sources = node.interfaces.iter().flat_map(|i| &i.sources);
    sources.filter(|net| net.prefix_len() > 0)
}

/// Whether it may take that very address, not only those of a prefix.
fn is_named(node: &Node, address: IpAddr) -> bool {
    takes(node).any(|net| net.prefix_len() == net.max_prefix_len() && net.addr() == address)
}

/// A setting of the file for IPv4: the higher one of that for all interfaces and the interface's own.
fn setting(node: &Node, interface: &str, name: &str) -> u32 {
    let of = |interface: &str| -> Option<u32> {
        let path = format!("net/ipv4/conf/{interface}/{name}");
        let mut all = node.sysctls.iter();
        let (_, value) = all.find(|(key, _)| key.path() == path)?;
        value.trim().parse().ok()
    };
    let own = of(interface).or_else(|| of("default"));
    own.max(of("all")).unwrap_or(0)
}
