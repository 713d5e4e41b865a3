//! `depends_on` and `ready`.

use std::collections::{BTreeMap, BTreeSet};

use crate::problem::{NameProblem, NodeProblem};
use crate::similar::nearest;
use crate::{Name, Node, Problem, Topology};

/// Dependencies exist, run a command, and form no cycle.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let nodes: BTreeMap<&Name, &Node> = topology.nodes.iter().map(|n| (&n.name, n)).collect();
    for node in &topology.nodes {
        if node.command.is_none() && !node.ready.is_empty() {
            let kind = NodeProblem::ReadyWithoutCommand(node.name.clone());
            problems.push(Problem::new(&node.place, kind));
        }
        for name in &node.depends_on {
            problems.extend(dependency(node, name, &nodes));
        }
    }
    cycles(topology, &nodes, problems);
}

fn dependency(node: &Node, name: &Name, nodes: &BTreeMap<&Name, &Node>) -> Option<Problem> {
    let Some(other) = nodes.get(name) else {
        let known = nodes.keys().map(|n| n.as_ref());
        let kind = NameProblem::UnknownDependency {
            node: node.name.clone(),
            dependency: name.clone(),
            nearest: nearest(name.as_ref(), known).map(str::to_owned),
        };
        return Some(Problem::new(&node.place, kind));
    };
    let kind = NodeProblem::DependencyWithoutCommand {
        node: node.name.clone(),
        dependency: name.clone(),
        dependency_place: other.place.clone(),
    };
    (other.command.is_none()).then(|| Problem::new(&node.place, kind))
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
