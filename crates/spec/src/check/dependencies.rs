//! `depends_on` and `ready`.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{NameProblem, NodeProblem};
use crate::similar::nearest;
use crate::{Condition, Dependency, Name, Node, Problem, Restart, Topology};

/// Dependencies exist, run a command, and form no cycle.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let nodes: BTreeMap<&Name, &Node> = topology.nodes.iter().map(|n| (&n.name, n)).collect();
    for node in &topology.nodes {
        if node.command.is_none() && !node.ready.is_empty() {
            let kind = NodeProblem::ReadyWithoutCommand(node.name.clone());
            problems.push(Problem::new(&node.place, kind));
        }
        if node.command.is_none() && node.healthcheck.is_some() {
            let kind = NodeProblem::HealthcheckWithoutCommand(node.name.clone());
            problems.push(Problem::new(&node.place, kind));
        }
        for on in &node.depends_on {
            problems.extend(dependency(node, on, &nodes));
        }
    }
    cycles(topology, &nodes, problems);
}

fn dependency(of: &Node, on: &Dependency, all: &BTreeMap<&Name, &Node>) -> Option<Problem> {
    let node = of.name.clone();
    let Some(other) = all.get(&on.node) else {
        let known = all.keys().map(|n| n.as_ref());
        let kind = NameProblem::UnknownDependency {
            node,
            dependency: on.node.clone(),
            nearest: nearest(on.node.as_ref(), known).map(str::to_owned),
        };
        return Some(Problem::new(&of.place, kind));
    };
    let dependency = on.node.clone();
    let dependency_place = other.place.clone();
    let again = matches!(other.restart, Restart::Always | Restart::UnlessStopped);
    let kind = match on.condition {
        _ if other.command.is_none() => NodeProblem::DependencyWithoutCommand {
            node,
            dependency,
            dependency_place,
        },
        Condition::ServiceHealthy if other.healthcheck.is_none() && other.ready.is_empty() => {
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
    Some(Problem::new(&of.place, kind))
}

/// Depth first: a node that is already on the path closes a cycle.
fn cycles(topology: &Topology, nodes: &BTreeMap<&Name, &Node>, problems: &mut Vec<Problem>) {
    let mut done: BTreeSet<&Name> = BTreeSet::new();
    for start in &topology.nodes {
        let mut path: Vec<(&Name, usize)> = vec![(&start.name, 0)];
        while let Some((name, next)) = path.last().copied() {
            let after = nodes
                .get(name)
                .and_then(|n| n.depends_on.get(next))
                .map(|d| &d.node)
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
                        &node.place,
                        NodeProblem::DependencyCycle(cycle),
                    ));
                }
            } else if let Some((known, _)) = nodes.get_key_value(after) {
                path.push((known, 0));
            }
        }
    }
}
