//! The paths of lines: along lanes in the channels between rows, and in the margins, never across a
//! box. Each network has its own lane in every channel it uses.

use std::collections::BTreeMap;

use super::cables::{FIRST, NEXT};
use super::cabling::{CablePath, Cabling, GRID, Seat, cable_paths, snap};
use super::drawing::{Content, Item, Wire};
use super::model::Graph;
use super::ports::Ports;

/// The end of the vertical part of a line. Rows and channels are counted from the top; channel N is
/// below row N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Top(usize, usize),
    Bottom(usize, usize),
    Lane(usize),
}

/// A line before its heights are known.
#[derive(Debug, Clone)]
pub(super) struct RoutedLine {
    pub(super) wire: Wire,
    /// The range of its horizontal part in each channel.
    pub(super) spans: BTreeMap<usize, (i32, i32)>,
    pub(super) uprights: Vec<(i32, Anchor, Anchor)>,
    /// Both ends of a cable.
    pub(super) ends: Vec<CableContact>,
}

/// A side of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Top,
    Bottom,
    Left,
    Right,
}

/// The point where a cable touches a card.
#[derive(Debug, Clone, Copy)]
pub(super) struct CableContact {
    /// Whether it is the first end in the file.
    pub(super) first: bool,
    pub(super) seat: Seat,
    pub(super) side: Side,
    /// The x of an end above or below; at the left or right its distance from the card's top.
    pub(super) at: i32,
}

/// The distance between lines in a margin or channel.
pub(super) const LANE: i32 = 10;

impl RoutedLine {
    fn new(wire: Wire) -> Self {
        Self {
            wire,
            spans: BTreeMap::new(),
            uprights: Vec::new(),
            ends: Vec::new(),
        }
    }

    fn reach(&mut self, channel: usize, x: i32) {
        let span = self.spans.entry(channel).or_insert((x, x));
        *span = (span.0.min(x), span.1.max(x));
    }

    fn upright(&mut self, x: i32, from: Anchor, to: Anchor) {
        for anchor in [from, to] {
            if let Anchor::Lane(channel) = anchor {
                self.reach(channel, x);
            }
        }
        self.uprights.push((x, from, to));
    }
}

/// All lines, and the number of those in the margins.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) routes: Vec<RoutedLine>,
    pub(super) left: i32,
    pub(super) right: i32,
}

/// The state while lines are routed.
struct Router<'a> {
    graph: &'a Graph,
    rows: &'a [Vec<Item>],
    seats: BTreeMap<Content, Seat>,
    ports: Ports,
    /// The width of the rows.
    width: i32,
}

/// All lines. Rows begin at x 0 and end at `width`; lines in margins are outside of that.
pub(super) fn routes(graph: &Graph, rows: &[Vec<Item>], width: i32) -> Routes {
    let mut seats: BTreeMap<Content, Seat> = BTreeMap::new();
    for (row, boxes) in rows.iter().enumerate() {
        for (position, item) in boxes.iter().enumerate() {
            seats.insert(item.content, (row, position));
        }
    }
    let cables = cable_paths(graph, &seats);
    let router = Router {
        graph,
        rows,
        ports: Ports::new(graph, rows, &seats, &cables),
        seats,
        width,
    };
    let mut out = Routes::default();
    for network in 0..graph.networks.len() {
        router.network(network, &mut out);
    }
    for (position, cable) in cables.iter().enumerate() {
        if let Some(cable) = cable {
            out.routes.push(router.cable(position, cable));
        }
    }
    out
}

impl Router<'_> {
    fn cable(&self, position: usize, cable: &Cabling) -> RoutedLine {
        let wire = Wire::Cable(position);
        let mut route = RoutedLine::new(wire);
        let sides = match cable.path {
            CablePath::Level(_) => [Side::Right, Side::Left],
            CablePath::Below => [Side::Bottom, Side::Bottom],
            CablePath::Down => [Side::Bottom, Side::Top],
        };
        for (nth, (seat, side)) in cable.seats.into_iter().zip(sides).enumerate() {
            let at = match cable.path {
                CablePath::Level(nth) => FIRST + NEXT * nth,
                CablePath::Below | CablePath::Down => self.ports.x(wire, seat, 0),
            };
            if matches!(cable.path, CablePath::Below) {
                route.upright(at, Anchor::Bottom(seat.0, seat.1), Anchor::Lane(seat.0));
            }
            route.ends.push(CableContact {
                first: cable.in_order == (nth == 0),
                seat,
                side,
                at,
            });
        }
        route
    }

    fn network(&self, network: usize, out: &mut Routes) {
        let Some(&home) = self.seats.get(&Content::Group(network)) else {
            return;
        };
        let mut route = RoutedLine::new(Wire::Network(network));
        let mut deepest = home.0;
        for (position, node) in self.graph.nodes.iter().enumerate() {
            let Some(&seat) = self.seats.get(&Content::Card(position)) else {
                continue;
            };
            let count = node
                .interfaces
                .iter()
                .filter(|i| i.network == Some(network))
                .count();
            for nth in 0..count {
                let channel = seat.0.saturating_sub(1);
                deepest = deepest.max(channel);
                let x = self.ports.x(Wire::Network(network), seat, nth);
                route.upright(x, Anchor::Lane(channel), Anchor::Top(seat.0, seat.1));
            }
        }
        if route.uprights.is_empty() {
            return;
        }
        let group = self.rows.get(home.0).and_then(|r| r.get(home.1));
        let x = snap(group.map_or(0, |g| g.x + g.width / 2), true);
        let bottom = Anchor::Bottom(home.0, home.1);
        route.upright(x, bottom, Anchor::Lane(home.0));
        if deepest > home.0 {
            let margin = out.margin(x, self.width);
            let below: Vec<usize> = route.spans.keys().copied().collect();
            for channel in below.into_iter().filter(|c| *c > home.0) {
                route.reach(channel, margin);
            }
            route.upright(margin, Anchor::Lane(home.0), Anchor::Lane(deepest));
        }
        out.routes.push(route);
    }
}

impl Routes {
    /// A new lane in the nearer margin.
    fn margin(&mut self, x: i32, width: i32) -> i32 {
        if x > width / 2 {
            self.right += 1;
            width + 6 + LANE * self.right
        } else {
            self.left += 1;
            -6 - LANE * self.left
        }
    }
}

/// Gives every line a lane in each channel it uses: the lane's number, and how many there are.
pub(super) fn lanes(
    routes: &[RoutedLine],
    channels: usize,
) -> (BTreeMap<(Wire, usize), i32>, Vec<i32>) {
    let mut out = BTreeMap::new();
    let mut counts = Vec::new();
    for channel in 0..channels {
        let mut taken: Vec<Vec<(i32, i32)>> = Vec::new();
        for route in routes {
            let Some(&(from, to)) = route.spans.get(&channel) else {
                continue;
            };
            let free = |lane: &Vec<(i32, i32)>| {
                lane.iter().all(|(a, b)| to + GRID < *a || *b + GRID < from)
            };
            let lane = taken.iter().position(free).unwrap_or(taken.len());
            if lane == taken.len() {
                taken.push(Vec::new());
            }
            if let Some(lane) = taken.get_mut(lane) {
                lane.push((from, to));
            }
            out.insert((route.wire, channel), lane as i32);
        }
        counts.push(taken.len() as i32);
    }
    (out, counts)
}
