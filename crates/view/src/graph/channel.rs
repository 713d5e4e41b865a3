//! The room between two rows of boxes.

use super::drawing::GAP;
use super::route::{LANE, RoutedLine, Side};
use super::wires::TAB;

/// The room below a row.
pub(super) struct Channel {
    /// Above the first lane, and below the last.
    pub(super) above: i32,
    below: i32,
    /// The room that cables between its row and the next need.
    cables: i32,
}

impl Channel {
    pub(super) fn new(row: usize, routes: &[RoutedLine]) -> Self {
        let ends = || routes.iter().flat_map(|r| &r.ends);
        let side = |row: usize, side: Side| ends().any(|e| e.seat.0 == row && e.side == side);
        let room = |tabs: bool| if tabs { TAB + 11 } else { 14 };
        let slant = routes
            .iter()
            .filter_map(|r| match r.ends.as_slice() {
                [a, b] if a.seat.0 == row && b.seat.0 == row + 1 => Some((a.at - b.at).abs()),
                _ => None,
            })
            .max();
        Self {
            above: room(side(row, Side::Bottom)),
            below: room(side(row + 1, Side::Top)),
            cables: slant.map_or(0, |wide| 2 * TAB + (wide / 6).clamp(40, 130)),
        }
    }

    pub(super) fn height(&self, lanes: i32) -> i32 {
        let lanes = match lanes {
            0 => GAP,
            count => self.above + (count - 1) * LANE + self.below,
        };
        lanes.max(self.cables)
    }
}
