//! Policies that could never do anything.

use std::collections::BTreeSet;

use crate::{Action, Code, Endpoint, Policy, Problem, Topology};

pub(super) fn effects(
    topology: &Topology,
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Problem>,
) {
    for policy in topology
        .policies
        .iter()
        .filter(|p| p.action == Action::Allow)
    {
        for (from, to) in &policy.pairs {
            if matches!(from, Endpoint::Outside) && !matches!(to, Endpoint::Outside | Endpoint::Any)
            {
                problems.push(
                    Problem::new(
                        Code::PolicyNoEffect,
                        &policy.place,
                        "from outside, nodes are reached only through published ports",
                    )
                    .help("give the node ports: [\"8080:80\"] instead of this policy"),
                );
            }
            if let (Endpoint::Network(name), Endpoint::Outside) = (from, to)
                && let Some(network) = topology
                    .networks
                    .iter()
                    .find(|n| &n.name == name && n.internal)
            {
                problems.push(
                    Problem::new(
                        Code::PolicyNoEffect,
                        &policy.place,
                        format!("network {name} is internal: it has no way outside to allow"),
                    )
                    .other(&network.place, "internal")
                    .help("remove internal: true, or this policy"),
                );
            }
        }
    }
    let pairs: Vec<BTreeSet<&(Endpoint, Endpoint)>> = topology
        .policies
        .iter()
        .map(|p| p.pairs.iter().collect())
        .collect();
    for (position, policy) in topology.policies.iter().enumerate() {
        let mut before = topology.policies.iter().zip(&pairs).take(position);
        let earlier = before.find(|(earlier, pairs)| shadows(earlier, pairs, policy));
        if let Some((earlier, _)) = earlier {
            warnings.push(
                Problem::new(
                    Code::PolicyNoEffect,
                    &policy.place,
                    "an earlier policy decides everything this one speaks of",
                )
                .other(&earlier.place, "this one decides first")
                .help("the first policy that matches decides: remove this one or move it up"),
            );
        }
    }
}

fn shadows(earlier: &Policy, pairs: &BTreeSet<&(Endpoint, Endpoint)>, later: &Policy) -> bool {
    let services = earlier.services.is_empty() || earlier.services == later.services;
    services && later.pairs.iter().all(|p| pairs.contains(p))
}
