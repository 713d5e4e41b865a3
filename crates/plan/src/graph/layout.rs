//! Where everything stands in a picture: rows of networks with their nodes, below them rows of
//! nodes that stand apart because they are on several networks, on none, or have cables.

use std::collections::BTreeMap;

use super::content::{Line, card, extent, heading, kind, ways};
use super::measure::{Face, fit, width};
use super::model::Graph;
use super::route::{self, Anchor, LANE, Route, Routes, Wire};

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Width.
    pub width: i32,
    /// Height.
    pub height: i32,
}

impl Rect {
    /// Whether they share any point within both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }

    /// Whether the other is wholly within.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.right() <= self.right()
            && other.bottom() <= self.bottom()
    }

    /// Right edge.
    #[must_use]
    pub fn right(&self) -> i32 {
        self.x + self.width
    }

    /// Lower edge.
    #[must_use]
    pub fn bottom(&self) -> i32 {
        self.y + self.height
    }
}

/// A network with its heading; its cards stand within.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its position.
    pub network: usize,
    /// Where it stands.
    pub rect: Rect,
    /// How high its heading is.
    pub heading: i32,
    /// The heading's lines.
    pub lines: Vec<Line>,
    /// `internal`, `routed` or nothing.
    pub kind: &'static str,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Its position.
    pub node: usize,
    /// Where it stands.
    pub rect: Rect,
    /// What is written on it.
    pub lines: Vec<Line>,
}

/// A line between boxes, in upright and level pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// What it stands for.
    pub wire: Wire,
    /// From x, y to x, y.
    pub pieces: Vec<[(i32, i32); 2]>,
    /// Where it touches boxes.
    pub ends: Vec<(i32, i32)>,
}

/// A policy in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its position.
    pub policy: usize,
    /// Left edge and base line.
    pub at: (i32, i32),
    /// As it is shown.
    pub text: String,
}

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
    /// The outside world, above the host.
    pub outside: Option<Rect>,
    /// What there is outside without networks that stand for it.
    pub world: Option<Rect>,
    /// The host.
    pub host: Rect,
    /// How packets get out and in: words beside arrows.
    pub ways: (Option<String>, Option<String>),
    /// Networks.
    pub groups: Vec<Group>,
    /// Nodes.
    pub cards: Vec<Card>,
    /// Lines.
    pub wires: Vec<Drawn>,
    /// The policies' table.
    pub table: Option<Rect>,
    /// Its rows.
    pub rows: Vec<Row>,
}

/// What a place in a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    World,
    Group(usize),
    Card(usize),
}

/// A place in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) what: What,
    pub(super) x: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// Around everything.
const EDGE: i32 = 24;
/// Within the host, and between boxes.
const PAD: i32 = 20;
const GAP: i32 = 24;
/// Between cards of a network.
const CARDS: i32 = 12;
/// For a title.
pub(super) const TITLE: i32 = 48;
/// Between outside and host, where the arrows are.
const BETWEEN: i32 = 64;
/// The host's heading.
pub(super) const HOST: i32 = 44;
/// Rows are no wider than this, where they can help it.
const WIDE: i32 = 1180;
pub(super) const WORLD: (i32, i32) = (190, 56);
const TABLE_ROW: i32 = 24;
pub(super) const TABLE_HEAD: i32 = 40;

/// The cards of a network, in a grid.
struct Grid {
    columns: usize,
    cell: i32,
    rows: Vec<i32>,
    heading: i32,
    rect: (i32, i32),
}

impl Layout {
    /// Lays a project out.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let (members, apart) = stands(graph);
        let cards: Vec<Vec<Line>> = graph
            .nodes
            .iter()
            .enumerate()
            .map(|(position, node)| card(node, apart.contains(&position)))
            .collect();
        let grids: Vec<Grid> = (0..graph.networks.len())
            .map(|network| grid(graph, network, &members, &cards))
            .collect();
        let ways = ways(graph);
        let mut rows = Vec::new();
        let outside = outside_row(graph, &grids, &ways);
        let has_outside = !outside.is_empty();
        rows.extend(has_outside.then_some(outside));
        let group = |network: usize| {
            let rect = grids.get(network).map_or((0, 0), |g| g.rect);
            item(What::Group(network), rect)
        };
        let inner = graph
            .networks
            .iter()
            .enumerate()
            .filter(|(_, n)| !n.outside);
        rows.extend(wrap(inner.map(|(network, _)| group(network)).collect()));
        let loose = apart.iter().map(|node| {
            let lines = cards.get(*node).map_or(&[][..], Vec::as_slice);
            let (wide, high) = extent(lines);
            let lines = graph.nodes.get(*node).map_or(0, |n| n.interfaces.len()) as i32;
            item(What::Card(*node), (wide.max(14 * (lines + 2)), high))
        });
        rows.extend(wrap(loose.collect()));
        let widest = rows.iter().map(|r| row_width(r)).max().unwrap_or(0);
        let inside = widest.max(table_width(graph)).max(360);
        place(&mut rows, inside, has_outside);
        let routes = route::routes(graph, &rows, inside);
        let mut layout = Self {
            ways,
            ..Self::default()
        };
        layout.stand(&rows, &routes, inside, has_outside);
        layout.fill(graph, &grids, &members, cards);
        layout.tabulate(graph);
        layout
    }

    /// Heights, and with them all positions.
    fn stand(&mut self, rows: &[Vec<Item>], routes: &Routes, inside: i32, has_outside: bool) {
        let (lanes, counts) = route::lanes(&routes.routes, rows.len());
        let margin = |lines: i32| if lines > 0 { lines * LANE + 6 } else { 0 };
        let left = EDGE + PAD + margin(routes.left);
        self.width = left + inside + margin(routes.right) + PAD + EDGE;
        let mut y = TITLE + EDGE;
        let mut host = y;
        let mut tops = Vec::new();
        let mut channels = Vec::new();
        for (position, row) in rows.iter().enumerate() {
            if position == 0 && has_outside {
                y += PAD;
            } else if position == 0 {
                y += HOST;
            }
            let high = row.iter().map(|i| i.height).max().unwrap_or(0);
            tops.push((y, high));
            y += high;
            let count = counts.get(position).copied().unwrap_or(0);
            if position == 0 && has_outside {
                self.outside = Some(Rect {
                    x: EDGE,
                    y: host,
                    width: self.width - 2 * EDGE,
                    height: y + PAD - host,
                });
                y += PAD + BETWEEN;
                host = y;
                y += HOST;
            }
            channels.push(y + 14);
            y += match count {
                0 if position == 0 && has_outside => 0,
                0 => GAP,
                count => 28 + (count - 1) * LANE,
            };
        }
        if rows.is_empty() || (rows.len() == 1 && has_outside) {
            y += HOST;
        }
        self.host = Rect {
            x: EDGE,
            y: host,
            width: self.width - 2 * EDGE,
            height: y - host,
        };
        self.height = y + EDGE;
        for (row, (y, _)) in rows.iter().zip(&tops) {
            for item in row {
                self.item(*item, left, *y);
            }
        }
        let find = |at: (usize, usize)| {
            let item = rows.get(at.0)?.get(at.1)?;
            let top = tops.get(at.0)?.0;
            Some((top, top + item.height))
        };
        let height = |wire: Wire, anchor: Anchor| match anchor {
            Anchor::Top(row, place) => find((row, place)).map_or(0, |(top, _)| top),
            Anchor::Bottom(row, place) => find((row, place)).map_or(0, |(_, bottom)| bottom),
            Anchor::Lane(channel) => {
                let lane = lanes.get(&(wire, channel)).copied().unwrap_or(0);
                channels.get(channel).copied().unwrap_or(0) + lane * LANE
            }
        };
        for route in &routes.routes {
            self.wires.push(draw(route, rows, left, &height));
        }
    }

    fn item(&mut self, item: Item, left: i32, y: i32) {
        let rect = Rect {
            x: left + item.x,
            y,
            width: item.width,
            height: item.height,
        };
        match item.what {
            What::World => self.world = Some(rect),
            What::Group(network) => self.groups.push(Group {
                network,
                rect,
                heading: 0,
                lines: Vec::new(),
                kind: "",
            }),
            What::Card(node) => self.cards.push(Card {
                node,
                rect,
                lines: Vec::new(),
            }),
        }
    }

    /// Puts the nodes of networks in their places, and the words in all boxes.
    fn fill(
        &mut self,
        graph: &Graph,
        grids: &[Grid],
        members: &BTreeMap<usize, Vec<usize>>,
        mut lines: Vec<Vec<Line>>,
    ) {
        for group in &mut self.groups {
            let (Some(network), Some(grid)) =
                (graph.networks.get(group.network), grids.get(group.network))
            else {
                continue;
            };
            group.heading = grid.heading;
            group.lines = heading(network);
            group.kind = kind(network);
            let mut y = group.rect.y + grid.heading + CARDS;
            let nodes = members.get(&group.network).map_or(&[][..], Vec::as_slice);
            let wide = (group.rect.width - CARDS) / grid.columns as i32 - CARDS;
            for (chunk, height) in nodes.chunks(grid.columns).zip(&grid.rows) {
                let mut x = group.rect.x + CARDS;
                for node in chunk {
                    self.cards.push(Card {
                        node: *node,
                        rect: Rect {
                            x,
                            y,
                            width: wide.max(grid.cell),
                            height: *height,
                        },
                        lines: Vec::new(),
                    });
                    x += wide.max(grid.cell) + CARDS;
                }
                y += height + CARDS;
            }
        }
        for card in &mut self.cards {
            if let Some(text) = lines.get_mut(card.node) {
                card.lines = std::mem::take(text);
            }
        }
    }

    fn tabulate(&mut self, graph: &Graph) {
        if graph.policies.is_empty() {
            return;
        }
        let inside = self.width - 2 * EDGE - 2 * PAD;
        let columns = table_columns(graph, inside);
        let each = inside / columns as i32;
        let per_column = graph.policies.len().div_ceil(columns);
        let top = self.host.bottom() + GAP;
        for (position, policy) in graph.policies.iter().enumerate() {
            let (column, row) = (position / per_column, position % per_column);
            self.rows.push(Row {
                policy: position,
                at: (
                    EDGE + PAD + column as i32 * each,
                    top + TABLE_HEAD + row as i32 * TABLE_ROW + 16,
                ),
                text: fit(&policy.words, 12, Face::Sans, each - ROW_HEAD - PAD),
            });
        }
        let height = TABLE_HEAD + per_column as i32 * TABLE_ROW + 12;
        self.table = Some(Rect {
            x: EDGE,
            y: top,
            width: self.width - 2 * EDGE,
            height,
        });
        self.height = top + height + EDGE;
    }
}

/// The number and the action before a policy's words.
pub(super) const ROW_HEAD: i32 = 92;

fn policy_width(graph: &Graph) -> i32 {
    let widths = graph
        .policies
        .iter()
        .map(|p| width(&p.words, 12, Face::Sans));
    widths.max().unwrap_or(0) + ROW_HEAD + PAD
}

fn table_width(graph: &Graph) -> i32 {
    if graph.policies.is_empty() {
        return 0;
    }
    policy_width(graph).min(700)
}

fn table_columns(graph: &Graph, inside: i32) -> usize {
    let fitting = (inside / policy_width(graph).max(1)).clamp(1, 3) as usize;
    fitting.min(graph.policies.len().div_ceil(3))
}

fn item(what: What, (width, height): (i32, i32)) -> Item {
    Item {
        what,
        x: 0,
        width,
        height,
    }
}

/// Which nodes stand in a network's box, and which apart, those with cables beside one another.
fn stands(graph: &Graph) -> (BTreeMap<usize, Vec<usize>>, Vec<usize>) {
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

fn grid(
    graph: &Graph,
    network: usize,
    members: &BTreeMap<usize, Vec<usize>>,
    cards: &[Vec<Line>],
) -> Grid {
    let nodes = members.get(&network).map_or(&[][..], Vec::as_slice);
    let sizes: Vec<(i32, i32)> = nodes
        .iter()
        .map(|n| extent(cards.get(*n).map_or(&[][..], Vec::as_slice)))
        .collect();
    let shown = graph.networks.get(network);
    let lines = shown.map(heading).unwrap_or_default();
    let (head_wide, head_high) = extent(&lines);
    let name = lines.first().map_or(0, |l| width(&l.text, 14, Face::Bold));
    let tag = width(shown.map_or("", kind), 11, Face::Sans);
    let cell = sizes.iter().map(|s| s.0).max().unwrap_or(0);
    let tall = sizes.iter().map(|s| s.1).max().unwrap_or(0);
    let inner = graph.networks.iter().filter(|n| !n.outside).count();
    let columns = columns(nodes.len(), (cell, tall), inner);
    let rows: Vec<i32> = sizes
        .chunks(columns)
        .map(|chunk| chunk.iter().map(|s| s.1).max().unwrap_or(0))
        .collect();
    let wide = columns as i32 * (cell + CARDS) + CARDS;
    let high: i32 = rows.iter().map(|r| r + CARDS).sum();
    Grid {
        columns,
        cell,
        heading: head_high,
        rect: (
            wide.max(head_wide).max(name + tag + 48),
            head_high + CARDS + high,
        ),
        rows,
    }
}

/// As many as make a box a little wider than high; a few nodes on few networks stand in one row.
fn columns(nodes: usize, (wide, high): (i32, i32), networks: usize) -> usize {
    let stretch = if networks <= 1 { 2.0 } else { 1.0 };
    let ratio = f64::from(high.max(1)) / f64::from(wide.max(1));
    let square = (nodes as f64 * ratio * stretch).sqrt().round() as usize;
    let few = match networks {
        0 | 1 => 4,
        2 => 2,
        _ => 1,
    };
    square.max(few).clamp(1, nodes.max(1))
}

fn outside_row(
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
        .map(|(position, (_, grid))| item(What::Group(position), grid.rect))
        .collect();
    if networks.is_empty() && ways.0.is_none() && ways.1.is_none() {
        return Vec::new();
    }
    let mut out = vec![item(What::World, WORLD)];
    out.extend(networks);
    out
}

fn row_width(row: &[Item]) -> i32 {
    let boxes: i32 = row.iter().map(|i| i.width + GAP).sum();
    boxes - GAP
}

/// Rows of about the same width.
fn wrap(items: Vec<Item>) -> Vec<Vec<Item>> {
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

/// Rows stand in the middle; what is outside begins at the left, where the arrows are.
fn place(rows: &mut [Vec<Item>], inside: i32, has_outside: bool) {
    for (position, row) in rows.iter_mut().enumerate() {
        let free = inside - row_width(row);
        let mut x = if position == 0 && has_outside {
            0
        } else {
            free / 2
        };
        for item in row {
            item.x = x;
            x += item.width + GAP;
        }
    }
}

fn draw(
    route: &Route,
    rows: &[Vec<Item>],
    left: i32,
    height: &dyn Fn(Wire, Anchor) -> i32,
) -> Drawn {
    let mut out = Drawn {
        wire: route.wire,
        pieces: Vec::new(),
        ends: Vec::new(),
    };
    for (channel, (from, to)) in &route.spans {
        let y = height(route.wire, Anchor::Lane(*channel));
        out.pieces.push([(left + from, y), (left + to, y)]);
    }
    for (x, from, to) in &route.uprights {
        let ends = [*from, *to].map(|anchor| (left + x, height(route.wire, anchor)));
        out.pieces.push(ends);
        for (anchor, end) in [*from, *to].into_iter().zip(ends) {
            if !matches!(anchor, Anchor::Lane(_)) {
                out.ends.push(end);
            }
        }
    }
    if let Some((row, place)) = route.straight
        && let Some([a, b]) = rows
            .get(row)
            .and_then(|r| r.get(place..place + 2)?.first_chunk())
    {
        let y = height(route.wire, Anchor::Top(row, place)) + 30;
        let ends = [(left + a.x + a.width, y), (left + b.x, y)];
        out.pieces.push(ends);
        out.ends.extend(ends);
    }
    out
}
