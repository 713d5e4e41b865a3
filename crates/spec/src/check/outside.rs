//! What is outside: neither the host nor on a network whose packets pass the rules.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::{Action, Endpoint, Mode, Name, Topology, may_be_chosen};

/// The endpoints of policies that are outside, and what becomes of packets from there.
pub(super) struct Outside<'a> {
    ends: BTreeSet<&'a Endpoint>,
    /// The number of the last policy that denies something from outside.
    last_denial: Option<usize>,
}

impl<'a> Outside<'a> {
    pub(super) fn new(topology: &'a Topology) -> Self {
        let inside = inside(topology);
        let chosen = topology.networks.iter().any(|n| {
            n.subnets.is_empty() && n.mode.passes_host() && !n.outside && n.external.is_none()
        });
        let mut networks = BTreeMap::new();
        for node in &topology.nodes {
            let of_node = node.attachments.iter().map(|a| &a.network).collect();
            networks.insert(&node.name, of_node);
        }
        let is_outside = |end: &Endpoint| match end {
            Endpoint::Outside => true,
            Endpoint::Network(name) => is_outside_network(topology, name),
            Endpoint::Node(name) => networks.get(name).is_some_and(|all: &Vec<&Name>| {
                !all.is_empty() && all.iter().all(|n| is_outside_network(topology, n))
            }),
            Endpoint::Cidr(net) => {
                let within = inside.iter().any(|i| overlap(i, net));
                let perhaps = chosen && may_be_chosen(net);
                !(within || perhaps)
            }
            Endpoint::Host | Endpoint::Any => false,
        };
        let pairs = topology.policies.iter().flat_map(|p| &p.pairs);
        let ends: BTreeSet<&Endpoint> = pairs.flat_map(|(from, to)| [from, to]).collect();
        let ends: BTreeSet<&Endpoint> = ends.into_iter().filter(|end| is_outside(end)).collect();
        let some_outside =
            |end: &Endpoint| matches!(end, Endpoint::Any | Endpoint::Cidr(_)) || ends.contains(end);
        let mut denials = topology.policies.iter().rev();
        let last_denial = denials
            .find(|p| {
                p.action == Action::Deny && p.pairs.iter().any(|(from, _)| some_outside(from))
            })
            .map(|p| p.index);
        Self { ends, last_denial }
    }

    pub(super) fn contains(&self, endpoint: &Endpoint) -> bool {
        self.ends.contains(endpoint)
    }

    /// Whether a policy with this number that allows something from outside may be an exception from a
    /// later one that denies it.
    pub(super) fn denied_after(&self, index: usize) -> bool {
        self.last_denial.is_some_and(|last| last > index)
    }
}

fn is_outside_network(topology: &Topology, name: &Name) -> bool {
    let mut networks = topology.networks.iter();
    networks.any(|n| &n.name == name && (n.outside || n.external.is_some()))
}

fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// The prefixes that are, or may be, behind interfaces of the project's networks.
fn inside(topology: &Topology) -> BTreeSet<IpNet> {
    let networks = || topology.networks.iter().filter(|n| !n.outside);
    let subnets = networks().flat_map(|n| &n.subnets);
    // By the host, a route leads outside, unless its other end is on the project's networks.
    let gateways: BTreeSet<_> = networks()
        .filter(|n| n.mode != Mode::Macvlan)
        .flat_map(|n| n.subnets.iter().filter_map(|s| s.gateway))
        .collect();
    let routes = topology.nodes.iter().flat_map(|n| &n.routes);
    let routes = routes.filter(|r| !gateways.contains(&r.via));
    let attachments = topology.nodes.iter().flat_map(|n| &n.attachments);
    let inner = attachments.filter(|a| !is_outside_network(topology, &a.network));
    let cables = topology.links.iter().flat_map(|l| &l.ends);
    subnets
        .map(|s| s.net)
        .chain(routes.map(|r| r.to))
        .chain(inner.flat_map(|a| a.sources.iter().copied()))
        .chain(cables.flat_map(|e| e.addresses.iter().map(IpNet::trunc)))
        .collect()
}
