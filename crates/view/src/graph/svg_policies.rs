//! The policies of a picture as SVG.

use super::drawing::{ArrowLine, Column, Layout, Rect};
use super::elements::{Drawing, colour};
use super::ladder::{HEAD, ROW_HEAD};
use super::model::Graph;
use super::policy::Party;

/// The horizontal length of an arrow from a column to itself.
const LOOP: i32 = 30;

impl Drawing {
    pub(super) fn policies(&mut self, graph: &Graph, layout: &Layout) {
        let Some(table) = layout.table else { return };
        self.rect(table, 12, "table", "");
        let at = (table.x + 20, table.y + HEAD - 14);
        self.text(at, "name", "policies", None);
        let at = (table.x + 96, table.y + HEAD - 14);
        let decides = match layout.arrows.is_empty() {
            true => "the first that matches decides; no arrows: too many pairs",
            false => "the first that matches decides",
        };
        self.text(at, "dim", decides, None);
        for column in &layout.columns {
            self.column(column);
        }
        for row in &layout.rows {
            let Some(policy) = graph.policies.get(row.policy) else {
                continue;
            };
            let (class, word) = if policy.allow {
                ("allow", "✓ allow")
            } else {
                ("deny", "✕ deny")
            };
            let (x, y) = row.at;
            self.text((x, y), "dim", &format!("{}", row.policy + 1), None);
            let tag = Rect {
                x: x + 22,
                y: y - 13,
                width: 60,
                height: 18,
            };
            self.rect(tag, 9, class, "");
            self.text((x + 31, y), "tag", word, None);
            self.text((x + ROW_HEAD, y), "word", &row.text, Some(&policy.words));
            if !row.note.text.is_empty() {
                self.text(row.note.middle, "dim label", &row.note.text, None);
            }
        }
        for arrow in &layout.arrows {
            let allow = graph.policies.get(arrow.policy).is_some_and(|p| p.allow);
            self.arrow(arrow, allow);
        }
    }

    fn column(&mut self, column: &Column) {
        let rect = column.rect;
        let middle = rect.x + rect.width / 2;
        let line = format!("M{middle} {}V{}", rect.bottom(), column.foot);
        self.path("column", &line, "");
        match column.party {
            Party::Network(network) => {
                let colour = colour(network);
                self.rect(rect, 4, "chip", "");
                let paint = format!(
                    " fill=\"{colour}\" fill-opacity=\"0.12\" stroke=\"{colour}\" \
                     stroke-opacity=\"0.55\""
                );
                self.rect(rect, 4, "network", &paint);
                let bar = Rect { height: 4, ..rect };
                self.rect(bar, 2, "bridge", &format!(" fill=\"{colour}\""));
            }
            Party::Node(_) => self.rect(rect, 6, "chip", ""),
            _ => self.rect(rect, 12, "world", ""),
        }
        let at = (middle, rect.y + 17);
        self.text(at, "head middle", &column.text, Some(&column.whole));
    }

    fn arrow(&mut self, arrow: &ArrowLine, allow: bool) {
        let (kind, dashes) = match allow {
            true => ("passes", ""),
            false => ("stops", " stroke-dasharray=\"5 4\""),
        };
        let ((from, y), to) = (arrow.from, arrow.to);
        let ahead = if to < from { -1 } else { 1 };
        if from == to {
            let line = format!("M{from} {y}h{LOOP}v9H{}", from + 8);
            self.path(&format!("{kind} arrow"), &line, dashes);
            let tip = format!("M{} {}l8 -5v10z", from + 1, y + 9);
            self.path(kind, &tip, "");
        } else {
            let start = from + if arrow.both { 9 * ahead } else { 0 };
            let line = format!("M{start} {y}H{}", to - 9 * ahead);
            self.path(&format!("{kind} arrow"), &line, dashes);
            let tip = format!("M{} {y}l{} -5v10z", to - ahead, -8 * ahead);
            self.path(kind, &tip, "");
            if arrow.both {
                let tip = format!("M{} {y}l{} -5v10z", from + ahead, 8 * ahead);
                self.path(kind, &tip, "");
            } else {
                let dot = format!("M{} {y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0z", from - 3);
                self.path(kind, &dot, "");
            }
        }
        if !allow {
            let x = if from == to {
                from + LOOP
            } else {
                to - 22 * ahead
            };
            let cross = format!("M{} {}l10 10m0 -10l-10 10", x - 5, y - 5);
            self.path("stops arrow", &cross, "");
        }
        let class = format!("{kind} label middle");
        let label = &arrow.label;
        self.text(label.middle, &class, &label.text, Some(&label.whole));
    }
}
