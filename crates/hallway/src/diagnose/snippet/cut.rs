//! Lines that are too long for a terminal, cut around what is underlined in them.

use std::collections::BTreeMap;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind};

/// What stands for the rest of a line.
const REST: char = '…';

/// So few bytes between two parts are shown, too.
const GAP: usize = 3;

/// The columns before a line: its number, and a border.
const BORDER: usize = 3;

/// A text with cut lines, and what is underlined in it.
pub(super) struct Cut<'a> {
    pub(super) text: String,
    pub(super) annotations: Vec<Annotation<'a>>,
}

/// Cuts the lines that have labels so that they and their labels fit, if possible. Other lines are not
/// shown. The first label is the one of the problem itself.
pub(super) fn lines<'a>(text: &str, labels: &[(Range<usize>, &'a str)], width: usize) -> Cut<'a> {
    let mut by_line: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (position, (span, _)) in labels.iter().enumerate() {
        let start = text.get(..span.start).and_then(|before| before.rfind('\n'));
        by_line
            .entry(start.map_or(0, |at| at + 1))
            .or_default()
            .push(position);
    }
    let last = by_line.keys().next_back().copied().unwrap_or(0);
    let number = text
        .get(..last)
        .map_or(0, |before| before.matches('\n').count())
        + 1;
    let room = width.saturating_sub(BORDER + number.to_string().len());
    let mut out = String::new();
    let mut spans: Vec<Range<usize>> = labels.iter().map(|(span, _)| span.clone()).collect();
    let mut done = 0;
    for (start, positions) in by_line {
        out.push_str(text.get(done..start).unwrap_or_default());
        let line = text.get(start..).unwrap_or_default();
        let line = line.split('\n').next().unwrap_or_default();
        let parts: Vec<Part> = positions
            .iter()
            .filter_map(|p| labels.get(*p))
            .map(|(span, label)| Part {
                from: span.start - start,
                to: span.end - start,
                label: columns(label) + 1,
            })
            .collect();
        let kept = kept(line, &parts, room);
        let mut shown = 0;
        for part in &kept {
            if part.start > shown {
                out.push(REST);
            }
            for position in &positions {
                if let (Some(span), Some((old, _))) =
                    (spans.get_mut(*position), labels.get(*position))
                    && (part.start..=part.end).contains(&(old.start - start))
                {
                    let moved = |at: usize| out.len() + (at - start).min(part.end) - part.start;
                    *span = moved(old.start)..moved(old.end);
                }
            }
            out.push_str(line.get(part.clone()).unwrap_or_default());
            shown = part.end;
        }
        if shown < line.len() {
            out.push(REST);
        }
        done = start + line.len();
    }
    out.push_str(text.get(done..).unwrap_or_default());
    let annotations = spans.into_iter().zip(labels).enumerate();
    let annotations = annotations.map(|(position, (span, (_, label)))| {
        let kind = match position {
            0 => AnnotationKind::Primary,
            _ => AnnotationKind::Context,
        };
        kind.span(span).label(*label)
    });
    Cut {
        annotations: annotations.collect(),
        text: out,
    }
}

/// What is underlined in a line, by bytes, and the columns of its label.
struct Part {
    from: usize,
    to: usize,
    label: usize,
}

/// The parts of a line that are shown, by bytes.
fn kept(line: &str, parts: &[Part], room: usize) -> Vec<Range<usize>> {
    let end = |p: &Part| columns(line.get(..p.to).unwrap_or_default()).max(1) + p.label;
    if columns(line).max(parts.iter().map(end).max().unwrap_or(0)) <= room {
        return std::iter::once(0..line.len()).collect();
    }
    // Each has its share, less what stands for the rest on both sides.
    let room = (room / parts.len().max(1)).saturating_sub(2);
    let mut out: Vec<Range<usize>> = parts.iter().map(|p| around(line, p, room)).collect();
    out.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in out {
        match joined.last_mut() {
            Some(last) if range.start <= last.end + GAP => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// A part with what is before and after it, in so many columns; its label is below what is after it.
fn around(line: &str, part: &Part, room: usize) -> Range<usize> {
    let of = |range: Range<usize>| line.get(range).unwrap_or_default();
    let taken = |chars: &mut dyn Iterator<Item = char>, room: usize| {
        let mut left = room;
        let fits = chars.map_while(|c| {
            left = left.checked_sub(column(c))?;
            Some(c.len_utf8())
        });
        fits.sum::<usize>()
    };
    let end = part.from + taken(&mut of(part.from..part.to).chars(), room);
    let free = room.saturating_sub(columns(of(part.from..end)));
    let after = columns(of(end..line.len())).min(free / 2).max(part.label);
    let before = free.saturating_sub(after);
    let start = part.from - taken(&mut of(0..part.from).chars().rev(), before);
    let free = room.saturating_sub(columns(of(start..end)));
    start..end + taken(&mut of(end..line.len()).chars(), free)
}

/// The columns of a text: a tab takes four.
fn columns(text: &str) -> usize {
    text.chars().map(column).sum()
}

fn column(c: char) -> usize {
    if c == '\t' { 4 } else { 1 }
}
