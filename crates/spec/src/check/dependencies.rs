//! `depends_on` and `ready`.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{NameProblem, NodeProblem};
use crate::similar::nearest;
use crate::topology::Known;
use crate::{Condition, DependsOn, Name, Problem, Restart, Topology};

/// Dependencies exist, run a command, and form no cycle.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let all: BTreeMap<&Name, Known<'_>> = topology.programs().map(|p| (p.name, p)).collect();
    for known in topology.programs() {
        if !known.runs && !known.program.ready.is_empty() {
            let kind = NodeProblem::ReadyWithoutCommand(known.name.clone());
            problems.push(Problem::new(known.place, kind));
        }
        if !known.runs && known.program.healthcheck.is_some() {
            let kind = NodeProblem::HealthcheckWithoutCommand(known.name.clone());
            problems.push(Problem::new(known.place, kind));
        }
        for depends in &known.program.depends_on {
            problems.extend(dependency(known.name, depends, &all));
        }
    }
    cycles(topology, &all, problems);
}

fn dependency(
    node: &Name,
    DependsOn { on, place }: &DependsOn,
    all: &BTreeMap<&Name, Known<'_>>,
) -> Option<Problem> {
    if on.node == *node {
        return None; // a cycle
    }
    let node = node.clone();
    let Some(other) = all.get(&on.node) else {
        let known = all.keys().map(|n| n.as_ref());
        let kind = NameProblem::UnknownDependency {
            node,
            dependency: on.node.clone(),
            nearest: nearest(on.node.as_ref(), known).map(str::to_owned),
        };
        return Some(Problem::new(place, kind));
    };
    let dependency = on.node.clone();
    let dependency_place = other.place.clone();
    let program = other.program;
    let again = matches!(program.restart, Restart::Always | Restart::UnlessStopped);
    let kind = match on.condition {
        _ if !other.runs => NodeProblem::DependencyWithoutCommand {
            node,
            dependency,
            dependency_place,
        },
        Condition::ServiceHealthy if program.healthcheck.is_none() && program.ready.is_empty() => {
            NodeProblem::DependencyWithoutHealth {
                node,
                dependency,
                dependency_place,
            }
        }
        Condition::ServiceCompletedSuccessfully if again => NodeProblem::DependencyNeverEnds {
            node,
            dependency,
            dependency_place,
        },
        _ => return None,
    };
    Some(Problem::new(place, kind))
}

/// Depth first: a node that is already on the path closes a cycle.
fn cycles(topology: &Topology, nodes: &BTreeMap<&Name, Known<'_>>, problems: &mut Vec<Problem>) {
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    for start in topology.programs() {
        let mut path: Vec<(&Name, usize)> = vec![(start.name, 0)];
        while let Some((name, next)) = path.last().copied() {
            let after = nodes
                .get(name)
                .and_then(|n| n.program.depends_on.get(next))
                .map(|d| &d.on.node)
                .filter(|_| !done.contains(name));
            let Some(after) = after else {
                done.insert(name);
                path.pop();
                continue;
            };
            if let Some(top) = path.last_mut() {
                top.1 += 1;
            }
            if let Some(begin) = path.iter().position(|(n, _)| *n == after) {
                let names = path.iter().skip(begin).map(|(name, _)| *name);
                let cycle = names.chain([after]).cloned().collect();
                if let Some(node) = nodes.get(after) {
                    problems.push(Problem::new(
                        node.place,
                        NodeProblem::DependencyCycle(cycle),
                    ));
                }
            } else if let Some((known, _)) = nodes.get_key_value(after) {
                path.push((known, 0));
            }
        }
    }
}
