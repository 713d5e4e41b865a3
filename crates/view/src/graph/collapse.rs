//! Which nodes share a card: in a picture of many nodes, those of a network without properties of
//! their own are lines of a list, and a long list ends with a number.

use std::collections::BTreeMap;

use super::model::{Graph, Node, Presence};

/// With at most this number of nodes, each has its own card.
const FEW: usize = 30;
/// Fewer nodes than this do not become a list.
const LEAST: usize = 4;
/// The greatest number of lines of a list.
pub(super) const LINES: usize = 10;
/// The approximate number of lines of all lists together.
const ALL: usize = 120;

/// The places of nodes. A card is identified by the first of its nodes.
pub(super) struct Stands {
    /// The cards in the box of each network.
    pub(super) members: BTreeMap<usize, Vec<usize>>,
    /// Cards outside of networks.
    pub(super) loose: Vec<usize>,
    /// Nodes with cables.
    pub(super) cabled: Vec<usize>,
    /// The nodes of the cards that contain several.
    pub(super) lists: BTreeMap<usize, Vec<usize>>,
}

impl Stands {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut out = Self {
            members: BTreeMap::new(),
            loose: Vec::new(),
            cabled: Vec::new(),
            lists: BTreeMap::new(),
        };
        let mut linked = vec![false; graph.nodes.len()];
        for end in graph.cables.iter().flat_map(|c| [&c.a, &c.b]) {
            if let Some(linked) = linked.get_mut(end.node) {
                *linked = true;
            }
        }
        let mut apart: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::new();
        for (position, node) in graph.nodes.iter().enumerate() {
            match node.networks().as_slice() {
                _ if linked.get(position) == Some(&true) => out.cabled.push(position),
                [network] => out.members.entry(*network).or_default().push(position),
                networks => apart.entry(networks.to_vec()).or_default().push(position),
            }
        }
        let mut loose: Vec<usize> = apart.values().flatten().copied().collect();
        if graph.nodes.len() > FEW {
            let each = ALL / LINES / out.members.len().max(1);
            let mut lists = BTreeMap::new();
            for nodes in out.members.values_mut() {
                *nodes = gather(graph, nodes, each.max(1), &mut lists);
            }
            let shared = apart.iter().map(|(networks, nodes)| match networks.len() {
                0 => gather(graph, nodes, each.max(1), &mut lists),
                _ => gather(graph, nodes, 1, &mut lists),
            });
            loose = shared.flatten().collect();
            for leaves in stars(graph, &out.cabled) {
                let cards = gather(graph, &leaves, ALL / LINES, &mut lists);
                let stays = |n: &usize| cards.contains(n) || !leaves.contains(n);
                out.cabled.retain(stays);
            }
            out.lists = lists;
        }
        loose.sort_unstable();
        out.loose = loose;
        out
    }
}

/// Of each node with many neighbours those that have a cable to it and nothing else.
fn stars(graph: &Graph, cabled: &[usize]) -> Vec<Vec<usize>> {
    let mut ends: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for cable in &graph.cables {
        ends.entry(cable.a.node).or_default().push(cable.b.node);
        ends.entry(cable.b.node).or_default().push(cable.a.node);
    }
    let is_leaf = |node: &usize| {
        let networks = graph.nodes.get(*node).map(Node::networks);
        ends.get(node).is_some_and(|all| all.len() == 1) && networks.is_some_and(|n| n.is_empty())
    };
    let leaves = |hub: &usize| -> Vec<usize> {
        let all = ends.get(hub).into_iter().flatten().copied();
        all.filter(is_leaf).collect()
    };
    let all = cabled.iter().map(leaves);
    all.filter(|leaves| leaves.len() > LINES).collect()
}

/// The cards of these nodes: nodes with their own properties, and at most this number of lists.
fn gather(
    graph: &Graph,
    nodes: &[usize],
    most: usize,
    lists: &mut BTreeMap<usize, Vec<usize>>,
) -> Vec<usize> {
    let plain = |n: &usize| graph.nodes.get(*n).is_some_and(is_plain);
    let (plain, mut out): (Vec<usize>, Vec<usize>) = nodes.iter().partition(|n| plain(n));
    if plain.len() < LEAST {
        return nodes.to_vec();
    }
    let (whole, last) = plain.split_at(plain.len().min((most - 1) * LINES));
    for list in whole.chunks(LINES).chain([last]) {
        if let Some(first) = list.first() {
            out.push(*first);
            lists.insert(*first, list.to_vec());
        }
    }
    out
}

fn is_plain(node: &Node) -> bool {
    let missing = node.interfaces.iter().any(|i| i.state == Presence::Missing);
    node.ports.is_empty()
        && !node.router
        && node.joined.is_none()
        && node.state != Presence::Missing
        && node.faults.is_empty()
        && !missing
}
