//! Where everything stands in a picture: rows of networks with their nodes, below them rows of
//! nodes that stand apart because they are on several networks, on none, or have cables.

use std::collections::BTreeMap;

use super::arrange::{Grid, grids, item, outside_row, place, row_width, stands, wrap};
use super::content::{Line, card, extent, heading, kind, ways};
use super::drawing::{
    CARDS, Card, Content, Drawn, EDGE, GAP, Group, HOST, Item, Layout, PAD, Rect, TITLE, Wire,
};
use super::model::Graph;
use super::route::{self, Anchor, LANE, Route, Routes};
use super::table::table_width;

/// Height between outside and host, where the arrows are.
const BETWEEN: i32 = 64;

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
        let grids = grids(graph, &members, &cards);
        let ways = ways(graph);
        let mut rows = Vec::new();
        let outside = outside_row(graph, &grids, &ways);
        let has_outside = !outside.is_empty();
        rows.extend(has_outside.then_some(outside));
        let group = |network: usize| {
            let rect = grids.get(network).map_or((0, 0), |g| g.rect);
            item(Content::Group(network), rect)
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
            item(Content::Card(*node), (wide.max(14 * (lines + 2)), high))
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
        match item.content {
            Content::World => self.world = Some(rect),
            Content::Group(network) => self.groups.push(Group {
                network,
                rect,
                heading: 0,
                lines: Vec::new(),
                kind: "",
            }),
            Content::Card(node) => self.cards.push(Card {
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
