//! The parts of a picture: boxes, lines and the table, with their positions. All numbers are
//! pixels; x grows to the right, y downwards.

use super::content::Line;

/// What a line stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wire {
    /// The network of that position, to nodes that stand apart from it.
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

/// What a place in a row holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Content {
    /// The outside world.
    World,
    /// The network of that position.
    Group(usize),
    /// The node of that position.
    Card(usize),
}

/// A place in a row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) content: Content,
    /// Left edge, counted from the row's.
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
/// Width and height of the box for the outside world.
pub(super) const WORLD: (i32, i32) = (190, 56);
