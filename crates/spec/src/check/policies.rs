//! Policies that could never have an effect.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{PolicyProblem, WarningKind};
use crate::{Action, Endpoint, Policy, Problem, Topology, Warning};

/// Every policy that allows something allows what is possible.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let allowing = topology.policies.iter();
    for policy in allowing.filter(|p| p.action == Action::Allow) {
        for (from, to) in &policy.pairs {
            let kind = impossible(topology, from, to);
            problems.extend(kind.map(|kind| Problem::new(&policy.place, kind)));
        }
    }
}

/// Why no connection from one to the other can be allowed.
fn impossible(topology: &Topology, from: &Endpoint, to: &Endpoint) -> Option<PolicyProblem> {
    match (from, to) {
        (Endpoint::Outside, Endpoint::Outside | Endpoint::Any) => None,
        (Endpoint::Outside, _) => Some(PolicyProblem::FromOutside),
        (Endpoint::Network(name), Endpoint::Outside) => {
            let mut networks = topology.networks.iter();
            let network = networks.find(|n| &n.name == name && n.internal)?;
            Some(PolicyProblem::InternalToOutside {
                network: name.clone(),
                place: network.place.clone(),
            })
        }
        _ => None,
    }
}

/// Expectations of the same pair and service that cannot both be true.
pub(super) fn contradictions(topology: &Topology, problems: &mut Vec<Problem>) {
    let mut known = BTreeMap::new();
    for expect in &topology.expects {
        let key = (&expect.from, &expect.to, expect.service);
        let (reachable, first) = *known
            .entry(key)
            .or_insert((expect.reachable, &expect.place));
        if reachable != expect.reachable {
            let first = first.clone();
            let kind = PolicyProblem::ExpectContradiction { first };
            problems.push(Problem::new(&expect.place, kind));
        }
    }
}

/// Policies that no packet comes to, because an earlier one decides.
pub(super) fn shadowed(topology: &Topology) -> Vec<Warning> {
    let policies = &topology.policies;
    let pairs: Vec<BTreeSet<&(Endpoint, Endpoint)>> =
        policies.iter().map(|p| p.pairs.iter().collect()).collect();
    let mut out = Vec::new();
    for (position, policy) in policies.iter().enumerate() {
        let mut before = policies.iter().zip(&pairs).take(position);
        let earlier = before.find(|(earlier, pairs)| shadows(earlier, pairs, policy));
        if let Some((earlier, _)) = earlier {
            out.push(Warning {
                place: policy.place.clone(),
                kind: WarningKind::PolicyShadowed {
                    earlier: earlier.place.clone(),
                },
            });
        }
    }
    out
}

fn shadows(earlier: &Policy, pairs: &BTreeSet<&(Endpoint, Endpoint)>, later: &Policy) -> bool {
    let services = earlier.services.is_empty() || earlier.services == later.services;
    services && later.pairs.iter().all(|p| pairs.contains(p))
}
