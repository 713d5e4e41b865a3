//! Elements of an SVG drawing.

use std::fmt::Write as _;

use super::drawing::Rect;

/// Distinct with any colour vision (Okabe and Ito), dark enough on white.
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#a8518a", "#b37700", "#3a9bd9",
];

/// Text with the characters of XML escaped.
pub(super) fn escape(text: &str) -> String {
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

pub(super) fn colour(network: usize) -> &'static str {
    COLOURS
        .get(network % COLOURS.len())
        .copied()
        .unwrap_or("#59636e")
}

/// Networks after the last colour have dashed lines.
pub(super) fn dashes(network: usize) -> &'static str {
    match network / COLOURS.len() % 3 {
        0 => "",
        1 => " stroke-dasharray=\"7 4\"",
        _ => " stroke-dasharray=\"2 4\"",
    }
}

/// The text of a drawing.
pub(super) struct Drawing(pub(super) String);

impl Drawing {
    pub(super) fn rect(&mut self, rect: Rect, round: i32, class: &str, more: &str) {
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

    /// `whole`: the tooltip, if the text was cut.
    pub(super) fn text(
        &mut self,
        (x, y): (i32, i32),
        class: &str,
        text: &str,
        whole: Option<&str>,
    ) {
        let tip = whole.filter(|w| *w != text);
        let tip = tip.map_or(String::new(), |w| format!("<title>{}</title>", escape(w)));
        let text = escape(text);
        let _ = writeln!(
            self.0,
            "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{tip}{text}</text>"
        );
    }

    pub(super) fn path(&mut self, class: &str, d: &str, more: &str) {
        let _ = writeln!(self.0, "<path class=\"{class}\" d=\"{d}\"{more}/>");
    }
}
