//! Nodes that are connected by cables, directly or through others.

use std::collections::BTreeMap;

use super::model::Graph;

/// Nodes that are connected by cables, directly or through others.
pub(super) struct Part {
    /// Positions in the graph.
    pub(super) nodes: Vec<usize>,
    /// For each of them the other nodes it has cables to, each once, by their position in `nodes`.
    pub(super) near: Vec<Vec<usize>>,
}

/// All such parts, in the order of their first nodes.
pub(super) fn parts(graph: &Graph, nodes: &[usize]) -> Vec<Part> {
    let mut near: BTreeMap<usize, Vec<usize>> = nodes.iter().map(|n| (*n, Vec::new())).collect();
    for cable in &graph.cables {
        for (from, to) in [(cable.a.node, cable.b.node), (cable.b.node, cable.a.node)] {
            if let Some(all) = near.get_mut(&from)
                && nodes.contains(&to)
                && !all.contains(&to)
            {
                all.push(to);
            }
        }
    }
    let mut seen: Vec<usize> = Vec::new();
    let mut out = Vec::new();
    for start in nodes {
        if seen.contains(start) {
            continue;
        }
        let mut members = Vec::new();
        let mut next = vec![*start];
        while let Some(node) = next.pop() {
            if !members.contains(&node) {
                members.push(node);
                next.extend(near.get(&node).into_iter().flatten());
            }
        }
        members.sort_unstable();
        seen.extend(&members);
        let local = |node: &usize| {
            let others = near.get(node).into_iter().flatten();
            let mut out: Vec<usize> = others
                .filter_map(|o| members.binary_search(o).ok())
                .collect();
            out.sort_unstable();
            out
        };
        let near = members.iter().map(local).collect();
        out.push(Part {
            nodes: members,
            near,
        });
    }
    out
}

impl Part {
    /// The number of nodes whose number of neighbours satisfies a condition.
    pub(super) fn count(&self, degree: impl Fn(usize) -> bool) -> usize {
        self.near.iter().filter(|n| degree(n.len())).count()
    }

    /// Follows cables; of several, the first one first.
    pub(super) fn walk(&self, start: usize) -> Vec<usize> {
        let mut out = vec![start];
        while let Some(next) = out
            .last()
            .and_then(|last| self.near.get(*last))
            .and_then(|near| near.iter().find(|n| !out.contains(n)))
        {
            out.push(*next);
        }
        out
    }
}
