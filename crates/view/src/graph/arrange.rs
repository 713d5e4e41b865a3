//! The arrangement of boxes: the cards of a network in a grid, boxes in rows.

use std::collections::BTreeMap;

use super::content::{Line, extent, heading, kind};
use super::drawing::{CARDS, Content, GAP, Item, WORLD};
use super::measure::{Face, width};
use super::model::Graph;

/// The usual maximal width of rows.
pub(super) const WIDE: i32 = 1440;
/// Networks higher than this get more columns, if there is room.
const HIGH: i32 = 280;

/// The cards of a network, in a grid.
pub(super) struct Grid {
    pub(super) columns: usize,
    pub(super) cell: i32,
    pub(super) rows: Vec<i32>,
    pub(super) heading: i32,
    pub(super) rect: (i32, i32),
    /// The smallest sizes of the cards.
    sizes: Vec<i32>,
    /// The width of the heading.
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

/// Boxes side by side; their x is counted from the row's left edge.
#[derive(Debug, Clone)]
pub(super) struct BoxRow {
    pub(super) items: Vec<Item>,
    pub(super) width: i32,
    /// It contains all nodes with cables between them.
    pub(super) single: bool,
}

impl BoxRow {
    pub(super) fn new(items: Vec<Item>, width: i32) -> Self {
        Self {
            items,
            width,
            single: false,
        }
    }

    /// Boxes one after the other.
    fn of(mut items: Vec<Item>) -> Self {
        let width = row_width(&items);
        let mut x = 0;
        for item in &mut items {
            item.x = x;
            x += item.width + GAP;
        }
        Self::new(items, width)
    }

    /// Puts another row to the right of this one.
    pub(super) fn append(&mut self, other: Self) {
        let x = self.width + GAP;
        let moved = other.items.into_iter().map(|i| Item { x: i.x + x, ..i });
        self.items.extend(moved);
        self.width = x + other.width;
    }
}

/// The grids of all networks. Inside networks get columns until they are about as high as wide, and
/// together no wider than a row; an outside network has its nodes side by side.
pub(super) fn grids(
    graph: &Graph,
    members: &BTreeMap<usize, Vec<usize>>,
    cards: &BTreeMap<usize, Vec<Line>>,
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
        // Many networks take several rows in any case; then each is decided separately.
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
        cards: &BTreeMap<usize, Vec<Line>>,
    ) -> Self {
        let nodes = members.get(&network).map_or(&[][..], Vec::as_slice);
        let sizes: Vec<(i32, i32)> = nodes
            .iter()
            .map(|n| extent(cards.get(n).map_or(&[][..], Vec::as_slice)))
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
) -> Option<BoxRow> {
    let networks: Vec<Item> = graph
        .networks
        .iter()
        .zip(grids)
        .enumerate()
        .filter(|(_, (n, _))| n.outside)
        .map(|(position, (_, grid))| item(Content::Group(position), grid.rect))
        .collect();
    if networks.is_empty() && ways.0.is_none() && ways.1.is_none() {
        return None;
    }
    let mut out = vec![item(Content::World, WORLD)];
    out.extend(networks);
    Some(BoxRow::of(out))
}

fn row_width(row: &[Item]) -> i32 {
    let boxes: i32 = row.iter().map(|i| i.width + GAP).sum();
    boxes - GAP
}

/// Rows of about the same width.
pub(super) fn wrap(items: Vec<Item>) -> Vec<BoxRow> {
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
    rows.into_iter().map(BoxRow::of).collect()
}

/// Rows are centred. The box of the outside is at the left, above the arrows, with outside
/// networks at its right.
pub(super) fn place(rows: Vec<BoxRow>, inside: i32, has_outside: bool) -> Vec<Vec<Item>> {
    let rows = rows.into_iter().enumerate();
    rows.map(|(position, mut row)| {
        let free = inside - row.width;
        let outside = position == 0 && has_outside;
        for item in &mut row.items {
            item.x += if outside { free } else { free / 2 };
            if item.content == Content::World {
                item.x = 0;
            }
        }
        row.items
    })
    .collect()
}
