//! All positions in a picture: rows of networks with their nodes, below them rows of nodes outside
//! of networks, because they are on several networks, on none, or have cables.

use std::collections::BTreeMap;

use super::arrange::{BoxRow, Grid, grids, item, outside_row, place, wrap};
use super::cables;
use super::channel::Channel;
use super::collapse::Stands;
use super::content::{Line, card, extent, heading, kind, list, ways};
use super::drawing::{
    CARDS, Card, Content, EDGE, Group, HOST, Item, Layout, PAD, Rect, TITLE, Wire,
};
use super::ladder::least_width;
use super::model::Graph;
use super::route::{self, LANE, Routes};
use super::wires::{Heights, draw};

/// Height between outside and host, where the arrows are.
const BETWEEN: i32 = 64;

impl Layout {
    /// Computes the layout of a project.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        let stands = Stands::new(graph);
        let cards = cards(graph, &stands);
        let grids = grids(graph, &stands.members, &cards);
        let ways = ways(graph);
        let mut rows: Vec<BoxRow> = Vec::new();
        let outside = outside_row(graph, &grids, &ways);
        let has_outside = outside.is_some();
        rows.extend(outside);
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
        let size = |node: usize| {
            let lines = cards.get(&node).map_or(&[][..], Vec::as_slice);
            let (wide, high) = extent(lines);
            let lines = graph.nodes.get(node).map_or(0, |n| n.interfaces.len()) as i32;
            (wide.max(14 * (lines + 2)), high)
        };
        let loose = stands
            .loose
            .iter()
            .map(|n| item(Content::Card(*n), size(*n)));
        rows.extend(wrap(loose.collect()));
        let sizes: Vec<(i32, i32)> = (0..graph.nodes.len())
            .map(|n| extent(cards.get(&n).map_or(&[][..], Vec::as_slice)))
            .collect();
        rows.extend(cables::rows(graph, &stands.cabled, &sizes));
        let widest = rows.iter().map(|r| r.width).max().unwrap_or(0);
        let inside = widest.max(least_width(graph)).max(360);
        let rows = place(rows, inside, has_outside);
        let routes = route::routes(graph, &rows, inside);
        let mut layout = Self {
            ways,
            ..Self::default()
        };
        layout.stand(graph, &rows, &routes, has_outside, inside);
        layout.fill(graph, &grids, &stands, cards);
        layout.policies(graph);
        layout
    }

    /// Computes the heights, and with them all positions.
    fn stand(
        &mut self,
        graph: &Graph,
        rows: &[Vec<Item>],
        routes: &Routes,
        has_outside: bool,
        inside: i32,
    ) {
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
            tops.push(y);
            y += high;
            let count = counts.get(position).copied().unwrap_or(0);
            if position == 0 && has_outside {
                self.outside = Some(self.across(host, y + PAD));
                y += PAD + BETWEEN;
                host = y;
                y += HOST;
            }
            let channel = Channel::new(position, &routes.routes);
            channels.push(y + channel.above);
            y += match count {
                0 if position == 0 && has_outside => 0,
                count => channel.height(count),
            };
        }
        if rows.is_empty() || (rows.len() == 1 && has_outside) {
            y += HOST;
        }
        self.host = self.across(host, y);
        self.height = y + EDGE;
        for (row, y) in rows.iter().zip(&tops) {
            for item in row {
                self.item(*item, left, *y);
            }
        }
        let lane = |wire: Wire, channel: usize| {
            let lane = lanes.get(&(wire, channel)).copied().unwrap_or(0);
            channels.get(channel).copied().unwrap_or(0) + lane * LANE
        };
        let heights = Heights {
            rows,
            tops: &tops,
            left,
            lane: &lane,
        };
        let wires = routes.routes.iter().map(|r| draw(graph, r, &heights));
        self.wires = wires.collect();
    }

    /// From edge to edge, between these heights.
    fn across(&self, top: i32, bottom: i32) -> Rect {
        Rect {
            x: EDGE,
            y: top,
            width: self.width - 2 * EDGE,
            height: bottom - top,
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
                nodes: vec![node],
                rect,
                lines: Vec::new(),
            }),
        }
    }

    /// Puts the nodes of networks in their places, and the text into all boxes.
    fn fill(
        &mut self,
        graph: &Graph,
        grids: &[Grid],
        stands: &Stands,
        mut lines: BTreeMap<usize, Vec<Line>>,
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
            let nodes = stands
                .members
                .get(&group.network)
                .map_or(&[][..], Vec::as_slice);
            let wide = (group.rect.width - CARDS) / grid.columns as i32 - CARDS;
            for (chunk, height) in nodes.chunks(grid.columns).zip(&grid.rows) {
                let mut x = group.rect.x + CARDS;
                for node in chunk {
                    self.cards.push(Card {
                        nodes: vec![*node],
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
            let Some(first) = card.nodes.first() else {
                continue;
            };
            card.lines = lines.remove(first).unwrap_or_default();
            if let Some(nodes) = stands.lists.get(first) {
                card.nodes.clone_from(nodes);
            }
        }
    }
}

/// The text on every card.
fn cards(graph: &Graph, stands: &Stands) -> BTreeMap<usize, Vec<Line>> {
    let apart = stands.loose.iter().chain(&stands.cabled).map(|n| (n, true));
    let within = stands.members.values().flatten().map(|n| (n, false));
    let lines = apart.chain(within).filter_map(|(first, apart)| {
        let lines = match stands.lists.get(first) {
            Some(nodes) => list(graph, nodes),
            None => card(graph.nodes.get(*first)?, apart),
        };
        Some((*first, lines))
    });
    lines.collect()
}
