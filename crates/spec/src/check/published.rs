//! Published ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::problem::{NodeProblem, Unpublishable, WarningKind};
use crate::{
    IpVersion, LOCALHOST_PORTS_MAX, Mode, Name, Network, Node, Problem, Protocol, Publish,
    Topology, Warning,
};

/// Every published port can be reached, and no host port is published twice.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let networks: BTreeMap<&Name, &Network> =
        topology.networks.iter().map(|n| (&n.name, n)).collect();
    let mut all: Vec<Entry<'_>> = Vec::new();
    for node in &topology.nodes {
        let on: Vec<&Network> = (node.attachments.iter())
            .filter_map(|a| networks.get(&a.network).copied())
            .collect();
        if let Some(first) = node.ports.first() {
            let kind = unreachable(node, &on);
            problems.extend(kind.map(|kind| Problem::new(&first.place, kind)));
        }
        for port in &node.ports {
            let kind = on_link_local(port).or_else(|| without_address(node, port, &on));
            let kind = kind.or_else(|| sctp_on_localhost(port));
            problems.extend(kind.map(|kind| Problem::new(&port.place, kind)));
            all.push((port, &node.name));
        }
    }
    twice(all, problems);
}

/// Why no port of a node can be reached.
fn unreachable(node: &Node, on: &[&Network]) -> Option<NodeProblem> {
    if node.attachments.is_empty() {
        return Some(NodeProblem::PublishWithoutNetwork(node.name.clone()));
    }
    if on.iter().any(|n| !n.internal && !n.outside) {
        return None;
    }
    let first = on.first()?;
    let external = on.iter().find(|n| n.external.is_some());
    let reason = if on.iter().all(|n| n.outside) && external.is_some() {
        Unpublishable::External
    } else if on.iter().all(|n| n.outside) {
        Unpublishable::Outside
    } else if on.iter().all(|n| n.mode == Mode::Lan) {
        Unpublishable::Lan
    } else if on.iter().all(|n| n.mode == Mode::Macvlan) {
        Unpublishable::Macvlan
    } else {
        Unpublishable::Internal
    };
    let shown = external
        .filter(|_| reason == Unpublishable::External)
        .unwrap_or(first);
    Some(NodeProblem::PublishUnreachable {
        node: node.name.clone(),
        reason,
        network: shown.name.clone(),
        network_place: shown.place.clone(),
    })
}

/// A port on an address of the host needs a node address of the same IP version.
fn without_address(node: &Node, port: &Publish, on: &[&Network]) -> Option<NodeProblem> {
    let address = port.host_address?;
    let version = IpVersion::of(address);
    // The subnet chosen for a network without one is IPv4.
    let has = |n: &&&Network| match n.subnets.as_slice() {
        [] => version.is_v4(),
        subnets => subnets.iter().any(|s| s.version() == version),
    };
    let has = node.attachments.is_empty() || on.iter().find(has).is_some();
    (!has).then(|| NodeProblem::PublishWithoutAddress {
        node: node.name.clone(),
        address,
    })
}

/// Hosts do not forward packets from or to link-local addresses of IPv6, and a listener needs an interface for
/// one, of which an entry has none.
fn on_link_local(port: &Publish) -> Option<NodeProblem> {
    match port.host_address? {
        IpAddr::V6(address) if address.is_unicast_link_local() => {
            Some(NodeProblem::PublishOnLinkLocal(address))
        }
        _ => None,
    }
}

/// Localhost is served by listeners, which exist for tcp and udp.
fn sctp_on_localhost(port: &Publish) -> Option<NodeProblem> {
    let address = port.host_address.filter(|a| a.is_loopback())?;
    (port.protocol == Protocol::Sctp).then_some(NodeProblem::SctpOnLocalhost(address))
}

/// Entries that are not served on localhost.
pub(super) fn not_on_localhost(topology: &Topology) -> Vec<Warning> {
    let published = topology.nodes.iter().flat_map(|n| &n.ports);
    published
        .filter(|p| p.includes_localhost())
        .filter(|p| p.protocol == Protocol::Sctp || p.host_ports.len() > LOCALHOST_PORTS_MAX)
        .map(|p| Warning {
            place: p.place.clone(),
            kind: WarningKind::NotOnLocalhost {
                ports: p.host_ports,
                protocol: p.protocol,
            },
        })
        .collect()
}

/// Entries by order of their host ports: of several, the ones that reach furthest, by their address.
#[derive(Default)]
struct Reach<'t> {
    /// On all addresses.
    all: Option<Entry<'t>>,
    /// On all addresses of an IP version, and on any.
    unspecified: BTreeMap<bool, Entry<'t>>,
    any: BTreeMap<bool, Entry<'t>>,
    on: BTreeMap<IpAddr, Entry<'t>>,
}

/// An entry, with its node.
type Entry<'t> = (&'t Publish, &'t Name);

impl<'t> Reach<'t> {
    /// One of the earlier entries that has a host port of this one.
    fn overlapping(&self, one: &Publish) -> Option<Entry<'t>> {
        let v4 = |address: IpAddr| address.is_ipv4();
        let found = match one.host_address {
            None => [self.all, self.of(true), self.of(false)],
            Some(a) if a.is_unspecified() => [self.all, self.of(v4(a)), None],
            Some(a) => {
                let everywhere = self.unspecified.get(&v4(a));
                [self.all, everywhere.copied(), self.on.get(&a).copied()]
            }
        };
        let overlaps =
            |e: &Entry<'_>| e.0.protocol == one.protocol && e.0.host_ports.overlaps(one.host_ports);
        found.into_iter().flatten().find(overlaps)
    }

    fn of(&self, v4: bool) -> Option<Entry<'t>> {
        self.any.get(&v4).copied()
    }

    fn add(&mut self, entry: Entry<'t>) {
        let Some(address) = entry.0.host_address else {
            self.all = Some(furthest(self.all, entry));
            return;
        };
        let v4 = address.is_ipv4();
        self.any.insert(v4, furthest(self.of(v4), entry));
        match address.is_unspecified() {
            true => put(&mut self.unspecified, v4, entry),
            false => put(&mut self.on, address, entry),
        }
    }
}

fn put<'t, K: Ord>(map: &mut BTreeMap<K, Entry<'t>>, key: K, entry: Entry<'t>) {
    let known = map.get(&key).copied();
    map.insert(key, furthest(known, entry));
}

/// The one whose last port is greater: the first of equal ones.
fn furthest<'t>(known: Option<Entry<'t>>, entry: Entry<'t>) -> Entry<'t> {
    let last = |e: &Entry<'_>| (e.0.protocol, e.0.host_ports.last());
    known
        .filter(|known| last(known) >= last(&entry))
        .unwrap_or(entry)
}

/// Host ports that several entries publish: one problem for those of each entry.
fn twice(mut all: Vec<Entry<'_>>, problems: &mut Vec<Problem>) {
    // Sorted by first port, an entry overlaps an earlier one if that has not ended before it begins.
    all.sort_by_key(|(p, _)| (p.protocol, p.host_ports.first(), p.place.offset));
    let mut reach = Reach::default();
    let mut found: BTreeMap<_, (Entry<'_>, Entry<'_>, Vec<Name>)> = BTreeMap::new();
    for one in all {
        if let Some(other) = reach.overlapping(one.0) {
            let (late, early) = match other.0.place.offset > one.0.place.offset {
                true => (other, one),
                false => (one, other),
            };
            let ports = |e: Entry<'_>| (e.0.host_ports.first(), e.0.host_ports.last());
            let key = (
                late.0.protocol,
                ports(late),
                ports(early),
                early.1,
                early.0.place.offset,
            );
            let (.., nodes) = found.entry(key).or_insert((late, early, Vec::new()));
            nodes.push(late.1.clone());
        }
        reach.add(one);
    }
    problems.extend(found.into_values().map(|(late, early, nodes)| {
        let kind = NodeProblem::PublishedTwice {
            ports: late.0.host_ports,
            protocol: late.0.protocol,
            nodes,
            owner: early.1.clone(),
            owner_ports: early.0.host_ports,
            first: early.0.place.clone(),
        };
        Problem::new(&late.0.place, kind)
    }));
}
