//! The picture as SVG: drawn here, without another program. Light, or dark if the reader's screen
//! is dark.

use std::fmt::Write as _;

use super::content::{INSET, Line, MARK_WIDTH, Mark, Set};
use super::drawing::{Card, Drawn, Group, HOST, Layout, Rect, TITLE, Wire};
use super::elements::{Drawing, colour, dashes, escape};
use super::measure::{Face, fit, width};
use super::model::{Graph, Node, Presence};

const STYLE: &str = "
text { font-family: system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1b1f24 }
.mono { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace }
.title { font-size: 20px; font-weight: 600 }
.name { font-size: 14px; font-weight: 600 }
.address { font-size: 12px } .port { font-size: 11px }
.dim { font-size: 11px; fill: #59636e } .word { font-size: 12px }
.end { text-anchor: end } .middle { text-anchor: middle }
.alarm { font-size: 12px; fill: #b5300b; font-weight: 600 }
.sheet { fill: #ffffff } .host { fill: #f6f8fa; stroke: #afb8c1 }
.outside { fill: #eef4fb; stroke: #a9c4e4 } .world { fill: #ffffff; stroke: #a9c4e4 }
.card { fill: #ffffff; stroke: #c4ccd4 } .missing { stroke: #b5300b; stroke-dasharray: 5 4 }
.pill { fill: #ddf0ea } .table { fill: none; stroke: #d1d9e0 }
.allow { fill: #00664b } .deny { fill: #b5300b }
.tag { fill: #ffffff; font-size: 11px; font-weight: 600 }
.cable { stroke: #59636e; fill: none }
.tab { fill: #eaeef2; stroke: #59636e } .interface { font-size: 10px }
.chip { fill: #ffffff; stroke: #afb8c1 } .column { stroke: #d1d9e0; fill: none }
.head { font-size: 12px; font-weight: 600 }
.label { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px }
.arrow { fill: none; stroke-width: 2 } .passes.arrow { stroke: #00664b }
.stops.arrow { stroke: #b5300b } .passes { fill: #00664b } .stops { fill: #b5300b }
.passes.arrow, .stops.arrow { fill: none }
.way { stroke: #59636e; fill: none } .tip { fill: #59636e }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .dim { fill: #9aa4af } .alarm { fill: #ff9b7a }
.sheet { fill: #0d1117 } .host { fill: #151b23; stroke: #454d57 }
.outside { fill: #10202f; stroke: #31506f } .world { fill: #0d1117; stroke: #31506f }
.card { fill: #0d1117; stroke: #3d444d } .missing { stroke: #ff9b7a }
.pill { fill: #123d31 } .table { stroke: #3d444d }
.cable, .way { stroke: #9aa4af } .tip { fill: #9aa4af } .tag { fill: #ffffff }
.tab { fill: #21262d; stroke: #9aa4af } .chip { fill: #0d1117; stroke: #454d57 }
.column { stroke: #3d444d } .label { stroke: #0d1117 } .passes { fill: #56c9a0 } .stops { fill: #ff9b7a }
.passes.arrow { stroke: #56c9a0; fill: none } .stops.arrow { stroke: #ff9b7a; fill: none }
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
    out.policies(graph, &layout);
    out.0.push_str("</svg>\n");
    out.0
}

impl Drawing {
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
        // Lines of outside networks may run down here.
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
            .is_some_and(|n| n.state == Presence::Missing);
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
            Wire::Cable(_) => ("cable", " stroke-width=\"2.5\"".into(), String::new()),
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
        for tab in &drawn.tabs {
            self.rect(tab.rect, 3, "tab", "");
            let at = (tab.rect.x + tab.rect.width / 2, tab.rect.y + 11);
            self.text(at, "mono interface middle", &tab.text, None);
        }
    }

    fn card(&mut self, graph: &Graph, card: &Card) {
        let nodes = card.nodes.iter().filter_map(|n| graph.nodes.get(*n));
        let wrong = |n: &Node| n.state == Presence::Missing || !n.faults.is_empty();
        let missing = nodes.into_iter().any(wrong);
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
            x += line.indent;
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
}

// The host's heading has the height of the layout.
const _: () = assert!(HOST > 28);
