//! Diagnostics with the lines of the file they are about, in the form of rustc.

mod cut;

use std::ops::Range;

use annotate_snippets::{Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use hallway_spec::{Diagnostic, Label, Place, Severity, SourceText};

use crate::ui;

/// The file that places refer to.
pub(crate) struct Source<'a> {
    /// The path that the caller gave.
    pub(crate) path: &'a str,
    /// Empty when the file is not text.
    pub(crate) text: &'a str,
    /// Files that were read after it. Offsets of places count through all of them.
    pub(crate) more: &'a [SourceText],
}

impl<'a> Source<'a> {
    /// The file that a place is in: its path, its text and the offset of its beginning.
    fn file(&self, place: &Place) -> (&'a str, &'a str, usize) {
        let more = self.more.iter().rev().find(|f| f.start <= place.offset);
        more.map_or((self.path, self.text, 0), |f| (&f.path, &f.text, f.start))
    }
}

/// The diagnostic as text with colours; `None` when it has no place in a file.
pub(super) fn render(diagnostic: &dyn Diagnostic, source: &Source<'_>) -> Option<String> {
    let rendered = within(ui::width(), diagnostic, source)?;
    let (title, rest) = rendered.split_once('\n')?;
    Some(format!("{}\n{rest}", ui::fold_error(title, 4)))
}

/// Lines of a file that are longer are cut in any case: with all problems of a file that is one line,
/// the output would be many times the file.
const LINE_MAX: usize = 1000;

/// The same in so many columns, apart from the title.
fn within(width: usize, diagnostic: &dyn Diagnostic, source: &Source<'_>) -> Option<String> {
    let columns = width.min(LINE_MAX);
    let labels = diagnostic.labels();
    let place = &labels.first().filter(|l| l.place.line > 0)?.place;
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(diagnostic.message())
        .id(diagnostic.code());
    let (path, text, start) = source.file(place);
    let mut group: Group<'_> = title.element(origin(path, place, text));
    if !text.is_empty() {
        let cut = cut::lines(text, &marked(&labels, text, start, source), columns);
        group = group.element(Snippet::source(cut.text).annotations(cut.annotations));
    }
    for (level, text) in [
        (
            Level::NOTE,
            diagnostic.cause().map(|c| format!("cause: {c}")),
        ),
        (Level::HELP, diagnostic.help()),
    ] {
        if let Some(text) = text {
            let text = normalize_untrusted_str(&text);
            group = group.element(level.message(wrap(&text, width.saturating_sub(INDENT))));
        }
    }
    let rendered = Renderer::styled().term_width(columns).render(&[group]);
    // The place is not repeated before the lines.
    let repeats = |line: &&str| anstream::adapter::strip_str(line).to_string().trim() == ":::";
    let lines = rendered.lines().filter(|line| !repeats(line));
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// The width of the margin before a help text, in columns.
const INDENT: usize = 14;

/// The place without lines of the file. The end of a text is shown in its last line.
fn origin<'a>(path: &'a str, place: &Place, text: &str) -> Origin<'a> {
    let (line, column) = match text.lines().enumerate().last() {
        Some((index, last)) if place.line as usize > index + 1 => {
            (index + 1, last.chars().count() + 1)
        }
        _ => (place.line as usize, place.column as usize),
    };
    Origin::path(path).line(line).char_column(column)
}

/// Labels in one file, with what they underline.
fn marked<'a>(
    labels: &'a [Label],
    text: &str,
    start: usize,
    source: &Source<'_>,
) -> Vec<(Range<usize>, &'a str)> {
    let in_file = labels.iter().filter(|l| l.place.line > 0);
    let in_file = in_file.filter(|l| source.file(&l.place).2 == start);
    in_file
        .map(|label| (span(text, &label.place, start), label.text.as_str()))
        .collect()
}

/// The bytes to underline: on one line only, not a whole block.
fn span(text: &str, place: &Place, file: usize) -> Range<usize> {
    let start = place.offset.saturating_sub(file).min(text.len());
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.find('\n').unwrap_or(rest.len());
    start..start + place.length.min(line)
}

/// Breaks a text into lines of at most `width` characters, at spaces.
fn wrap(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str) -> String {
        let problems = hallway_spec::parse("file.yaml", text).unwrap_err();
        let source = Source {
            path: "file.yaml",
            text: &problems.text,
            more: &[],
        };
        let all = problems.problems.iter();
        let texts: Vec<String> = all.map(|p| render(p, &source).unwrap()).collect();
        anstream::adapter::strip_str(&texts.join("\n")).to_string()
    }

    #[test]
    fn both_places_of_a_conflict_are_shown() {
        let text = "networks:\n  a: { subnet: 10.1.0.0/24 }\n  b: { subnet: 10.1.0.0/25 }\n";
        let expected = "\
error[subnet-overlap]: subnet 10.1.0.0/25 of network b overlaps 10.1.0.0/24 of network a
 --> file.yaml:3:3
  |
2 |   a: { subnet: 10.1.0.0/24 }
  |   - 10.1.0.0/24
3 |   b: { subnet: 10.1.0.0/25 }
  |   ^ 10.1.0.0/25
  |
  = help: give one of them another subnet";
        assert_eq!(rendered(text), expected);
    }

    #[test]
    fn long_lines_are_cut() {
        let text = format!(
            "nodes: {{ {}: {{}}, a: {{ porst: [] }} }}\n",
            "n".repeat(63)
        )
        .replace(
            ", a:",
            &format!(", a: {{ environment: {{ X: {} }} }}, b:", "x".repeat(5000)),
        );
        let text = rendered(&text);
        let longest = text.lines().map(|l| l.chars().count()).max();
        assert!(longest <= Some(LINE_MAX), "{longest:?}");
        assert!(text.contains("unknown key"), "{text}");
    }

    #[test]
    fn lines_are_cut_around_what_is_underlined() {
        let node = |i| format!("n{i}: {{ networks: {{ a: {{ address: 10.{i}.0.1 }} }} }}");
        let nodes: Vec<String> = (2..9).map(node).collect();
        let text = format!(
            "networks: {{ a: {{ subnet: 10.1.0.0/24 }}, b: {{ subnet: 10.1.0.128/25 }} }}\nnodes: {{ {} }}\n",
            nodes.join(", ")
        );
        let problems = hallway_spec::parse("file.yaml", &text).unwrap_err();
        assert_eq!(problems.problems.len(), 8);
        let source = Source {
            path: "file.yaml",
            text: &problems.text,
            more: &[],
        };
        for problem in &problems.problems {
            let text = within(60, problem, &source).unwrap();
            let text = anstream::adapter::strip_str(&text).to_string();
            let place = format!("file.yaml:{}:{}", problem.place.line, problem.place.column);
            assert!(text.contains(&place), "{text}");
            let mut lines = text.lines().skip(1);
            assert!(lines.all(|l| l.chars().count() <= 60), "{text}");
            let address = text
                .lines()
                .zip(text.lines().skip(1))
                .find(|(_, l)| l.contains('^'));
            let (line, below) = address.unwrap();
            let at = below.find('^').unwrap();
            let length = below.matches('^').count();
            let shown: String = line.chars().skip(at).take(length).collect();
            let own = &problems.text[problem.place.offset..][..problem.place.length];
            assert_eq!(shown, own, "{text}");
        }
    }

    #[test]
    fn the_end_of_a_text_can_be_pointed_at() {
        for text in [
            "nodes: {",
            "nodes: [\n",
            "\u{1f984}: {",
            "nodes: { a: &x [*x] }",
            "---\n---\n",
        ] {
            assert!(rendered(text).contains("file.yaml:"), "{text}");
        }
    }

    #[test]
    fn texts_are_wrapped_at_spaces() {
        assert_eq!(wrap("one two three", 7), "one two\nthree");
        assert_eq!(wrap("incomprehensible", 4), "incomprehensible");
    }
}
