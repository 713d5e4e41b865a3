//! The policies' table below a picture.

use super::drawing::{EDGE, GAP, Layout, PAD, Rect, Row};
use super::measure::{Face, fit, width};
use super::model::Graph;

const TABLE_ROW: i32 = 24;
pub(super) const TABLE_HEAD: i32 = 40;
/// The number and the action before a policy's words.
pub(super) const ROW_HEAD: i32 = 92;

fn policy_width(graph: &Graph) -> i32 {
    let widths = graph
        .policies
        .iter()
        .map(|p| width(&p.words, 12, Face::Sans));
    widths.max().unwrap_or(0) + ROW_HEAD + PAD
}

pub(super) fn table_width(graph: &Graph) -> i32 {
    if graph.policies.is_empty() {
        return 0;
    }
    policy_width(graph).min(700)
}

fn table_columns(graph: &Graph, inside: i32) -> usize {
    let fitting = (inside / policy_width(graph).max(1)).clamp(1, 3) as usize;
    fitting.min(graph.policies.len().div_ceil(3))
}

impl Layout {
    pub(super) fn tabulate(&mut self, graph: &Graph) {
        if graph.policies.is_empty() {
            return;
        }
        let inside = self.width - 2 * EDGE - 2 * PAD;
        let columns = table_columns(graph, inside);
        let each = inside / columns as i32;
        let per_column = graph.policies.len().div_ceil(columns);
        let top = self.host.bottom() + GAP;
        for (position, policy) in graph.policies.iter().enumerate() {
            let (column, row) = (position / per_column, position % per_column);
            self.rows.push(Row {
                policy: position,
                at: (
                    EDGE + PAD + column as i32 * each,
                    top + TABLE_HEAD + row as i32 * TABLE_ROW + 16,
                ),
                text: fit(&policy.words, 12, Face::Sans, each - ROW_HEAD - PAD),
            });
        }
        let height = TABLE_HEAD + per_column as i32 * TABLE_ROW + 12;
        self.table = Some(Rect {
            x: EDGE,
            y: top,
            width: self.width - 2 * EDGE,
            height,
        });
        self.height = top + height + EDGE;
    }
}
