//! Where lines run: along lanes in the channels between rows, and in the margins, never across a
//! box. Each network has a lane of its own in every channel it uses.

use std::collections::{BTreeMap, BTreeSet};

use super::drawing::{Content, Item, Wire};
use super::model::Graph;

/// Where the upright part of a line ends. Rows and channels are counted from the top; channel N
/// is below row N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    Top(usize, usize),
    Bottom(usize, usize),
    Lane(usize),
}

/// A line before its heights are known.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) wire: Wire,
    /// From where to where it runs in a channel.
    pub(super) spans: BTreeMap<usize, (i32, i32)>,
    pub(super) uprights: Vec<(i32, Anchor, Anchor)>,
    /// Straight between two neighbours: the row, and the left one's place in it.
    pub(super) straight: Option<(usize, usize)>,
}

/// Uprights from above and from below never meet at one x.
const GRID: i32 = 12;
/// Between lines in a margin or channel.
pub(super) const LANE: i32 = 10;

fn snap(x: i32, from_above: bool) -> i32 {
    x.div_euclid(GRID) * GRID + if from_above { 0 } else { GRID / 2 }
}

impl Route {
    fn new(wire: Wire) -> Self {
        Self {
            wire,
            spans: BTreeMap::new(),
            uprights: Vec::new(),
            straight: None,
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

/// A box: its row, and its place in it.
type Seat = (usize, usize);
/// Lines at one side of a box: where each comes from, what it is, and which of its kind.
type SideLines = Vec<(i32, Wire, usize)>;

/// How a cable runs.
#[derive(Clone, Copy)]
enum CablePath {
    /// Between neighbours; the seat of the left one.
    Straight(Seat),
    /// Below both.
    Below,
    /// From the bottom of the upper to the top of the lower.
    Down,
}

/// All lines, and how many run in the margins.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) routes: Vec<Route>,
    pub(super) left: i32,
    pub(super) right: i32,
}

/// What lines are led by.
struct Router<'a> {
    graph: &'a Graph,
    rows: &'a [Vec<Item>],
    seats: BTreeMap<Content, Seat>,
    ports: Ports,
    /// Of the rows.
    width: i32,
}

/// All lines. Rows begin at x 0 and end at `width`; lines in margins are beyond.
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
    for (position, (ends, path)) in cables.iter().enumerate() {
        if let Some(ends) = *ends {
            router.cable(position, ends, *path, &mut out);
        }
    }
    out
}

impl Router<'_> {
    fn cable(&self, position: usize, [upper, lower]: [Seat; 2], path: CablePath, out: &mut Routes) {
        let mut route = Route::new(Wire::Cable(position));
        let x = |end| self.ports.x(Wire::Cable(position), end, 0);
        match path {
            CablePath::Straight(seat) => route.straight = Some(seat),
            CablePath::Below => {
                for end in [upper, lower] {
                    let bottom = Anchor::Bottom(end.0, end.1);
                    route.upright(x(end), bottom, Anchor::Lane(end.0));
                }
            }
            CablePath::Down => {
                let (from, to) = (upper.0, lower.0.saturating_sub(1));
                let bottom = Anchor::Bottom(upper.0, upper.1);
                route.upright(x(upper), bottom, Anchor::Lane(from));
                if from != to {
                    out.right += 1;
                    let margin = self.width + 6 + LANE * out.right;
                    route.upright(margin, Anchor::Lane(from), Anchor::Lane(to));
                }
                let top = Anchor::Top(lower.0, lower.1);
                route.upright(x(lower), Anchor::Lane(to), top);
            }
        }
        out.routes.push(route);
    }

    fn network(&self, network: usize, out: &mut Routes) {
        let Some(&home) = self.seats.get(&Content::Group(network)) else {
            return;
        };
        let mut route = Route::new(Wire::Network(network));
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

/// Every cable's ends, the upper first, and how it runs.
fn cable_paths(
    graph: &Graph,
    seats: &BTreeMap<Content, Seat>,
) -> Vec<(Option<[Seat; 2]>, CablePath)> {
    let mut taken = BTreeSet::new();
    graph
        .cables
        .iter()
        .map(|cable| {
            let place = |node| seats.get(&Content::Card(node)).copied();
            let (Some(a), Some(b)) = (place(cable.a.node), place(cable.b.node)) else {
                return (None, CablePath::Below);
            };
            let (upper, lower) = (a.min(b), a.max(b));
            let neighbours = upper.0 == lower.0 && lower.1 == upper.1 + 1;
            let path = if neighbours && taken.insert(upper) {
                CablePath::Straight(upper)
            } else if upper.0 == lower.0 {
                CablePath::Below
            } else {
                CablePath::Down
            };
            (Some([upper, lower]), path)
        })
        .collect()
}

/// Where lines touch boxes.
struct Ports(BTreeMap<(Wire, Seat, usize), i32>);

impl Ports {
    fn new(
        graph: &Graph,
        rows: &[Vec<Item>],
        seats: &BTreeMap<Content, Seat>,
        cables: &[(Option<[Seat; 2]>, CablePath)],
    ) -> Self {
        // By box, the top or the bottom of it.
        let mut sides: BTreeMap<(Seat, bool), SideLines> = BTreeMap::new();
        let centre = |seat: Seat| {
            let item = rows.get(seat.0).and_then(|r| r.get(seat.1));
            item.map_or(0, |i| i.x + i.width / 2)
        };
        for (position, node) in graph.nodes.iter().enumerate() {
            let Some(&at) = seats.get(&Content::Card(position)) else {
                continue;
            };
            let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
            for network in node.interfaces.iter().filter_map(|i| i.network) {
                let nth = seen.entry(network).or_insert(0);
                let from = seats
                    .get(&Content::Group(network))
                    .map_or(0, |a| centre(*a));
                let wire = (from, Wire::Network(network), *nth);
                sides.entry((at, true)).or_default().push(wire);
                *nth += 1;
            }
        }
        for (position, (ends, path)) in cables.iter().enumerate() {
            let Some([upper, lower]) = *ends else {
                continue;
            };
            let top = match path {
                CablePath::Straight(_) => continue,
                CablePath::Below => false,
                CablePath::Down => true,
            };
            let wire = Wire::Cable(position);
            let below = sides.entry((upper, false)).or_default();
            below.push((centre(lower), wire, 0));
            let side = sides.entry((lower, top)).or_default();
            side.push((centre(upper), wire, 0));
        }
        let mut out = BTreeMap::new();
        for ((at, top), mut lines) in sides {
            let Some(item) = rows.get(at.0).and_then(|r| r.get(at.1)) else {
                continue;
            };
            lines.sort_unstable();
            let parts = lines.len() as i32 + 1;
            for (position, (_, wire, nth)) in lines.into_iter().enumerate() {
                let x = item.x + item.width * (position as i32 + 1) / parts;
                out.insert((wire, at, nth), snap(x, !top));
            }
        }
        Self(out)
    }

    fn x(&self, wire: Wire, seat: Seat, nth: usize) -> i32 {
        self.0.get(&(wire, seat, nth)).copied().unwrap_or(0)
    }
}

/// Gives every line a lane in each channel it uses: the lane's number, and how many there are.
pub(super) fn lanes(routes: &[Route], channels: usize) -> (BTreeMap<(Wire, usize), i32>, Vec<i32>) {
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
