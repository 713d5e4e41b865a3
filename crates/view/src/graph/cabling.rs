//! The places of boxes in their rows, and the shape of every cable between two of them.

use std::collections::BTreeMap;

use super::drawing::Content;
use super::model::Graph;

/// Vertical lines from above and from below never have the same x.
pub(super) const GRID: i32 = 12;
pub(super) fn snap(x: i32, from_above: bool) -> i32 {
    x.div_euclid(GRID) * GRID + if from_above { 0 } else { GRID / 2 }
}

/// A box: its row, and its place in it.
pub(super) type Seat = (usize, usize);

/// The shape of a cable.
#[derive(Clone, Copy)]
pub(super) enum CablePath {
    /// Between neighbours in a row, beside this number of others.
    Level(i32),
    /// Below both.
    Below,
    /// From the bottom of the upper card straight to the top of the lower one, in the next row.
    Down,
}

/// A cable's ends, the upper or left one first, and whether that is the first in the file.
pub(super) struct Cabling {
    pub(super) seats: [Seat; 2],
    pub(super) in_order: bool,
    pub(super) path: CablePath,
}

/// The shape of every cable. Cables connect cards of one row, or of two adjacent rows.
pub(super) fn cable_paths(graph: &Graph, seats: &BTreeMap<Content, Seat>) -> Vec<Option<Cabling>> {
    let mut level: BTreeMap<Seat, i32> = BTreeMap::new();
    graph
        .cables
        .iter()
        .map(|cable| {
            let place = |node| seats.get(&Content::Card(node)).copied();
            let (a, b) = (place(cable.a.node)?, place(cable.b.node)?);
            let (upper, lower) = (a.min(b), a.max(b));
            let path = if upper.0 != lower.0 {
                CablePath::Down
            } else if lower.1 == upper.1 + 1 {
                let beside = level.entry(upper).or_insert(0);
                *beside += 1;
                CablePath::Level(*beside - 1)
            } else {
                CablePath::Below
            };
            Some(Cabling {
                seats: [upper, lower],
                in_order: a == upper,
                path,
            })
        })
        .collect()
}
