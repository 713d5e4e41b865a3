//! The picture as SVG: drawn here, no other program needed. Light, and dark where the reader's
//! screen is.

use std::fmt::Write as _;

use super::content::{INSET, Line, MARK_WIDTH, Mark, Set};
use super::drawing::{Card, Drawn, Group, HOST, Layout, Rect, TITLE, Wire};
use super::measure::{Face, fit, width};
use super::model::{Graph, State};
use super::table::{ROW_HEAD, TABLE_HEAD};

/// Distinct for people with any colour vision (Okabe and Ito), dark enough on white.
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#a8518a", "#b37700", "#3a9bd9",
];
const STYLE: &str = "
text { font-family: system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1b1f24 }
.mono { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace }
.title { font-size: 20px; font-weight: 600 }
.name { font-size: 14px; font-weight: 600 }
.address { font-size: 12px } .port { font-size: 11px }
.dim { font-size: 11px; fill: #59636e } .word { font-size: 12px }
.end { text-anchor: end }
.alarm { font-size: 12px; fill: #b5300b; font-weight: 600 }
.sheet { fill: #ffffff } .host { fill: #f6f8fa; stroke: #afb8c1 }
.outside { fill: #eef4fb; stroke: #a9c4e4 } .world { fill: #ffffff; stroke: #a9c4e4 }
.card { fill: #ffffff; stroke: #c4ccd4 } .missing { stroke: #b5300b; stroke-dasharray: 5 4 }
.pill { fill: #ddf0ea } .table { fill: none; stroke: #d1d9e0 }
.allow { fill: #00664b } .deny { fill: #b5300b }
.tag { fill: #ffffff; font-size: 11px; font-weight: 600 }
.cable { stroke: #59636e; fill: none } .cable-end { fill: #59636e }
.way { stroke: #59636e; fill: none } .tip { fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .dim { fill: #9aa4af } .alarm { fill: #ff9b7a }
.sheet { fill: #0d1117 } .host { fill: #151b23; stroke: #454d57 }
.outside { fill: #10202f; stroke: #31506f } .world { fill: #0d1117; stroke: #31506f }
.card { fill: #0d1117; stroke: #3d444d } .missing { stroke: #ff9b7a }
.pill { fill: #123d31 } .table { stroke: #3d444d }
.cable, .way { stroke: #9aa4af } .cable-end, .tip { fill: #9aa4af } .tag { fill: #ffffff }
}
";

/// The drawing.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    let layout = Layout::new(graph);
    let mut out = Drawing(String::new());
    let (wide, high) = (layout.width, layout.height);
    let title = escape(&graph.project);
    let _ = write!(
        out.0,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" \
         height=\"{high}\" role=\"img\" aria-label=\"The network {title}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"sheet\" width=\"{wide}\" height=\"{high}\"/>\n"
    );
    let shown = fit(&graph.project, 20, Face::Bold, wide - 48);
    out.text((24, TITLE), "title", &shown, Some(&graph.project));
    out.outside(&layout);
    out.rect(layout.host, 12, "host", "");
    let host = (layout.host.x + 20, layout.host.y + 28);
    out.text(host, "name", "host", None);
    for group in &layout.groups {
        out.group(graph, group);
    }
    for card in &layout.cards {
        out.card(graph, card);
    }
    for wire in &layout.wires {
        out.wire(wire);
    }
    out.table(graph, &layout);
    out.0.push_str("</svg>\n");
    out.0
}

/// Text as XML wants it.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Not allowed in XML at all.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn colour(network: usize) -> &'static str {
    COLOURS
        .get(network % COLOURS.len())
        .copied()
        .unwrap_or("#59636e")
}

/// Networks beyond the colours there are have broken lines.
fn dashes(network: usize) -> &'static str {
    match network / COLOURS.len() % 3 {
        0 => "",
        1 => " stroke-dasharray=\"7 4\"",
        _ => " stroke-dasharray=\"2 4\"",
    }
}

struct Drawing(String);

impl Drawing {
    fn rect(&mut self, rect: Rect, round: i32, class: &str, more: &str) {
        let Rect {
            x,
            y,
            width,
            height,
        } = rect;
        let _ = writeln!(
            self.0,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\" \
             class=\"{class}\"{more}/>"
        );
    }

    /// `whole`: the tooltip, where the text was cut.
    fn text(&mut self, (x, y): (i32, i32), class: &str, text: &str, whole: Option<&str>) {
        let tip = whole.filter(|w| *w != text);
        let tip = tip.map_or(String::new(), |w| format!("<title>{}</title>", escape(w)));
        let text = escape(text);
        let _ = writeln!(
            self.0,
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{tip}{text}</text>"
        );
    }

    fn outside(&mut self, layout: &Layout) {
        let (Some(outside), Some(world)) = (layout.outside, layout.world) else {
            return;
        };
        self.rect(outside, 26, "outside", "");
        self.rect(world, 28, "world", "");
        let at = (world.x + 24, world.y + 25);
        self.text(at, "name", "outside", None);
        let at = (world.x + 24, world.y + 42);
        self.text(at, "dim", "by the host's uplink", None);
        let (top, bottom) = (outside.bottom(), layout.host.y);
        // Lines of networks outside may run down here.
        let limit = layout
            .groups
            .iter()
            .filter(|g| outside.contains(&g.rect))
            .map(|g| g.rect.x + g.rect.width / 2)
            .min()
            .unwrap_or(layout.width - 48);
        let mut x = world.x + 24;
        let words = [(&layout.ways.0, true), (&layout.ways.1, false)];
        let both = words.iter().all(|(w, _)| w.is_some());
        let text_x = world.x + if both { 64 } else { 42 };
        let mut y = (top + bottom) / 2 + if both { -4 } else { 4 };
        for (word, up) in words {
            let Some(word) = word else { continue };
            let (from, to, tip) = if up {
                (bottom, top + 2, 8)
            } else {
                (top, bottom - 2, -8)
            };
            let _ = writeln!(
                self.0,
                "<path class=\"way\" stroke-width=\"2\" d=\"M{x} {from}V{}\"/>\
                 <path class=\"tip\" d=\"M{x} {to}l-5 {tip}h10z\"/>",
                to + tip
            );
            let shown = fit(word, 12, Face::Sans, limit - text_x - 16);
            self.text((text_x, y), "word", &shown, Some(word));
            y += 18;
            x += 20;
        }
        for group in layout.groups.iter().filter(|g| outside.contains(&g.rect)) {
            let x = (group.rect.x + group.rect.width / 2).div_euclid(12) * 12;
            let x = layout
                .wires
                .iter()
                .find(|w| w.wire == Wire::Network(group.network))
                .and_then(|w| w.ends.iter().find(|e| e.1 == group.rect.bottom()))
                .map_or(x, |e| e.0);
            let (y, colour, dashes) = (
                group.rect.bottom(),
                colour(group.network),
                dashes(group.network),
            );
            let _ = writeln!(
                self.0,
                "<path d=\"M{x} {y}V{bottom}\" fill=\"none\" stroke=\"{colour}\" \
                 stroke-width=\"2.5\"{dashes}/>"
            );
        }
    }

    fn group(&mut self, graph: &Graph, group: &Group) {
        let colour = colour(group.network);
        let missing = graph
            .networks
            .get(group.network)
            .is_some_and(|n| n.state == State::Missing);
        let class = if missing { "missing" } else { "network" };
        let paint = format!(
            " fill=\"{colour}\" fill-opacity=\"0.07\"{}",
            if missing {
                String::new()
            } else {
                format!(" stroke=\"{colour}\" stroke-opacity=\"0.55\"")
            }
        );
        self.rect(group.rect, 8, class, &paint);
        // The bridge: a bar under the heading's colour.
        let bar = Rect {
            height: 5,
            ..group.rect
        };
        self.rect(bar, 2, "bridge", &format!(" fill=\"{colour}\""));
        let x = group.rect.x + INSET;
        self.lines(&group.lines, x, group.rect.y + 8);
        if !group.kind.is_empty() {
            let at = (group.rect.right() - INSET, group.rect.y + 29);
            self.text(at, "dim end", group.kind, None);
        }
    }

    fn wire(&mut self, drawn: &Drawn) {
        let mut path = String::new();
        for [(x1, y1), (x2, y2)] in &drawn.pieces {
            let _ = write!(path, "M{x1} {y1}L{x2} {y2}");
        }
        let (class, paint, fill) = match drawn.wire {
            Wire::Network(network) => {
                let (colour, dashes) = (colour(network), dashes(network));
                (
                    "line",
                    format!(" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\"{dashes}"),
                    format!(" fill=\"{colour}\""),
                )
            }
            Wire::Cable(_) => ("cable", " stroke-width=\"4\"".into(), String::new()),
        };
        let _ = writeln!(
            self.0,
            "<path class=\"{class}\" stroke-linecap=\"round\"{paint} d=\"{path}\"/>"
        );
        for (x, y) in &drawn.ends {
            let _ = writeln!(
                self.0,
                "<circle class=\"{class}-end\" cx=\"{x}\" cy=\"{y}\" r=\"4\"{fill}/>"
            );
        }
    }

    fn card(&mut self, graph: &Graph, card: &Card) {
        let missing = graph
            .nodes
            .get(card.node)
            .is_some_and(|n| n.state == State::Missing);
        let class = if missing { "card missing" } else { "card" };
        self.rect(card.rect, 6, class, "");
        self.lines(&card.lines, card.rect.x + INSET, card.rect.y + 7);
    }

    fn lines(&mut self, lines: &[Line], x: i32, mut y: i32) {
        for line in lines {
            y += line.set.height();
            let mut x = x;
            let dot = y - 9;
            let mark = match line.mark {
                Mark::Network(network) => format!(
                    "<rect x=\"{x}\" y=\"{dot}\" width=\"9\" height=\"9\" rx=\"2\" fill=\"{}\"/>\n",
                    colour(network)
                ),
                Mark::Cable => format!(
                    "<path class=\"cable\" stroke-width=\"4\" d=\"M{x} {}h9\"/>\n",
                    dot + 5
                ),
                Mark::None | Mark::Room => String::new(),
            };
            self.0.push_str(&mark);
            if line.mark != Mark::None {
                x += MARK_WIDTH;
            }
            if line.set == Set::Port {
                let wide = width(&line.text, line.set.size(), line.set.face()) + 12;
                let pill = Rect {
                    x,
                    y: y - 13,
                    width: wide,
                    height: 18,
                };
                self.rect(pill, 9, "pill", "");
                x += 6;
            }
            let class = match line.set {
                Set::Name => "name",
                Set::Address => "mono address",
                Set::Dim => "dim",
                Set::Port => "mono port",
                Set::Alarm => "alarm",
            };
            self.text((x, y), class, &line.text, line.whole.as_deref());
        }
    }

    fn table(&mut self, graph: &Graph, layout: &Layout) {
        let Some(table) = layout.table else { return };
        self.rect(table, 12, "table", "");
        let at = (table.x + 20, table.y + TABLE_HEAD - 14);
        self.text(at, "name", "policies", None);
        let at = (table.x + 96, table.y + TABLE_HEAD - 14);
        self.text(
            at,
            "dim",
            "the first that matches decides; replies pass",
            None,
        );
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
        }
    }
}

// The host's heading is as high as layout says.
const _: () = assert!(HOST > 28);
