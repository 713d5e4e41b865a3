//! Lines with the positions of all their pieces, and the names of interfaces at their ends.

use super::drawing::{Drawn, Item, Rect, Tab, Wire};
use super::measure::tab_width;
use super::model::Graph;
use super::route::{Anchor, RoutedLine, Side};

/// The height of an interface's name at the end of a cable.
pub(super) const TAB: i32 = 15;

/// The positions of boxes and lanes.
pub(super) struct Heights<'a> {
    pub(super) rows: &'a [Vec<Item>],
    /// The upper edge of every row.
    pub(super) tops: &'a [i32],
    /// The x in the picture of the rows' left edge.
    pub(super) left: i32,
    /// The position of a lane in a channel.
    pub(super) lane: &'a dyn Fn(Wire, usize) -> i32,
}

impl Heights<'_> {
    fn y(&self, wire: Wire, anchor: Anchor) -> i32 {
        let edges = |row: usize, place: usize| {
            let item = self.rows.get(row).and_then(|r| r.get(place));
            let top = self.tops.get(row).copied().unwrap_or(0);
            (top, top + item.map_or(0, |i| i.height))
        };
        match anchor {
            Anchor::Top(row, place) => edges(row, place).0,
            Anchor::Bottom(row, place) => edges(row, place).1,
            Anchor::Lane(channel) => (self.lane)(wire, channel),
        }
    }
}

/// A line with all its positions.
pub(super) fn draw(graph: &Graph, route: &RoutedLine, at: &Heights<'_>) -> Drawn {
    let mut out = Drawn {
        wire: route.wire,
        pieces: Vec::new(),
        ends: Vec::new(),
        tabs: Vec::new(),
    };
    for (channel, (from, to)) in &route.spans {
        let y = at.y(route.wire, Anchor::Lane(*channel));
        out.pieces.push([(at.left + from, y), (at.left + to, y)]);
    }
    for (x, from, to) in &route.uprights {
        let ends = [*from, *to].map(|anchor| (at.left + x, at.y(route.wire, anchor)));
        out.pieces.push(ends);
        if matches!(route.wire, Wire::Network(_)) {
            let touching = [*from, *to].into_iter().zip(ends);
            let touching = touching.filter(|(anchor, _)| !matches!(anchor, Anchor::Lane(_)));
            out.ends.extend(touching.map(|(_, end)| end));
        }
    }
    let Wire::Cable(cable) = route.wire else {
        return out;
    };
    let mut inner = Vec::new();
    for end in &route.ends {
        let node = graph.cables.get(cable).map(|c| match end.first {
            true => &c.a,
            false => &c.b,
        });
        let text = node.map_or("", |e| e.interface.as_str());
        let item = at.rows.get(end.seat.0).and_then(|r| r.get(end.seat.1));
        let (Some(item), Some(top)) = (item, at.tops.get(end.seat.0)) else {
            continue;
        };
        let (wide, left) = (tab_width(text), at.left + item.x);
        let x = at.left + end.at;
        let (corner, touch) = match end.side {
            Side::Top => ((x - wide / 2, top - TAB), (x, top - TAB)),
            Side::Bottom => {
                let y = top + item.height;
                ((x - wide / 2, y), (x, y + TAB))
            }
            Side::Left => {
                let y = top + end.at;
                ((left - wide, y - TAB / 2), (left - wide, y))
            }
            Side::Right => {
                let (x, y) = (left + item.width, top + end.at);
                ((x, y - TAB / 2), (x + wide, y))
            }
        };
        out.tabs.push(Tab {
            rect: Rect {
                x: corner.0,
                y: corner.1,
                width: wide,
                height: TAB,
            },
            text: text.to_owned(),
        });
        inner.push(touch);
    }
    // Without lanes the line is straight from one end to the other.
    if route.uprights.is_empty()
        && let [a, b] = inner.as_slice()
    {
        out.pieces.push([*a, *b]);
    }
    out
}
