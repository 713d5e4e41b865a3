//! Files of variables: `.env` and those of `env_file`.

use hallway_spec::problem::ImportProblem;

use crate::variables::{Variables, interpolate};

/// A line of a file of variables that cannot be read.
pub(crate) struct Fault {
    line: usize,
    why: String,
    instead: &'static str,
}

impl Fault {
    pub(crate) fn problem(self, path: &str) -> ImportProblem {
        let Self { line, why, instead } = self;
        ImportProblem::VariableLine {
            path: path.to_owned(),
            line,
            why,
            instead,
        }
    }
}

/// Variables with their values.
pub(crate) type Pairs = Vec<(String, Option<String>)>;

/// A file of variables: `NAME=value` lines, comments, quotes; and the lines that cannot be read.
pub(crate) fn file(text: &str, known: &Variables<'_>) -> (Pairs, Vec<Fault>) {
    let (mut out, mut faults) = (Pairs::new(), Vec::new());
    let mut rest = text;
    while !rest.is_empty() {
        let number = 1 + text.matches('\n').count() - rest.matches('\n').count();
        let mut fault = |why: String, instead| {
            faults.push(Fault {
                line: number,
                why,
                instead,
            });
        };
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        rest = after;
        let line = line.trim();
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // As Compose does, also after a colon.
        let (name, value) = match line.split_once(['=', ':']) {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None => (uncommented(line), None),
        };
        if name.contains(char::is_whitespace) || name.is_empty() {
            let why = format!("{name:?} is not the name of a variable");
            fault(why, "write NAME=value, or NAME alone");
            continue;
        }
        let Some(value) = value else {
            out.push((name.to_owned(), None));
            continue;
        };
        let open = rest;
        let (value, expand) = match value.chars().next() {
            Some(quote @ ('\'' | '"')) => match quoted(value, quote, &mut rest) {
                Some(text) if quote == '"' => (escapes(&text), true),
                Some(text) => (text, false),
                None => {
                    rest = open;
                    let why = format!("the quote of {name} is not closed");
                    fault(why, "close it");
                    continue;
                }
            },
            _ => (uncommented(value).to_owned(), true),
        };
        let value = match expand {
            true => expanded(&value, known, &out),
            false => value,
        };
        out.push((name.to_owned(), Some(value)));
    }
    (out, faults)
}

/// A file of variables whose values are taken as they are: without quotes, comments after them and
/// variables in them.
pub(crate) fn raw_file(text: &str) -> Pairs {
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let variable = |line: &str| match line.split_once('=') {
        Some((name, value)) => (name.trim().to_owned(), Some(value.to_owned())),
        None => (line.trim().to_owned(), None),
    };
    lines.map(variable).collect()
}

/// The text between quotes, which may continue on the next lines; `None` if the quote is not closed.
fn quoted(value: &str, quote: char, rest: &mut &str) -> Option<String> {
    let mut text = value.get(1..).unwrap_or_default().to_owned();
    loop {
        if let Some(end) = closing(&text, quote) {
            text.truncate(end);
            return Some(text);
        }
        if rest.is_empty() {
            return None;
        }
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        *rest = after;
        text.push('\n');
        text.push_str(line);
    }
}

/// The end of the quote; a backslash escapes a double quote.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut hidden = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if hidden => hidden = false,
            '\\' if quote == '"' => hidden = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn escapes(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => match characters.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            other => out.push(other),
        }
    }
    out
}

/// Without a comment at its end.
fn uncommented(value: &str) -> &str {
    let end = value.find(" #").unwrap_or(value.len());
    value.get(..end).unwrap_or(value).trim_end()
}

/// With variables replaced; what cannot be read is not changed.
fn expanded(text: &str, known: &Variables<'_>, before: &[(String, Option<String>)]) -> String {
    let get = |name: &str| {
        let own = before.iter().rev().find(|(n, _)| n == name);
        known
            .get(name)
            .or_else(|| own.and_then(|(_, value)| value.clone()))
    };
    interpolate(text, &get, &mut |_| {}).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_values_as_they_are() {
        let read = raw_file("# note\nA='a b' # c\n  B=${A}\nC\nD=\n").into_iter();
        let read: Vec<String> = read.map(|(n, v)| format!("{n} {v:?}")).collect();
        let expected = [
            "A Some(\"'a b' # c\")",
            "B Some(\"${A}\")",
            "C None",
            "D Some(\"\")",
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn lines_that_are_no_variables() {
        let none = Variables::of(&|_| None);
        let (read, faults) = file("A=1\nFOO BAR\nB: 2\n=x\nC='open\nD=3\n", &none);
        let names: Vec<&str> = read.iter().map(|(n, _)| n.as_str()).collect();
        assert_eq!(names, ["A", "B", "D"]);
        let lines: Vec<usize> = faults.iter().map(|f| f.line).collect();
        assert_eq!(lines, [2, 4, 5]);
    }

    #[test]
    fn a_file_of_variables() {
        let text =
            "# note\nA=1\nexport B='$A x'\nC=\"$A\\n2\" \nD=x # y\nE\nF=\nG=\"a\nb\"\n\nH=${A}0\n";
        let none = Variables::of(&|_| None);
        let (read, faults) = file(text, &none);
        assert!(faults.is_empty());
        let read: Vec<(&str, Option<&str>)> = read
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_deref()))
            .collect();
        assert_eq!(
            read,
            [
                ("A", Some("1")),
                ("B", Some("$A x")),
                ("C", Some("1\n2")),
                ("D", Some("x")),
                ("E", None),
                ("F", Some("")),
                ("G", Some("a\nb")),
                ("H", Some("10")),
            ]
        );
    }
}
