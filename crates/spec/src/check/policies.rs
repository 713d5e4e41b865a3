//! Policies that could never have an effect.

use std::collections::{BTreeMap, BTreeSet};

use super::outside::Outside;
use crate::problem::{PolicyProblem, WarningKind};
use crate::{
    Action, Endpoint, Mode, Name, Network, Node, Policy, PolicyService, Problem, Topology, Warning,
};

/// Every policy that allows something allows something possible.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let lans = OfLan::new(topology);
    let outside = Outside::new(topology);
    for policy in &topology.policies {
        let mut ends = policy.pairs.iter().flat_map(|(from, to)| [from, to]);
        if let Some(kind) = ends.find_map(|end| lans.problem(end)) {
            problems.push(Problem::new(&policy.place, kind));
            continue;
        }
        let kind = reason(policy, |(from, to)| {
            beside_the_rules(topology, &outside, from, to)
        });
        let kind = kind.or_else(|| match policy.action {
            Action::Allow => reason(policy, |(from, to)| {
                impossible(topology, &outside, policy.index, from, to)
            }),
            Action::Deny => None,
        });
        problems.extend(kind.map(|kind| Problem::new(&policy.place, kind)));
    }
}

/// Why a policy has no effect: that of one of its pairs of names, or of the first pair if all have one. Of a
/// list of prefixes, some may be of networks that this project does not have.
fn reason(
    policy: &Policy,
    of_pair: impl Fn(&(Endpoint, Endpoint)) -> Option<PolicyProblem>,
) -> Option<PolicyProblem> {
    let is_prefix = |end: &Endpoint| matches!(end, Endpoint::Cidr(_));
    let mut named = (policy.pairs.iter()).filter(|(from, to)| !is_prefix(from) && !is_prefix(to));
    named.find_map(&of_pair).or_else(|| {
        let mut all = policy.pairs.iter().map(of_pair);
        let first = all.next().flatten()?;
        all.all(|kind| kind.is_some()).then_some(first)
    })
}

/// Networks whose packets do not pass the host, and nodes that are on such networks only, with one of
/// them.
struct OfLan<'a> {
    networks: BTreeSet<&'a Name>,
    macvlans: BTreeSet<&'a Name>,
    nodes: BTreeMap<&'a Name, &'a Name>,
}

impl<'a> OfLan<'a> {
    fn new(topology: &'a Topology) -> Self {
        let lans = || topology.networks.iter().filter(|n| !n.mode.passes_host());
        let networks: BTreeSet<&Name> = lans().map(|n| &n.name).collect();
        let macvlans = lans().filter(|n| n.mode == Mode::Macvlan);
        let macvlans = macvlans.map(|n| &n.name).collect();
        let only = |node: &'a Node| {
            let mut all = node.attachments.iter().map(|a| &a.network);
            let first = all.clone().next()?;
            all.all(|n| networks.contains(n))
                .then_some((&node.name, first))
        };
        let nodes = topology.nodes.iter().filter_map(only).collect();
        Self {
            networks,
            macvlans,
            nodes,
        }
    }

    /// Packets there do not pass the host's rules.
    fn problem(&self, endpoint: &Endpoint) -> Option<PolicyProblem> {
        let name = match endpoint {
            Endpoint::Network(name) => *self.networks.get(name)?,
            Endpoint::Node(name) => *self.nodes.get(name)?,
            _ => return None,
        };
        Some(match self.macvlans.contains(name) {
            true => PolicyProblem::OfMacvlan(name.clone()),
            false => PolicyProblem::OfLan(name.clone()),
        })
    }
}

/// Both ends are nodes of one network where hallway filters nothing between members: an external one, or one that
/// represents the outside. Neither does it filter between the host and the outside.
fn beside_the_rules(
    topology: &Topology,
    outside: &Outside<'_>,
    from: &Endpoint,
    to: &Endpoint,
) -> Option<PolicyProblem> {
    let of = |endpoint: &Endpoint| {
        let Endpoint::Node(node) = endpoint else {
            return None;
        };
        let mut all = on(topology, node);
        let only = all.next().filter(|_| all.next().is_none())?;
        let mut networks = topology.networks.iter();
        networks.find(|n| n.name == *only && (n.external.is_some() || n.outside))
    };
    let name = |network: &Network| network.name.clone();
    match (of(from), of(to), from, to) {
        (Some(one), Some(other), ..) if one.name == other.name => Some(match one.external {
            Some(_) => PolicyProblem::OfExternal(name(one)),
            None => PolicyProblem::InOutside(name(one)),
        }),
        (Some(one), _, _, Endpoint::Host) | (_, Some(one), Endpoint::Host, _)
            if one.external.is_some() =>
        {
            Some(PolicyProblem::OfExternal(name(one)))
        }
        (.., Endpoint::Host, end) | (.., end, Endpoint::Host) if outside.contains(end) => {
            Some(PolicyProblem::HostAndOutside)
        }
        _ => None,
    }
}

/// Why no connection from one to the other can be allowed, by the policy with this number.
fn impossible(
    topology: &Topology,
    outside: &Outside<'_>,
    index: usize,
    from: &Endpoint,
    to: &Endpoint,
) -> Option<PolicyProblem> {
    let of_internal = |endpoint| {
        let network: &Network = internal(topology, endpoint)?;
        Some(PolicyProblem::InternalToOutside {
            network: network.name.clone(),
            place: network.place.clone(),
        })
    };
    match (outside.contains(from), outside.contains(to)) {
        (false, false) | (true, true) => None,
        (false, true) => of_internal(from),
        (true, false) if matches!(to, Endpoint::Any) => None,
        (true, false) => {
            if let Some(problem) = of_internal(to) {
                return Some(problem);
            }
            let published = outside.denied_after(index) && publishes(topology, to);
            (!published && !routed_outside(topology, to)).then_some(PolicyProblem::FromOutside)
        }
    }
}

/// Whether some of these nodes have published ports.
fn publishes(topology: &Topology, endpoint: &Endpoint) -> bool {
    let mut nodes = topology.nodes.iter().filter(|n| !n.ports.is_empty());
    nodes.any(|node| match endpoint {
        Endpoint::Node(name) => name == &node.name,
        Endpoint::Network(name) => node.attachments.iter().any(|a| &a.network == name),
        _ => true,
    })
}

/// Whether outside can reach some of these addresses by routing: on a network without NAT.
fn routed_outside(topology: &Topology, endpoint: &Endpoint) -> bool {
    topology
        .networks
        .iter()
        .filter(|n| !n.nat)
        .any(|n| match endpoint {
            Endpoint::Network(name) => name == &n.name,
            Endpoint::Node(name) => on(topology, name).any(|on| on == &n.name),
            Endpoint::Cidr(net) => {
                let mut nets = n.subnets.iter().map(|s| s.net);
                nets.any(|own| own.contains(net) || net.contains(&own))
            }
            Endpoint::Host | Endpoint::Outside | Endpoint::Any => false,
        })
}

/// The networks a node is on.
fn on<'a>(topology: &'a Topology, node: &'a Name) -> impl Iterator<Item = &'a Name> {
    let nodes = topology.nodes.iter().filter(move |n| &n.name == node);
    nodes.flat_map(|n| n.attachments.iter().map(|a| &a.network))
}

/// The internal network that all of these addresses are on, or the first of several: it has no
/// route to the outside, and gets no replies from there.
fn internal<'a>(topology: &'a Topology, endpoint: &Endpoint) -> Option<&'a Network> {
    let network = |name: &Name| topology.networks.iter().find(|n| &n.name == name);
    match endpoint {
        Endpoint::Network(name) => network(name).filter(|n| n.internal),
        Endpoint::Node(name) => {
            let mut all = on(topology, name).map(|n| network(n).filter(|n| n.internal));
            let first = all.next()??;
            all.all(|n| n.is_some()).then_some(first)
        }
        Endpoint::Cidr(net) => {
            let mut networks = topology.networks.iter().filter(|n| n.internal);
            networks.find(|n| n.subnets.iter().any(|s| s.net.contains(net)))
        }
        Endpoint::Host | Endpoint::Outside | Endpoint::Any => None,
    }
}

/// Policies without effect, because an earlier one decides about all their packets.
///
/// Each is searched by its first pair, which the earlier one has too, and by its services. What is
/// without effect itself shadows nothing that the one before it would not shadow.
pub(super) fn shadowed(topology: &Topology) -> Vec<Warning> {
    let policies = &topology.policies;
    let mut later: BTreeMap<&Pair, BTreeMap<&[PolicyService], Vec<&Policy>>> = BTreeMap::new();
    for policy in policies {
        if let Some(first) = policy.pairs.first() {
            let of_pair = later.entry(first).or_default();
            of_pair.entry(&policy.services).or_default().push(policy);
        }
    }
    let mut by: BTreeMap<usize, &Policy> = BTreeMap::new();
    for earlier in policies {
        if by.contains_key(&earlier.index) {
            continue;
        }
        let pairs: BTreeSet<&Pair> = earlier.pairs.iter().collect();
        for of_pair in pairs.iter().filter_map(|pair| later.get(*pair)) {
            let services = of_pair.iter();
            let same = services.filter(|(services, _)| {
                earlier.services.is_empty() || earlier.services == **services
            });
            for policy in same.flat_map(|(_, all)| all) {
                let after = policy.index > earlier.index;
                if after && policy.pairs.iter().all(|pair| pairs.contains(pair)) {
                    by.entry(policy.index).or_insert(earlier);
                }
            }
        }
    }
    let shadowed = policies.iter().filter_map(|p| Some((p, by.get(&p.index)?)));
    let warning = |(policy, earlier): (&Policy, &&Policy)| Warning {
        place: policy.place.clone(),
        kind: WarningKind::PolicyShadowed {
            earlier: earlier.place.clone(),
        },
    };
    shadowed.map(warning).collect()
}

/// From, and to.
type Pair = (Endpoint, Endpoint);
