//! Neighbours with a fixed MAC address: frames to one with a wrong address do not arrive.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_spec::{Mode, Name};
use ipnet::IpNet;

use super::fact::Fact;
use super::index::Index;
use crate::mark;
use crate::observed::SeenNeighbour;
use crate::settled::{Interface, Network, Node, Plug, Settled};

type Macs = BTreeMap<IpAddr, [u8; 6]>;

/// The MAC addresses of what a link has as its neighbours, made when they are first needed.
pub(super) struct Neighbours<'a> {
    wanted: &'a Settled,
    /// Of members of a network with a bridge, and of the bridge.
    members: BTreeMap<&'a Name, Macs>,
}

impl<'a> Neighbours<'a> {
    pub(super) fn new(wanted: &'a Settled) -> Self {
        Self {
            wanted,
            members: BTreeMap::new(),
        }
    }

    /// Those of the host.
    pub(super) fn of_host(&mut self, seen: &Index<'_>) -> Vec<Fact> {
        let all = seen.seen.neighbours.iter().filter_map(|entry| {
            let link = seen.name(entry.interface);
            let wanted = link.and_then(|link| self.host(link, entry.address));
            fact(entry, link, wanted)
        });
        all.collect()
    }

    /// Those of a node, without those at links of other programs.
    pub(super) fn of_node(
        &mut self,
        node: &Node,
        seen: &Index<'_>,
        theirs: &BTreeSet<&str>,
    ) -> Vec<Fact> {
        let all = seen.seen.neighbours.iter().filter_map(|entry| {
            let link = seen.name(entry.interface).filter(|l| !theirs.contains(l));
            let mut interfaces = node.interfaces.iter();
            let interface = link.and_then(|link| interfaces.find(|i| i.name == link));
            let wanted = interface.and_then(|i| self.inside(node, i, entry.address));
            fact(entry, link, wanted)
        });
        all.collect()
    }

    fn member(&mut self, network: &'a Network, address: IpAddr) -> Option<[u8; 6]> {
        let wanted = self.wanted;
        let macs = self.members.entry(&network.name).or_insert_with(|| {
            let mut out = Macs::new();
            for node in &wanted.nodes {
                let own = node.memberships().filter(|(_, of)| **of == network.name);
                out.extend(own.flat_map(|(interface, _)| macs(interface)));
            }
            if network.bridge.is_some() && !network.external && network.parent().is_none() {
                let local = mark::link_local(network.mac).addr();
                let all = network.gateways().chain([local]);
                out.extend(all.map(|address| (address, network.mac)));
            }
            out
        });
        macs.get(&address).copied()
    }

    /// Of what is connected to a node's interface.
    fn inside(&mut self, node: &Node, interface: &Interface, to: IpAddr) -> Option<[u8; 6]> {
        let network = match &interface.plug {
            Plug::Port { network, .. } | Plug::Macvlan { network } => network,
            Plug::Cable => {
                let far = far_end(self.wanted, node, interface)?;
                return macs(far).find(|(address, _)| *address == to).map(|m| m.1);
            }
        };
        let network = self.wanted.network(network)?;
        if network.mode != Mode::Routed {
            return self.member(network, to);
        }
        let mac = mark::port_mac(&self.wanted.project, &node.name, &interface.name);
        let is = network.gateways().any(|a| a == to) || mark::link_local(mac).addr() == to;
        is.then_some(mac)
    }

    /// Of what is connected to a link of the host.
    fn host(&mut self, link: &str, to: IpAddr) -> Option<[u8; 6]> {
        let bridge = |n: &&Network| n.bridge.as_deref() == Some(link);
        if let Some(network) = self.wanted.networks.iter().find(bridge) {
            return self.member(network, to);
        }
        let mut ports = self.wanted.nodes.iter().flat_map(Node::ports);
        let (interface, ..) = ports.find(|(_, _, name)| *name == link)?;
        macs(interface)
            .find(|(address, _)| *address == to)
            .map(|m| m.1)
    }
}

fn macs(interface: &Interface) -> impl Iterator<Item = (IpAddr, [u8; 6])> {
    let all = interface.addresses.iter().copied();
    let all = all.chain(interface.link_local());
    let mac = interface.mac;
    all.map(move |net: IpNet| (net.addr(), mac))
}

fn far_end<'a>(wanted: &'a Settled, node: &Node, interface: &Interface) -> Option<&'a Interface> {
    let mut cables = wanted.cables.iter();
    let far = cables.find_map(|cable| cable.far_end(&node.name, &interface.name))?;
    let mut interfaces = wanted.node(&far.node)?.interfaces.iter();
    interfaces.find(|i| i.name == far.interface)
}

fn fact(entry: &SeenNeighbour, link: Option<&str>, wanted: Option<[u8; 6]>) -> Option<Fact> {
    let (link, wanted) = (link?.to_owned(), wanted?);
    let (address, found) = (entry.address, entry.mac);
    (found != Some(wanted)).then_some(Fact::Neighbour {
        link,
        address,
        wanted,
        found,
    })
}
