//! The parts of a picture: boxes, lines and the table, with their positions. All numbers are
//! pixels; x grows to the right, y downwards.

use super::content::Line;
use super::policy::Party;

/// What a line represents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wire {
    /// The network of that position, to nodes outside of its box.
    Network(usize),
    /// The cable of that position.
    Cable(usize),
}

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
    /// Whether they share any inner point.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.x < other.right()
            && other.x < self.right()
            && self.y < other.bottom()
            && other.y < self.bottom()
    }

    /// Whether the other one is completely inside.
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

/// A network with its heading; its cards are inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its position.
    pub network: usize,
    /// Its position and size.
    pub rect: Rect,
    /// The height of its heading.
    pub heading: i32,
    /// The heading's lines.
    pub lines: Vec<Line>,
    /// `internal`, `routed` or nothing.
    pub kind: &'static str,
}

/// A node, or a list of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Their positions.
    pub nodes: Vec<usize>,
    /// Its position and size.
    pub rect: Rect,
    /// The text on it.
    pub lines: Vec<Line>,
}

/// The name of an interface, at the end of a cable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tab {
    /// Its position and size, outside the card that it touches.
    pub rect: Rect,
    /// The name.
    pub text: String,
}

/// A line between boxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// What it represents.
    pub wire: Wire,
    /// From x, y to x, y.
    pub pieces: Vec<[(i32, i32); 2]>,
    /// Where a network's line touches boxes.
    pub ends: Vec<(i32, i32)>,
    /// The names at a cable's ends.
    pub tabs: Vec<Tab>,
}

/// A policy in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its position.
    pub policy: usize,
    /// Left edge and base line.
    pub at: (i32, i32),
    /// The visible text.
    pub text: String,
    /// Why the policy has no arrow, from the left edge on; empty if it has one.
    pub note: Label,
}

/// An endpoint of policies: a head, and a line down from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What it represents.
    pub party: Party,
    /// The head.
    pub rect: Rect,
    /// Its visible name.
    pub text: String,
    /// Its whole name.
    pub whole: String,
    /// Where the line ends.
    pub foot: i32,
}

/// A policy between two columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrowLine {
    /// The policy's position.
    pub policy: usize,
    /// Its start.
    pub from: (i32, i32),
    /// The x of its end, at the same height.
    pub to: i32,
    /// With an arrowhead at both ends.
    pub both: bool,
    /// The services.
    pub label: Label,
}

/// Text around a point.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Label {
    /// The centre of its base line.
    pub middle: (i32, i32),
    /// The visible text.
    pub text: String,
    /// The whole text.
    pub whole: String,
}

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layout {
    /// Its width.
    pub width: i32,
    /// Its height.
    pub height: i32,
    /// The outside, above the host.
    pub outside: Option<Rect>,
    /// The outside, if no network represents it.
    pub world: Option<Rect>,
    /// The host.
    pub host: Rect,
    /// The directions of packets out and in: text beside arrows.
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
    /// The endpoints of policies.
    pub columns: Vec<Column>,
    /// The policies as arrows.
    pub arrows: Vec<ArrowLine>,
}

/// The content of a place in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    /// The outside.
    World,
    /// The network of that position.
    Group(usize),
    /// The card whose first node has that position.
    Card(usize),
}

/// A place in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) content: Content,
    /// Left edge, relative to the row's.
    pub(super) x: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

/// Margin around the whole picture.
pub(super) const EDGE: i32 = 24;
/// Margin within the host.
pub(super) const PAD: i32 = 20;
/// Space between boxes.
pub(super) const GAP: i32 = 24;
/// Space between cards of a network.
pub(super) const CARDS: i32 = 12;
/// Height of the title.
pub(super) const TITLE: i32 = 48;
/// Height of the host's heading.
pub(super) const HOST: i32 = 44;
/// Width and height of the box for the outside.
pub(super) const WORLD: (i32, i32) = (190, 56);
