//! The points where lines touch the upper and lower sides of boxes.

use std::collections::BTreeMap;

use super::cabling::{CablePath, Cabling, Seat, snap};
use super::drawing::{Content, Item, Wire};
use super::model::Graph;

/// From a card's corner to the first line.
const CORNER: i32 = 22;

/// A line at one side of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Touch {
    /// The x of its other end.
    from: i32,
    wire: Wire,
    /// Its number among lines of the same kind.
    nth: usize,
    /// Whether its x is on the grid.
    snapped: bool,
    /// The other end of a straight cable.
    other: Option<Seat>,
}

/// The x of every line at every box it touches.
pub(super) struct Ports(BTreeMap<(Wire, Seat, usize), i32>);

/// The lines at the sides of boxes; whether it is the top.
type Sides = BTreeMap<(Seat, bool), Vec<Touch>>;

impl Ports {
    pub(super) fn new(
        graph: &Graph,
        rows: &[Vec<Item>],
        seats: &BTreeMap<Content, Seat>,
        cables: &[Option<Cabling>],
    ) -> Self {
        let mut sides = Sides::new();
        let item = |seat: Seat| rows.get(seat.0).and_then(|r| r.get(seat.1));
        let centre = |seat: Seat| item(seat).map_or(0, |i| i.x + i.width / 2);
        networks(graph, seats, &centre, &mut sides);
        straight(cables, &centre, &mut sides);
        let mut out = BTreeMap::new();
        for ((seat, top), touches) in &mut sides {
            let Some(item) = item(*seat) else { continue };
            touches.sort_unstable();
            let parts = touches.len() as i32;
            for (position, touch) in touches.iter().enumerate() {
                let x = item.x + item.width * (2 * position as i32 + 1) / (2 * parts);
                let x = if touch.snapped { snap(x, !top) } else { x };
                out.insert((touch.wire, *seat, touch.nth), x);
            }
        }
        // If a cable is alone at its side it runs straight down, if the card is wide enough.
        for ((seat, _), touches) in &sides {
            let ([touch], Some(item)) = (touches.as_slice(), item(*seat)) else {
                continue;
            };
            let other = touch.other.map(|other| (touch.wire, other, touch.nth));
            if let Some(x) = other.and_then(|key| out.get(&key).copied())
                && x >= item.x + CORNER
                && x <= item.x + item.width - CORNER
            {
                out.insert((touch.wire, *seat, touch.nth), x);
            }
        }
        Self(out)
    }

    pub(super) fn x(&self, wire: Wire, seat: Seat, nth: usize) -> i32 {
        self.0.get(&(wire, seat, nth)).copied().unwrap_or(0)
    }
}

fn networks(
    graph: &Graph,
    seats: &BTreeMap<Content, Seat>,
    centre: &dyn Fn(Seat) -> i32,
    sides: &mut Sides,
) {
    for (position, node) in graph.nodes.iter().enumerate() {
        let Some(&at) = seats.get(&Content::Card(position)) else {
            continue;
        };
        let mut seen: BTreeMap<usize, usize> = BTreeMap::new();
        for network in node.interfaces.iter().filter_map(|i| i.network) {
            let nth = seen.entry(network).or_insert(0);
            let home = seats.get(&Content::Group(network));
            sides.entry((at, true)).or_default().push(Touch {
                from: home.map_or(0, |a| centre(*a)),
                wire: Wire::Network(network),
                nth: *nth,
                snapped: true,
                other: None,
            });
            *nth += 1;
        }
    }
}

fn straight(cables: &[Option<Cabling>], centre: &dyn Fn(Seat) -> i32, sides: &mut Sides) {
    for (position, cable) in cables.iter().enumerate() {
        let Some(cable) = cable else { continue };
        let tops = match cable.path {
            CablePath::Level(_) => continue,
            CablePath::Below => [false, false],
            CablePath::Down => [false, true],
        };
        let down = matches!(cable.path, CablePath::Down);
        let [a, b] = cable.seats;
        for (at, top, other) in [(a, tops[0], b), (b, tops[1], a)] {
            sides.entry((at, top)).or_default().push(Touch {
                from: centre(other),
                wire: Wire::Cable(position),
                nth: 0,
                snapped: !down,
                other: down.then_some(other),
            });
        }
    }
}
