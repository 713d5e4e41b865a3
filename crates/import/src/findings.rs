//! The findings of a translation: problems, omitted keys, and notes for users.

use std::collections::BTreeSet;

use hallway_spec::problem::{Found, ImportProblem, ProblemKind, ValueProblem};
use hallway_spec::{Place, Problem, Value, ValueKind, meant};

/// Everything that was found so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Findings {
    /// Where variables were replaced, by offset.
    pub(crate) replaced: BTreeSet<usize>,
    /// The problems.
    pub(crate) problems: Vec<Problem>,
    /// The omitted keys, each once.
    pub(crate) ignored: Vec<String>,
    /// Notes for users.
    pub(crate) notes: Vec<String>,
    /// What is omitted without a change of the meaning: it is a comment of `import` only.
    pub(crate) remarks: Vec<String>,
}

impl Findings {
    pub(crate) fn problem(&mut self, place: &Place, kind: impl Into<ProblemKind>) {
        self.problems.push(Problem {
            place: place.clone(),
            kind: kind.into(),
        });
    }

    pub(crate) fn not_supported(&mut self, place: &Place, what: String, instead: &'static str) {
        self.problem(place, ImportProblem::NotSupported { what, instead });
    }

    /// The value is not allowed there by the format.
    pub(crate) fn unexpected(&mut self, value: &Value, expected: &'static str) {
        let found = match &value.kind {
            _ if value.is_null() => Found::Nothing,
            ValueKind::Scalar { text, .. } => Found::Scalar(text.clone()),
            ValueKind::List(_) => Found::List,
            ValueKind::Map(_) => Found::Mapping,
        };
        let kind = ValueProblem::Unexpected {
            path: value.place.key.clone(),
            expected,
            found,
        };
        self.problem(&value.place, kind);
    }

    /// Reports the keys of a mapping that are unknown in its format.
    pub(crate) fn unknown_keys(&mut self, value: &Value, known: &'static [&'static str]) {
        if !value.is_map() && !value.is_null() {
            self.unexpected(value, "a mapping");
        }
        for entry in value.entries() {
            if known.contains(&entry.key.as_str()) || entry.key.starts_with("x-") {
                continue;
            }
            let kind = ValueProblem::UnknownKey {
                key: entry.key.clone(),
                path: value.place.key.clone(),
                nearest: meant(&entry.key, known.iter().copied()),
                known,
            };
            self.problem(&entry.place, kind);
        }
    }

    /// The same, and replaces a key that is probably misspelt by the one that is meant: nothing that it
    /// defines is reported as missing.
    pub(crate) fn mend_keys(&mut self, value: &mut Value, known: &'static [&'static str]) {
        self.unknown_keys(value, known);
        let ValueKind::Map(entries) = &mut value.kind else {
            return;
        };
        let mut there: Vec<String> = entries.iter().map(|e| e.key.clone()).collect();
        for entry in entries.iter_mut() {
            let is_known = known.contains(&entry.key.as_str()) || entry.key.starts_with("x-");
            let nearest = meant(&entry.key, known.iter().copied()).filter(|_| !is_known);
            if let Some(name) = nearest.filter(|name| there.iter().all(|key| key != name)) {
                entry.key = name.to_owned();
                there.push(name.to_owned());
            }
        }
    }

    pub(crate) fn ignore(&mut self, what: impl Into<String>) {
        let what = printable(&what.into());
        if !self.ignored.contains(&what) {
            self.ignored.push(what);
        }
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = printable(&note.into());
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(crate) fn remark(&mut self, remark: impl Into<String>) {
        let remark = printable(&remark.into());
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    /// A truth value.
    pub(crate) fn flag(&mut self, value: &Value) -> Option<bool> {
        let flag = value.text().and_then(truth);
        if flag.is_none() {
            self.unexpected(value, "true or false");
        }
        flag
    }

    /// A text.
    pub(crate) fn text<'v>(&mut self, value: &'v Value, expected: &'static str) -> Option<&'v str> {
        let text = value.text();
        if text.is_none() {
            self.unexpected(value, expected);
        }
        text
    }
}

/// A truth value, as Compose reads it.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" => Some(true),
        "false" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

/// On one line, without control characters: it contains texts of the file, and is printed.
fn printable(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}
