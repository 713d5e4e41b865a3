//! The policies below a picture: a list, and beside it an arrow for each, between columns for their
//! endpoints. If there is no room for both side by side the list is below the arrows. Policies whose endpoints
//! have no room on a page get no arrow, and the picture says so.

use super::drawing::{ArrowLine, Column, EDGE, GAP, Label, Layout, PAD, Rect, Row};
use super::measure::{Face, fit, fit_name, width};
use super::model::Graph;
use super::policy::{Arrow, Party, Policy};

const ROW: i32 = 24;
pub(super) const HEAD: i32 = 40;
/// The number and the action before a policy's text.
pub(super) const ROW_HEAD: i32 = 92;
/// The width of the heading, beside which the columns begin.
const HEADING: i32 = 300;
/// The greatest width of the text beside arrows.
const WORDS: i32 = 330;
/// The greatest width of the part with arrows.
const PAGE: i32 = 1392;
/// The height of a row with an arrow, and of each further arrow in it.
const STEP: i32 = 30;
const MORE: i32 = 24;
/// The height of a column's head.
const CHIP: i32 = 24;

/// The widths of the arrows and of the parts beside them.
struct Ladder {
    parties: Vec<Party>,
    /// For each policy, whether it gets its arrows.
    drawn: Vec<bool>,
    pitch: i32,
    /// The width left of the arrows.
    head: i32,
    /// Whether the text is shown.
    words: bool,
    /// Room at the right, for an arrow from the last column to itself.
    rest: i32,
}

impl Ladder {
    /// `None` if there are no arrows.
    fn new(graph: &Graph) -> Option<Self> {
        let all = graph.policies.iter();
        let mut out = Self::of(graph, all.map(|p| !p.drawn().is_empty()).collect());
        if out.width() > PAGE {
            (out.head, out.words) = (ROW_HEAD + PAD, false);
        }
        if out.width() > PAGE {
            out = Self::fitting(graph);
        }
        (!out.parties.is_empty()).then_some(out)
    }

    /// With the first policies whose endpoints fit on the page; others may have only endpoints of these.
    fn fitting(graph: &Graph) -> Self {
        let mut best = Self::of(graph, vec![false; graph.policies.len()]);
        (best.head, best.words) = (ROW_HEAD + PAD, false);
        for (position, policy) in graph.policies.iter().enumerate() {
            if policy.drawn().is_empty() {
                continue;
            }
            let mut drawn = best.drawn.clone();
            if let Some(own) = drawn.get_mut(position) {
                *own = true;
            }
            let mut with = Self::of(graph, drawn);
            (with.head, with.words) = (best.head, best.words);
            if with.width() <= PAGE {
                best = with;
            }
        }
        best
    }

    /// With the arrows of these policies.
    fn of(graph: &Graph, drawn: Vec<bool>) -> Self {
        let shown = graph.policies.iter().zip(&drawn);
        let arrows: Vec<&Arrow> = shown
            .filter(|(_, drawn)| **drawn)
            .flat_map(|(policy, _)| policy.drawn())
            .collect();
        let mut parties: Vec<Party> = Vec::new();
        for party in arrows.iter().flat_map(|a| [&a.from, &a.to]) {
            if !parties.contains(party) {
                parties.push(party.clone());
            }
        }
        parties.sort_by_key(|p| rank(graph, p));
        let chips = parties.iter().map(|p| chip_width(graph, p) + 12);
        let pitch = chips.max().unwrap_or(0).max(84);
        let last = parties.last();
        let to_itself = arrows
            .iter()
            .any(|a| a.from == a.to && Some(&a.from) == last);
        let words = graph
            .policies
            .iter()
            .map(|p| width(&p.words, 12, Face::Sans));
        Self {
            rest: if to_itself { pitch / 2 } else { 0 },
            pitch,
            head: (words.max().unwrap_or(0).min(WORDS) + ROW_HEAD + PAD).max(HEADING),
            words: true,
            parties,
            drawn,
        }
    }

    /// The arrows of a policy, and why it has none.
    fn arrows<'p>(&self, position: usize, policy: &'p Policy) -> (&'p [Arrow], &'static str) {
        match (policy.drawn(), self.drawn.get(position)) {
            ([], _) if policy.arrows.is_empty() => (&[], ""),
            ([], _) => (&[], "no arrow: too many pairs"),
            (_, Some(false) | None) => (&[], "no arrow: no room for its ends"),
            (arrows, Some(true)) => (arrows, ""),
        }
    }

    fn width(&self) -> i32 {
        self.head + self.parties.len() as i32 * self.pitch + self.rest
    }

    fn x(&self, left: i32, party: &Party) -> i32 {
        let column = self.parties.iter().position(|p| p == party).unwrap_or(0);
        left + self.head + self.pitch * column as i32 + self.pitch / 2
    }
}

fn services(policy: &Policy) -> &str {
    match policy.services.as_str() {
        "" => "all",
        services => services,
    }
}

/// Networks in their order, each followed by its nodes; outside endpoints at the edges.
fn rank(graph: &Graph, party: &Party) -> (usize, usize, usize) {
    match party {
        Party::Outside => (0, 0, 0),
        Party::Host => (1, 0, 0),
        Party::Network(network) => (2, *network, 0),
        Party::Node(node) => {
            let networks = graph.nodes.get(*node).map(super::model::Node::networks);
            let network = networks.and_then(|n| n.first().copied());
            (2, network.unwrap_or(usize::MAX), node + 1)
        }
        Party::Prefix(_) => (3, 0, 0),
        Party::Any => (4, 0, 0),
    }
}

fn chip_width(graph: &Graph, party: &Party) -> i32 {
    (width(party.name(graph), 12, Face::Bold) + 20).clamp(56, 160)
}

fn list_width(graph: &Graph) -> i32 {
    let widths = graph
        .policies
        .iter()
        .map(|p| width(&p.words, 12, Face::Sans));
    widths.max().unwrap_or(0) + ROW_HEAD + PAD
}

/// The smallest width of the picture for the policies.
pub(super) fn least_width(graph: &Graph) -> i32 {
    match Ladder::new(graph) {
        _ if graph.policies.is_empty() => 0,
        Some(ladder) => ladder.width(),
        None => list_width(graph).min(700),
    }
}

impl Layout {
    pub(super) fn policies(&mut self, graph: &Graph) {
        if graph.policies.is_empty() {
            return;
        }
        let top = self.host.bottom() + GAP;
        let height = match Ladder::new(graph) {
            Some(ladder) => {
                let arrows = self.ladder(graph, &ladder, top);
                match ladder.words {
                    true => arrows,
                    false => arrows + self.list(graph, top + arrows),
                }
            }
            None => HEAD + self.list(graph, top + HEAD),
        };
        self.table = Some(Rect {
            x: EDGE,
            y: top,
            width: self.width - 2 * EDGE,
            height,
        });
        self.height = top + height + EDGE;
    }

    /// Only the list; returns its height.
    fn list(&mut self, graph: &Graph, top: i32) -> i32 {
        let inside = self.width - 2 * EDGE - 2 * PAD;
        let fitting = (inside / list_width(graph).max(1)).clamp(1, 3) as usize;
        let columns = fitting.min(graph.policies.len().div_ceil(3));
        let each = inside / columns as i32;
        let per_column = graph.policies.len().div_ceil(columns);
        for (position, policy) in graph.policies.iter().enumerate() {
            let (column, row) = (position / per_column, position % per_column);
            self.rows.push(Row {
                note: Label::default(),
                policy: position,
                at: (
                    EDGE + PAD + column as i32 * each,
                    top + row as i32 * ROW + 16,
                ),
                text: fit(&policy.words, 12, Face::Sans, each - ROW_HEAD - PAD),
            });
        }
        per_column as i32 * ROW + 12
    }

    fn ladder(&mut self, graph: &Graph, ladder: &Ladder, top: i32) -> i32 {
        let left = EDGE + PAD;
        // Without the text there is no room beside the heading.
        let head = top + if ladder.words { 12 } else { HEAD };
        let mut y = head + CHIP + 8;
        for (position, policy) in graph.policies.iter().enumerate() {
            let (arrows, why) = ladder.arrows(position, policy);
            self.rows.push(Row {
                note: Label {
                    middle: (left + ladder.head, y + 22),
                    text: why.to_owned(),
                    whole: String::new(),
                },
                policy: position,
                at: (left, y + 22),
                text: match ladder.words {
                    true => fit(&policy.words, 12, Face::Sans, ladder.head - ROW_HEAD - PAD),
                    false => String::new(),
                },
            });
            for (nth, arrow) in arrows.iter().enumerate() {
                let y = y + 18 + MORE * nth as i32;
                let (from, to) = (ladder.x(left, &arrow.from), ladder.x(left, &arrow.to));
                let to_itself = from == to;
                let (middle, most) = match to_itself {
                    true => (from + ladder.pitch / 4, ladder.pitch / 2 - 6),
                    false => ((from + to) / 2, (to - from).abs() - 16),
                };
                self.arrows.push(ArrowLine {
                    policy: position,
                    from: (from, y),
                    to,
                    both: arrow.both,
                    label: Label {
                        middle: (middle, y - 5),
                        text: fit(services(policy), 11, Face::Sans, most),
                        whole: services(policy).to_owned(),
                    },
                });
            }
            y += STEP + MORE * (arrows.len().max(1) as i32 - 1);
        }
        let foot = y + 6;
        for party in &ladder.parties {
            let middle = ladder.x(left, party);
            let wide = chip_width(graph, party).min(ladder.pitch - 8);
            self.columns.push(Column {
                party: party.clone(),
                rect: Rect {
                    x: middle - wide / 2,
                    y: head,
                    width: wide,
                    height: CHIP,
                },
                text: fit_name(party.name(graph), 12, Face::Bold, wide - 14),
                whole: party.name(graph).to_owned(),
                foot,
            });
        }
        foot + 10 - top
    }
}
