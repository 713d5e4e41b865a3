//! What stands beside what: the cards of a network in a grid, boxes in rows.

use std::collections::BTreeMap;

use super::content::{Line, extent, heading, kind};
use super::drawing::{CARDS, Content, GAP, Item, WORLD};
use super::measure::{Face, width};
use super::model::Graph;

/// Rows are no wider than this, where they can help it.
const WIDE: i32 = 1440;
/// Networks higher than this take more columns, where there is room.
const HIGH: i32 = 280;

/// The cards of a network, in a grid.
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) cell: i32,
    pub(super) rows: Vec<i32>,
    pub(super) heading: i32,
    pub(super) rect: (i32, i32),
    /// How high every card wants to be.
    sizes: Vec<i32>,
    /// How wide the heading is.
    least: i32,
}

pub(super) fn item(content: Content, (width, height): (i32, i32)) -> Item {
    Item {
        content,
        x: 0,
        width,
        height,
    }
}

/// Which nodes stand in a network's box, and which apart, those with cables beside one another.
pub(super) fn stands(graph: &Graph) -> (BTreeMap<usize, Vec<usize>>, Vec<usize>) {
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut loose = Vec::new();
    for (position, node) in graph.nodes.iter().enumerate() {
        let cabled = node.interfaces.iter().any(|i| i.network.is_none());
        match node.networks().as_slice() {
            [network] if !cabled => members.entry(*network).or_default().push(position),
            _ => loose.push(position),
        }
    }
    // From the end of a chain of cables along it.
    let neighbours = |node: usize| {
        graph.cables.iter().filter_map(move |c| {
            let (a, b) = (c.a.node, c.b.node);
            (a == node).then_some(b).or((b == node).then_some(a))
        })
    };
    let mut ordered: Vec<usize> = Vec::new();
    let mut starts = loose;
    starts.sort_by_key(|n| neighbours(*n).count() != 1);
    for start in starts {
        let mut next = vec![start];
        while let Some(node) = next.pop() {
            if !ordered.contains(&node) {
                ordered.push(node);
                next.extend(neighbours(node).filter(|n| !ordered.contains(n)));
            }
        }
    }
    (members, ordered)
}

/// The grids of all networks. Those inside get columns until they are about as high as wide, and
/// together no wider than a row; one outside has its nodes side by side.
pub(super) fn grids(
    graph: &Graph,
    members: &BTreeMap<usize, Vec<usize>>,
    cards: &[Vec<Line>],
) -> Vec<Grid> {
    let mut out: Vec<Grid> = (0..graph.networks.len())
        .map(|network| Grid::new(graph, network, members, cards))
        .collect();
    let inner: Vec<usize> = (0..out.len())
        .filter(|n| graph.networks.get(*n).is_some_and(|n| !n.outside))
        .collect();
    let few = match inner.len() {
        0 | 1 => 4,
        2 => 2,
        _ => 1,
    };
    for (network, grid) in out.iter_mut().enumerate() {
        grid.set(if inner.contains(&network) { few } else { 4 });
    }
    loop {
        let width = |n: &usize| out.get(*n).map_or(0, |g| g.rect.0 + GAP);
        let total: i32 = inner.iter().map(width).sum();
        let highest = inner
            .iter()
            .filter_map(|n| Some((out.get(*n)?.rect.1, *n)))
            .max();
        let Some(grid) = highest
            .filter(|(high, _)| *high > HIGH.max(total / 3))
            .and_then(|(_, n)| out.get_mut(n))
        else {
            return out;
        };
        // Many networks take several rows anyway; then each alone decides.
        let alone = total > 2 * WIDE && grid.rect.1 > grid.rect.0;
        let room = total + grid.cell + CARDS <= WIDE || alone;
        if !room || grid.columns >= grid.sizes.len() {
            return out;
        }
        grid.set(grid.columns + 1);
    }
}

impl Grid {
    fn new(
        graph: &Graph,
        network: usize,
        members: &BTreeMap<usize, Vec<usize>>,
        cards: &[Vec<Line>],
    ) -> Self {
        let nodes = members.get(&network).map_or(&[][..], Vec::as_slice);
        let sizes: Vec<(i32, i32)> = nodes
            .iter()
            .map(|n| extent(cards.get(*n).map_or(&[][..], Vec::as_slice)))
            .collect();
        let shown = graph.networks.get(network);
        let lines = shown.map(heading).unwrap_or_default();
        let (wide, heading) = extent(&lines);
        let name = lines.first().map_or(0, |l| width(&l.text, 14, Face::Bold));
        let tag = width(shown.map_or("", kind), 11, Face::Sans);
        Self {
            columns: 1,
            cell: sizes.iter().map(|s| s.0).max().unwrap_or(0),
            rows: Vec::new(),
            heading,
            rect: (0, 0),
            sizes: sizes.iter().map(|s| s.1).collect(),
            least: wide.max(name + tag + 48),
        }
    }

    fn set(&mut self, columns: usize) {
        self.columns = columns.clamp(1, self.sizes.len().max(1));
        self.rows = self
            .sizes
            .chunks(self.columns)
            .map(|chunk| chunk.iter().copied().max().unwrap_or(0))
            .collect();
        let wide = self.columns as i32 * (self.cell + CARDS) + CARDS;
        let high: i32 = self.rows.iter().map(|r| r + CARDS).sum();
        self.rect = (wide.max(self.least), self.heading + CARDS + high);
    }
}

pub(super) fn outside_row(
    graph: &Graph,
    grids: &[Grid],
    ways: &(Option<String>, Option<String>),
) -> Vec<Item> {
    let networks: Vec<Item> = graph
        .networks
        .iter()
        .zip(grids)
        .enumerate()
        .filter(|(_, (n, _))| n.outside)
        .map(|(position, (_, grid))| item(Content::Group(position), grid.rect))
        .collect();
    if networks.is_empty() && ways.0.is_none() && ways.1.is_none() {
        return Vec::new();
    }
    let mut out = vec![item(Content::World, WORLD)];
    out.extend(networks);
    out
}

pub(super) fn row_width(row: &[Item]) -> i32 {
    let boxes: i32 = row.iter().map(|i| i.width + GAP).sum();
    boxes - GAP
}

/// Rows of about the same width.
pub(super) fn wrap(items: Vec<Item>) -> Vec<Vec<Item>> {
    let total = row_width(&items);
    let count = (f64::from(total.max(1)) / f64::from(WIDE)).ceil().max(1.0);
    let each = (f64::from(total) / count) as i32;
    let mut rows: Vec<Vec<Item>> = Vec::new();
    for item in items {
        match rows.last_mut() {
            Some(row) if row_width(row) + (GAP + item.width) / 2 <= each => row.push(item),
            _ => rows.push(vec![item]),
        }
    }
    rows
}

/// Rows stand in the middle. Outside is the world at the left, above the arrows, with networks at
/// the right.
pub(super) fn place(rows: &mut [Vec<Item>], inside: i32, has_outside: bool) {
    for (position, row) in rows.iter_mut().enumerate() {
        let free = inside - row_width(row);
        let outside = position == 0 && has_outside;
        let mut x = if outside { free } else { free / 2 };
        for item in row {
            item.x = if item.content == Content::World { 0 } else { x };
            x += item.width + GAP;
        }
    }
}
