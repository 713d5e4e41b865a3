//! Nodes with cables, in rows: a ring as a ring, a chain as a chain, a star around its hub, all
//! others in layers. Every cable connects two cards of one row, or of two adjacent rows.

use std::collections::BTreeMap;

use super::arrange::{BoxRow, WIDE};
use super::connected::{Part, parts};
use super::drawing::{Content, Item};
use super::layers;
use super::measure::tab_width;
use super::model::Graph;

/// Between two cards of a row without a cable between them.
const APART: i32 = 16;
/// The least length of a visible cable between two cards of a row.
const LEVEL: i32 = 28;
/// The least room below a card, for cables to the next row.
const ROOM: i32 = 80;
/// From the top of a card to the first cable at its side, and from one to the next.
pub(super) const FIRST: i32 = 30;
/// From one cable at a card's side to the next.
pub(super) const NEXT: i32 = 22;

/// The rows and places of nodes.
struct Shape {
    rows: Vec<Vec<usize>>,
    align: Align,
}

/// How places in a row are chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Align {
    /// The number of columns; rows begin at the left by default.
    Ring(usize),
    /// The number of columns; every second row runs from right to left.
    Chain(usize),
    /// A row takes the whole width.
    Even,
    /// Near the nodes that a node has cables to.
    Near,
}

/// The rows of all nodes with cables. `sizes`: the smallest size of each node's card.
pub(super) fn rows(graph: &Graph, nodes: &[usize], sizes: &[(i32, i32)]) -> Vec<BoxRow> {
    let mut out: Vec<BoxRow> = Vec::new();
    for part in parts(graph, nodes) {
        let measured = Measured::new(graph, &part, sizes);
        let shape = shape(&part, graph, &measured);
        let rows = measured.place(graph, &part, &shape);
        match (out.last_mut(), rows.as_slice()) {
            (Some(last), [row]) if last.single && last.width + 24 + row.width <= WIDE => {
                last.append(row.clone());
            }
            _ => {
                let single = rows.len() == 1;
                out.extend(rows.into_iter().map(|row| BoxRow { single, ..row }));
            }
        }
    }
    out
}

/// A ring, a chain, a star, or layers.
fn shape(part: &Part, graph: &Graph, measured: &Measured) -> Shape {
    let count = part.nodes.len();
    if count >= 3 && part.count(|d| d == 2) == count {
        return measured.ring(&part.walk(0));
    }
    if part.count(|d| d <= 2) == count {
        let start = part.near.iter().position(|n| n.len() < 2).unwrap_or(0);
        return measured.chain(&part.walk(start));
    }
    let on_network = |node: &usize| {
        let node = part.nodes.get(*node).and_then(|n| graph.nodes.get(*n));
        node.is_some_and(|n| !n.networks().is_empty())
    };
    let hub = part.near.iter().position(|n| n.len() == count - 1);
    if let Some(hub) = hub
        && part.count(|d| d == 1) == count - 1
    {
        return star(hub, count, on_network);
    }
    let (mut rows, even) = layers::rows(&part.near);
    let attached = |row: Option<&Vec<usize>>| {
        let nodes = row.map_or(&[][..], Vec::as_slice);
        nodes.iter().filter(|n| on_network(n)).count()
    };
    // Networks are above, but a hierarchy is kept: spines above leaves.
    let narrows = rows.first().map(Vec::len) >= rows.last().map(Vec::len);
    if narrows && attached(rows.last()) > attached(rows.first()) {
        rows.reverse();
    }
    let align = if even { Align::Even } else { Align::Near };
    Shape { rows, align }
}

/// A hub with spokes: above and below it, unless networks above have lines to some of them.
fn star(hub: usize, count: usize, on_network: impl Fn(&usize) -> bool) -> Shape {
    let spokes: Vec<usize> = (0..count).filter(|n| *n != hub).collect();
    let rows = if on_network(&hub) || spokes.len() < 4 {
        vec![vec![hub], spokes]
    } else if spokes.iter().any(on_network) {
        vec![spokes, vec![hub]]
    } else {
        let (above, below) = spokes.split_at(spokes.len().div_ceil(2));
        vec![above.to_vec(), vec![hub], below.to_vec()]
    };
    let align = Align::Even;
    Shape { rows, align }
}

/// The sizes of the cards of a part, and the distances between them.
struct Measured {
    sizes: Vec<(i32, i32)>,
    /// The widest name of an interface.
    tab: i32,
}

impl Measured {
    fn new(graph: &Graph, part: &Part, sizes: &[(i32, i32)]) -> Self {
        let ends = graph.cables.iter().flat_map(|c| [&c.a, &c.b]);
        let here = ends.filter(|end| part.nodes.binary_search(&end.node).is_ok());
        let tab = here.map(|end| tab_width(&end.interface)).max().unwrap_or(0);
        let size = |node: &usize| sizes.get(*node).copied().unwrap_or((0, 0));
        Self {
            sizes: part.nodes.iter().map(size).collect(),
            tab,
        }
    }

    fn largest(&self) -> (i32, i32) {
        let wide = self.sizes.iter().map(|s| s.0).max().unwrap_or(0);
        let high = self.sizes.iter().map(|s| s.1).max().unwrap_or(0);
        (wide, high)
    }

    /// The distance from one column to the next, if cables run between them.
    fn pitch(&self) -> i32 {
        self.largest().0 + self.level()
    }

    fn level(&self) -> i32 {
        2 * self.tab + LEVEL
    }

    /// The smallest number of columns with which the ring is wider than high.
    fn ring(&self, order: &[usize]) -> Shape {
        let count = order.len();
        let sides = |columns: usize| (count - columns - bottom(count, columns)) / 2;
        let fits = |columns: &usize| {
            let high = (2 + sides(*columns)) as i32 * (self.largest().1 + ROOM);
            *columns as i32 * self.pitch() * 10 >= high * 14
        };
        let most = count.div_ceil(2);
        let columns = (2..=most).find(fits).unwrap_or(most);
        let (top, rest) = order.split_at(columns);
        let (right, rest) = rest.split_at(sides(columns));
        let (below, left) = rest.split_at(bottom(count, columns));
        let mut rows = vec![top.to_vec()];
        let pairs = left.iter().rev().zip(right);
        rows.extend(pairs.map(|(l, r)| vec![*l, *r]));
        rows.push(below.iter().rev().copied().collect());
        let align = Align::Ring(columns);
        Shape { rows, align }
    }

    /// In one row, or in several of which every second is reversed.
    fn chain(&self, order: &[usize]) -> Shape {
        let fitting = ((WIDE + self.level()) / self.pitch().max(1)).max(1) as usize;
        let rows = order.len().div_ceil(fitting);
        let columns = order.len().div_ceil(rows);
        let rows = order.chunks(columns).enumerate().map(|(row, nodes)| {
            let mut nodes = nodes.to_vec();
            if row % 2 == 1 {
                nodes.reverse();
            }
            nodes
        });
        Shape {
            rows: rows.collect(),
            align: Align::Chain(columns),
        }
    }

    /// The cards of each row: as high as the highest, and as wide as the widest and as the ends of
    /// cables need.
    fn place(&self, graph: &Graph, part: &Part, shape: &Shape) -> Vec<BoxRow> {
        let columns = matches!(shape.align, Align::Ring(_) | Align::Chain(_));
        let row_of = row_of(&shape.rows, part.nodes.len());
        let mut sizes: Vec<(i32, i32)> = shape
            .rows
            .iter()
            .map(|row| self.row_size(graph, part, &row_of, row))
            .collect();
        if columns {
            let wide = sizes.iter().map(|s| s.0).max().unwrap_or(0);
            sizes.iter_mut().for_each(|s| s.0 = wide);
        }
        let has_level = shape.rows.iter().any(|row| {
            row.windows(2).any(|pair| match pair {
                [a, b] => part.near.get(*a).is_some_and(|n| n.contains(b)),
                _ => false,
            })
        });
        let gap = if has_level { self.level() } else { APART };
        let pitches: Vec<i32> = sizes.iter().map(|s| s.0 + gap).collect();
        let width = shape.rows.iter().zip(&pitches);
        let width = width.map(|(r, p)| r.len() as i32 * p).max().unwrap_or(0);
        let centres = shape.centres(part, &pitches, width);
        let width = width - gap;
        let hub = shape.align == Align::Even;
        shape
            .rows
            .iter()
            .zip(&sizes)
            .zip(centres)
            .map(|((row, (wide, high)), centres)| {
                // A hub is as wide as its spokes together.
                let wide = if hub && row.len() == 1 { width } else { *wide };
                let items = row.iter().zip(centres).filter_map(|(node, centre)| {
                    Some(Item {
                        content: Content::Card(*part.nodes.get(*node)?),
                        x: centre - gap / 2 - wide / 2,
                        width: wide,
                        height: *high,
                    })
                });
                BoxRow::new(items.collect(), width)
            })
            .collect()
    }

    fn row_size(&self, graph: &Graph, part: &Part, row_of: &[usize], row: &[usize]) -> (i32, i32) {
        let (mut wide, mut high) = (0, 0);
        for node in row {
            let (card, tall) = self.sizes.get(*node).copied().unwrap_or((0, 0));
            let position = part.nodes.get(*node).copied().unwrap_or(usize::MAX);
            let networks = graph.nodes.get(position).map_or(0, |n| n.networks().len());
            let own = row_of.get(*node).copied().unwrap_or(0);
            let (mut above, mut below, mut beside) = (networks, 0, BTreeMap::new());
            for cable in &graph.cables {
                let other = match (cable.a.node == position, cable.b.node == position) {
                    (true, _) => cable.b.node,
                    (_, true) => cable.a.node,
                    _ => continue,
                };
                let Ok(local) = part.nodes.binary_search(&other) else {
                    continue;
                };
                match row_of.get(local).copied().unwrap_or(0).cmp(&own) {
                    std::cmp::Ordering::Less => above += 1,
                    std::cmp::Ordering::Greater => below += 1,
                    std::cmp::Ordering::Equal => {
                        below += 1;
                        *beside.entry(other).or_insert(0) += 1;
                    }
                }
            }
            let ends = above.max(below) as i32;
            // Lines of networks are on a grid, which may move them towards a cable.
            let room = if networks > 0 || below > 0 && !beside.is_empty() {
                16
            } else {
                4
            };
            wide = wide.max(card).max(ends * (self.tab + room));
            let parallel = beside.values().copied().max().unwrap_or(0);
            high = high.max(tall).max(FIRST + NEXT * parallel);
        }
        (wide, high)
    }
}

fn row_of(rows: &[Vec<usize>], count: usize) -> Vec<usize> {
    let mut out = vec![0; count];
    for (row, nodes) in rows.iter().enumerate() {
        for node in nodes {
            if let Some(at) = out.get_mut(*node) {
                *at = row;
            }
        }
    }
    out
}

/// The number of cards of a ring in its lowest row.
fn bottom(count: usize, columns: usize) -> usize {
    columns - count % 2
}

impl Shape {
    /// The centre of every card, row by row.
    fn centres(&self, part: &Part, pitches: &[i32], width: i32) -> Vec<Vec<i32>> {
        let last = self.rows.len() - 1;
        let even = |row: &Vec<usize>| -> Vec<i32> {
            let count = row.len() as i32;
            (0..count)
                .map(|i| width * (2 * i + 1) / (2 * count))
                .collect()
        };
        let column = |row: usize, from: usize, every: usize, half: i32| -> Vec<i32> {
            let pitch = pitches.get(row).copied().unwrap_or(0);
            let count = self.rows.get(row).map_or(0, Vec::len);
            let at = |i: usize| ((from + i * every) as i32) * pitch + pitch / 2 + half;
            (0..count).map(at).collect()
        };
        match self.align {
            Align::Near => layers::centres(&part.near, &self.rows, pitches, width),
            Align::Even => self.rows.iter().map(even).collect(),
            Align::Chain(columns) => (0..self.rows.len())
                .map(|row| {
                    let count = self.rows.get(row).map_or(0, Vec::len);
                    let from = if row % 2 == 1 { columns - count } else { 0 };
                    column(row, from, 1, 0)
                })
                .collect(),
            Align::Ring(columns) => (0..self.rows.len())
                .map(|row| match row {
                    0 => column(row, 0, 1, 0),
                    _ if row == last => {
                        let fewer = self.rows.get(row).map_or(0, Vec::len) < columns;
                        let pitch = pitches.get(row).copied().unwrap_or(0);
                        column(row, 0, 1, if fewer { pitch / 2 } else { 0 })
                    }
                    _ => column(row, 0, columns - 1, 0),
                })
                .collect(),
        }
    }
}
