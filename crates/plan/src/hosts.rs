//! /etc/hosts for what runs inside nodes: every node by name, nearest addresses first.
//!
//! Nodes on the same networks see the same file, so there are as many files as there are
//! combinations of networks, not as many as nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use hallway_spec::{Mode, Name};

use crate::mark;
use crate::settled::{Interface, Node, Plug, Settled};

/// The name of a node's file. A node with cables, or alone on its networks, has its own file.
#[must_use]
pub fn file_name(node: &Node) -> String {
    let own = !node.extra_hosts.is_empty() || node.hostname.is_some();
    if own || node.interfaces.is_empty() || node.interfaces.iter().any(|i| i.plug == Plug::Cable) {
        return own_file_name(node);
    }
    let networks: Vec<&str> = node
        .memberships()
        .map(|(_, network)| network.as_ref())
        .collect();
    format!("view-{:016x}", mark::stable_hash(&networks))
}

/// The name of the file of a node that has one of its own.
#[must_use]
pub fn own_file_name(node: &Node) -> String {
    format!("node-{}", node.name)
}

/// The lines of a node in the files of all others; `None` if their order differs between files, or
/// if there are none, or if not all of them have these.
#[must_use]
pub fn lines(settled: &Settled, node: &Node) -> Option<String> {
    let [only] = node.interfaces.as_slice() else {
        return None;
    };
    let alike = settled.alike_lans();
    if only.plug.network().is_some_and(|n| alike.contains(n)) {
        return None;
    }
    let mut addresses: Vec<IpAddr> = only.addresses.iter().map(ipnet::IpNet::addr).collect();
    addresses.sort_by_key(IpAddr::is_ipv6);
    if has_aliases(node) {
        return None;
    }
    let lines = addresses.iter().map(|a| line(*a, node, std::iter::empty()));
    (only.plug != Plug::Cable).then(|| lines.collect())
}

/// The same of a node with any interfaces, in no order; `None` if it has aliases: which of them a file
/// has depends on the viewer and on other nodes.
#[must_use]
pub fn every_line(node: &Node) -> Option<BTreeSet<String>> {
    let addresses = node.interfaces.iter().flat_map(|i| &i.addresses);
    let lines = addresses.map(|a| line(a.addr(), node, std::iter::empty()));
    (!has_aliases(node)).then(|| lines.collect())
}

fn has_aliases(node: &Node) -> bool {
    node.interfaces.iter().any(|i| !i.aliases.is_empty())
}

/// The name of the node, and further names.
fn line<'a>(address: IpAddr, node: &Node, aliases: impl Iterator<Item = &'a Name>) -> String {
    let mut out = format!("{address}\t{}", node.name);
    for alias in aliases {
        let _ = write!(out, " {alias}");
    }
    out.push('\n');
    out
}

/// Every file with its text.
#[must_use]
pub fn files(settled: &Settled) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for node in &settled.nodes {
        out.entry(file_name(node))
            .or_insert_with(|| text(settled, node));
    }
    out
}

/// The text of one node's file.
fn text(settled: &Settled, viewer: &Node) -> String {
    let mut out = String::from("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    if viewer.interfaces.iter().all(|i| i.addresses.is_empty()) {
        // Without this, a program that resolves its own name would wait for a name server.
        let _ = writeln!(out, "127.0.1.1\t{}", viewer.hostname());
    }
    for address in viewer.interfaces.iter().flat_map(|i| &i.addresses) {
        if let Some(hostname) = &viewer.hostname {
            let _ = writeln!(out, "{}\t{hostname}", address.addr());
        }
    }
    for address in of_host(settled, viewer) {
        let _ = writeln!(out, "{address}\thost");
    }
    let nearness = Nearness::of(settled, Some(viewer));
    let of_node = |node| nearness.interfaces(node).map(move |of| (of, node));
    let mut addresses: Vec<_> = settled.nodes.iter().flat_map(of_node).collect();
    addresses.retain(|((rank, ..), _)| *rank != Nearness::UNLISTED);
    // Programs try the addresses of a name in the order of the file.
    addresses.sort_by_key(|((rank, address, _), _)| (*rank, address.is_ipv6()));
    // An alias that a node of the viewer's own networks has is not looked for elsewhere.
    let near = addresses
        .iter()
        .filter(|((rank, ..), _)| *rank <= Nearness::SHARED);
    let near: BTreeSet<&Name> = near.flat_map(|((.., i), _)| &i.aliases).collect();
    for ((rank, address, interface), node) in &addresses {
        let aliases = interface.aliases.iter();
        let aliases = aliases.filter(|a| *rank <= Nearness::SHARED || !near.contains(a));
        out.push_str(&line(*address, node, aliases));
    }
    for (name, address) in &viewer.extra_hosts {
        let _ = writeln!(out, "{address}\t{name}");
    }
    out
}

/// The addresses of the host for a node: those on the first of its networks where the host has any.
pub(crate) fn of_host(settled: &Settled, viewer: &Node) -> Vec<IpAddr> {
    let own = viewer.memberships();
    let mut networks = own.filter_map(|(_, network)| settled.network(network));
    let first = networks.find(|n| n.gateways().next().is_some());
    first.map(|n| n.gateways().collect()).unwrap_or_default()
}

/// How near the addresses of nodes are to a viewer.
pub(crate) struct Nearness<'a> {
    viewer: Option<&'a Name>,
    networks: Vec<&'a Name>,
    lans: BTreeSet<&'a Name>,
    /// Those with the subnet of another one.
    alike: BTreeSet<&'a Name>,
    /// The viewer is on lans alone, from where a way leads to other lans by routers, and none to the
    /// host's networks.
    only_lans: bool,
    /// Far ends of the viewer's cables: node and interface.
    cabled: Vec<(&'a Name, &'a str)>,
}

impl<'a> Nearness<'a> {
    /// The highest rank of addresses on networks and cables that the viewer is on.
    const SHARED: u8 = 1;
    /// The rank of addresses on other networks that a way may lead to.
    const ROUTED: u8 = 2;
    /// The rank of those that none leads to: on lans that the viewer is not on, for a viewer with a way
    /// through the host; on the host's networks, for one without.
    const FAR: u8 = 4;
    /// The rank of addresses that are in no hosts file: those on cables that do not lead to the viewer, and
    /// on a lan of other nodes whose subnet another lan has, where a node with the same address may be nearer.
    pub(crate) const UNLISTED: u8 = 5;

    /// Seen from a node; without one, from the host.
    pub(crate) fn of(settled: &'a Settled, viewer: Option<&'a Node>) -> Self {
        let name = viewer.map(|v| &v.name);
        let far =
            |c: &'a crate::settled::Cable| match (Some(&c.a.node) == name, Some(&c.b.node) == name)
            {
                (true, _) => Some((&c.b.node, c.b.interface.as_str())),
                (_, true) => Some((&c.a.node, c.a.interface.as_str())),
                _ => None,
            };
        let own = viewer.into_iter().flat_map(Node::memberships);
        let lans = settled.networks.iter().filter(|n| n.mode == Mode::Lan);
        let lans: BTreeSet<&Name> = lans.map(|n| &n.name).collect();
        let networks: Vec<&Name> = own.map(|(_, network)| network).collect();
        Self {
            only_lans: !networks.is_empty() && networks.iter().all(|n| lans.contains(n)),
            lans,
            alike: settled.alike_lans(),
            viewer: name,
            networks,
            cabled: settled.cables.iter().filter_map(far).collect(),
        }
    }

    /// A node's addresses with their ranks, lower for nearer: over a cable both are on (or its own),
    /// on a network both are on, on another network, on one that the host is not reached by, where no way
    /// leads, on a cable to another node.
    pub(crate) fn addresses(&self, node: &'a Node) -> impl Iterator<Item = (u8, IpAddr)> {
        let all = self.interfaces(node);
        all.map(|(rank, address, _)| (rank, address))
    }

    /// The same, with the interface of each.
    fn interfaces(&self, node: &'a Node) -> impl Iterator<Item = (u8, IpAddr, &'a Interface)> {
        node.interfaces.iter().flat_map(move |interface| {
            let rank = match &interface.plug {
                Plug::Cable if Some(&node.name) == self.viewer => 0,
                Plug::Cable if self.cabled.contains(&(&node.name, interface.name.as_str())) => 0,
                Plug::Cable => Self::UNLISTED,
                Plug::Port { network, .. } | Plug::Macvlan { network }
                    if self.networks.contains(&network) =>
                {
                    Self::SHARED
                }
                Plug::Port { network, .. } if self.alike.contains(network) => Self::UNLISTED,
                Plug::Port { network, .. } if self.lans.contains(network) != self.only_lans => {
                    Self::FAR
                }
                Plug::Port { .. } => Self::ROUTED,
                Plug::Macvlan { .. } => 3,
            };
            let addresses = interface.addresses.iter();
            addresses.map(move |a| (rank, a.addr(), interface))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::observed::Observed;
    use crate::settle::{Surroundings, settle};

    use super::*;

    /// The lines of a node's file that have a name.
    fn lines_of(settled: &Settled, viewer: &str, name: &str) -> Vec<String> {
        let viewer = settled
            .nodes
            .iter()
            .find(|n| n.name.as_ref() == viewer)
            .unwrap();
        let text = text(settled, viewer);
        let has = |line: &&str| line.split_ascii_whitespace().skip(1).any(|n| n == name);
        let all = text.lines().filter(has);
        all.map(|l| l.replace('\t', " ")).collect()
    }

    fn settled(text: &str) -> Settled {
        let topology = hallway_spec::parse("test.yaml", text).unwrap().topology;
        let around = Surroundings::new(&topology.name, &Observed::default(), &[]);
        settle(&topology, None, &around).unwrap()
    }

    #[test]
    fn aliases_of_the_own_networks_come_alone() {
        let settled = settled(
            "name: t
networks: { n1: { subnet: 10.1.0.0/24 }, n2: { subnet: 10.2.0.0/24 }, n3: { subnet: 10.3.0.0/24 } }
nodes:
  p1: { networks: { n1: { aliases: [db] } } }
  p2: { networks: { n2: { aliases: [db] } } }
  app: { networks: [n2] }
  far: { networks: [n3] }
  wide: { networks: [n1, n2] }
",
        );
        assert_eq!(lines_of(&settled, "app", "db"), ["10.2.0.2 p2 db"]);
        assert_eq!(lines_of(&settled, "app", "p1"), ["10.1.0.2 p1"]);
        let both = ["10.1.0.2 p1 db", "10.2.0.2 p2 db"];
        assert_eq!(lines_of(&settled, "far", "db"), both);
        let near_first = ["10.2.0.4 wide", "10.1.0.3 wide"];
        assert_eq!(lines_of(&settled, "app", "wide"), near_first);
    }

    #[test]
    fn ways_of_lans_are_their_routers() {
        let settled = settled(
            "name: t
networks: { a: { mode: lan, subnet: 10.1.0.0/24 }, c: { mode: lan, subnet: 10.3.0.0/24 }, out: { subnet: 10.9.0.0/24 } }
nodes:
  pc: { networks: [a] }
  web: { networks: [out, c] }
  other: { networks: [out] }
",
        );
        let of = |viewer| lines_of(&settled, viewer, "web").remove(0);
        assert!(of("pc").starts_with("10.3.0."), "{}", of("pc"));
        assert!(of("other").starts_with("10.9.0."), "{}", of("other"));
    }
}
