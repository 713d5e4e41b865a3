//! The problem of a text that is not YAML, in plain words: the YAML parser's messages are about
//! rules of its grammar only.

use crate::problem::{OtherFormat, TextProblem};
use crate::{Place, Problem};

/// The problem for the parser's message, which it reported at `at`.
pub(crate) fn problem(text: &str, says: &str, at: Place) -> Problem {
    let (before, after) = text.split_at_checked(at.offset).unwrap_or((text, ""));
    let (line_before, line) = line_at(text, at.offset);
    if let Some(offset) = template(text) {
        return Problem::new(&place(text, offset, 2), TextProblem::Template);
    }
    if let Some(problem) = toml(text) {
        return problem;
    }
    let kind = if says.contains("tab") || indented_by_tab(line_before, line) {
        return Problem::new(&with_tab(text, at), TextProblem::Tab);
    } else if says.contains("must be followed by a valid YAML whitespace") {
        TextProblem::TabAfterColon
    } else if let Some(rest) = says.strip_prefix("unexpected character: `") {
        TextProblem::Reserved(rest.chars().next().unwrap_or_default())
    } else if says.contains("unknown anchor") {
        let name = after.trim_start_matches('*');
        let end = name.find(|c: char| c.is_whitespace() || ",]}".contains(c));
        let name = name.get(..end.unwrap_or(name.len())).unwrap_or_default();
        TextProblem::UnknownAnchor(name.to_owned())
    } else if says.contains("quoted scalar") {
        TextProblem::OpenQuote
    } else if says.contains("flow mapping") || says.contains("flow sequence") {
        return flow(text, before, after, at);
    } else if says.contains("mapping values are not allowed") {
        let start = at.offset.saturating_sub(line_before.len());
        let earlier = lines_before(text, start).find(|(_, l)| !is_blank(l));
        match earlier {
            _ if line_before.contains(": ") => TextProblem::Colon,
            Some((offset, earlier)) if !has_key(earlier) => {
                let indent = earlier.len() - earlier.trim_start().len();
                let place = place(text, offset + indent, earlier.trim().len());
                return Problem::new(&place, TextProblem::NoColon);
            }
            _ => TextProblem::Yaml(says.to_owned()),
        }
    } else if says.contains("did not find expected") && is_indented_differently(text, &at, line) {
        TextProblem::Indentation
    } else {
        TextProblem::Yaml(says.to_owned())
    };
    let length = match &kind {
        TextProblem::UnknownAnchor(name) => name.len() + 1,
        _ => at.length,
    };
    Problem::new(&Place { length, ..at }, kind)
}

/// Where a text has the first mark of a template, which another program must fill in. Texts in quotes,
/// and texts with such a mark in the middle, are values of YAML.
fn template(text: &str) -> Option<usize> {
    let lines = lines(text).filter(|(_, line)| !is_blank(line));
    { lines }.find_map(|(start, line)| {
        let at = ["{{", "{%"]
            .iter()
            .filter_map(|mark| line.find(mark))
            .min()?;
        let before = line.get(..at)?.trim_end();
        (before.is_empty() || before.ends_with([':', '[', ',', '-'])).then_some(start + at)
    })
}

/// The problem of a text of TOML, or of another format with sections and `KEY = VALUE`.
pub(crate) fn toml(text: &str) -> Option<Problem> {
    let lines = lines(text).filter(|(_, line)| !is_blank(line) && !line.starts_with(';'));
    let mut lines = lines.take(2);
    let word = |text: &str| {
        let part = |c: char| c.is_ascii_alphanumeric() || "._-\"' ".contains(c);
        !text.is_empty() && text.chars().all(part)
    };
    let value = |line: &str| {
        line.split_once('=')
            .is_some_and(|(key, _)| word(key.trim()))
    };
    let section = |line: &str| {
        let inner = line.trim_end().strip_prefix('[');
        inner.and_then(|l| l.strip_suffix(']')).is_some_and(|name| {
            let double = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
            word(double.unwrap_or(name))
        })
    };
    let (start, first) = lines.next()?;
    let mut second = || {
        lines
            .next()
            .is_some_and(|(_, line)| value(line) || section(line))
    };
    let is_toml = value(first) || (section(first) && second());
    is_toml.then(|| {
        let at = place(text, start, first.len());
        Problem::new(&at, TextProblem::OtherFormat(OtherFormat::Toml))
    })
}

/// Whether the parser stopped in a line that is indented with a tab.
fn indented_by_tab(before: &str, line: &str) -> bool {
    let indent = line.len() - line.trim_start().len();
    before.len() >= indent && line.get(..indent).is_some_and(|i| i.contains('\t'))
}

/// The lines of a text, with their offsets.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |offset, line| {
        let start = *offset;
        *offset += line.len();
        Some((start, line.trim_end()))
    })
}

/// The line that a tab indents: the parser's place may be the end of the value before it.
fn with_tab(text: &str, at: Place) -> Place {
    let start = at.offset - line_at(text, at.offset).0.len();
    let mut lines = text.get(start..).unwrap_or_default().split_inclusive('\n');
    let mut offset = start;
    let found = lines.find_map(|line| {
        let indent = line.len() - line.trim_start().len();
        let begin = offset;
        offset += line.len();
        let tab = line.get(..indent)?.contains('\t') && !is_blank(line);
        tab.then_some(begin + indent)
    });
    match found {
        Some(at_text) if at_text > at.offset => place(text, at_text, at.length),
        _ => at,
    }
}

/// A mistake between brackets.
fn flow(text: &str, before: &str, after: &str, at: Place) -> Problem {
    let Some((offset, bracket)) = open_bracket(before) else {
        return Problem::new(&at, TextProblem::NoComma);
    };
    let open = place(text, offset, 1);
    let closes = if bracket == '{' { '}' } else { ']' };
    let found = after.chars().next().unwrap_or_default();
    let kind = if "}]".contains(found) || after.trim().is_empty() || !is_closed(text, offset) {
        let found = at;
        return Problem::new(
            &open,
            TextProblem::OpenBracket {
                bracket,
                closes,
                found,
            },
        );
    } else if found == ':' && open.line == at.line {
        TextProblem::Colon
    } else {
        TextProblem::NoComma
    };
    Problem::new(&at, kind)
}

/// Offset and kind of the innermost bracket that is open at the end of a text.
fn open_bracket(text: &str) -> Option<(usize, char)> {
    brackets(text).pop()
}

/// Whether the bracket at `offset` is closed somewhere.
fn is_closed(text: &str, offset: usize) -> bool {
    !brackets(text).iter().any(|(open, _)| *open == offset)
}

/// The brackets that are open at the end of a text. A quote or bracket counts only where a value may
/// begin: within a text without quotes it is a character like any other.
fn brackets(text: &str) -> Vec<(usize, char)> {
    let mut open: Vec<(usize, char)> = Vec::new();
    let mut quote: Option<char> = None;
    let (mut last, mut before, mut comment) = ('\n', '\n', false);
    for (offset, c) in text.char_indices() {
        match (c, quote) {
            ('\n', None) => comment = false,
            _ if comment => continue,
            ('"', Some('"')) if before != '\\' => quote = None,
            ('\'', Some('\'')) => quote = None,
            (_, Some(_)) => {}
            ('#', None) if before.is_whitespace() => comment = true,
            ('"' | '\'', None) if begins(last) => quote = Some(c),
            ('{' | '[', None) if begins(last) => open.push((offset, c)),
            ('}' | ']', None) => {
                open.pop();
            }
            _ => {}
        }
        before = c;
        if !c.is_whitespace() || (c == '\n' && open.is_empty()) {
            last = c;
        }
    }
    open
}

/// Whether a value may begin after this character, spaces left out.
fn begins(last: char) -> bool {
    "\n:,[{-?".contains(last)
}

/// Whether a line begins at another column than the lines around it.
fn is_indented_differently(text: &str, at: &Place, line: &str) -> bool {
    let indent = |l: &str| l.len() - l.trim_start().len();
    let start = at
        .offset
        .saturating_sub(at.column.saturating_sub(1) as usize);
    let earlier = lines_before(text, start).find(|(_, l)| !is_blank(l));
    earlier.is_some_and(|(_, earlier)| indent(earlier) != indent(line))
}

fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// Whether a line has a key, or is an item of a list.
fn has_key(line: &str) -> bool {
    let line = line.trim();
    line.contains(": ") || line.ends_with(':') || line.starts_with("- ") || line == "-"
}

/// The line that an offset is in: what is before the offset, and the whole line.
fn line_at(text: &str, offset: usize) -> (&str, &str) {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    (before.get(start..).unwrap_or_default(), line)
}

/// The lines before an offset, the last one first, with their offsets.
fn lines_before(text: &str, offset: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut end = offset;
    std::iter::from_fn(move || {
        let before = text.get(..end)?;
        let before = before.strip_suffix('\n')?;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        end = start;
        Some((start, before.get(start..)?))
    })
}

/// The place of an offset.
fn place(text: &str, offset: usize, length: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    Place {
        line: before.matches('\n').count() as u32 + 1,
        column: column as u32 + 1,
        offset,
        length,
        file: String::new(),
        key: String::new(),
    }
}
