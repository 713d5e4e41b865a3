//! Reads values of a tree and collects every problem.

mod fields;

use std::str::FromStr;

use crate::problem::{Found, ProblemKind, ValueProblem};
use crate::tree::{Id, Kind, Tree};
use crate::{Place, Problem};

/// A value of the tree with its path.
#[derive(Debug, Clone)]
pub(crate) struct At {
    pub(crate) id: Id,
    pub(crate) path: String,
}

impl At {
    /// The value of a key of this mapping.
    pub(crate) fn key(&self, key: &str, id: Id) -> Self {
        Self {
            id,
            path: join(&self.path, key),
        }
    }
}

pub(crate) struct Reader<'t> {
    tree: &'t Tree,
    pub(crate) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(tree: &'t Tree) -> Self {
        Self {
            tree,
            problems: Vec::new(),
        }
    }

    /// Where the value at `at` is. A value that was translated from another file has the key path
    /// of that file.
    pub(crate) fn place(&self, at: &At) -> Place {
        located(&self.tree.get(at.id).place, &at.path)
    }

    /// Adds a problem with the value at `at`.
    pub(crate) fn report(&mut self, at: &At, kind: impl Into<ProblemKind>) {
        let place = self.place(at);
        let kind = match (kind.into(), self.variable(at)) {
            (ProblemKind::Value(_), Some(variable)) => ValueProblem::Variable(variable).into(),
            (kind, _) => kind,
        };
        self.report_at(&place, kind);
    }

    /// The first variable of a text, like `${PORT:-80}` or `{{ port }}`.
    fn variable(&self, at: &At) -> Option<String> {
        let Kind::Scalar { text, .. } = &self.tree.get(at.id).kind else {
            return None;
        };
        let found = |open: &str, close: &str| {
            let rest = text.get(text.find(open)?..)?;
            let end = rest.find(close)? + close.len();
            rest.get(..end).map(str::to_owned)
        };
        found("${", "}").or_else(|| found("{{", "}}"))
    }

    /// Adds a problem at a place.
    pub(crate) fn report_at(&mut self, place: &Place, kind: impl Into<ProblemKind>) {
        self.problems.push(Problem::new(place, kind));
    }

    /// Adds the problem that the value at `at` is not what is expected.
    pub(crate) fn unexpected(&mut self, at: &At, expected: &'static str) {
        let found = match &self.tree.get(at.id).kind {
            Kind::Scalar { .. } if self.is_null(at.id) => Found::Nothing,
            Kind::Scalar { text, .. } => Found::Scalar(text.clone()),
            Kind::List(_) => Found::List,
            Kind::Map(_) => Found::Mapping,
        };
        let path = self.place(at).key;
        self.report(
            at,
            ValueProblem::Unexpected {
                path,
                expected,
                found,
            },
        );
    }

    pub(crate) fn is_null(&self, id: Id) -> bool {
        matches!(&self.tree.get(id).kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(crate) fn is_map(&self, id: Id) -> bool {
        matches!(self.tree.get(id).kind, Kind::Map(_))
    }

    pub(crate) fn is_list(&self, id: Id) -> bool {
        matches!(self.tree.get(id).kind, Kind::List(_))
    }

    /// The items of a list; of a single value, that value.
    pub(crate) fn items(&self, at: &At) -> Vec<At> {
        match &self.tree.get(at.id).kind {
            Kind::List(items) => items
                .iter()
                .enumerate()
                .map(|(i, id)| At {
                    id: *id,
                    path: format!("{}[{i}]", at.path),
                })
                .collect(),
            _ if self.is_null(at.id) => Vec::new(),
            _ => vec![at.clone()],
        }
    }

    /// The text of a scalar.
    pub(crate) fn text(&mut self, at: &At, expected: &'static str) -> Option<String> {
        match &self.tree.get(at.id).kind {
            Kind::Scalar { text, .. } if !self.is_null(at.id) => Some(text.clone()),
            _ => {
                self.unexpected(at, expected);
                None
            }
        }
    }

    /// The text of a scalar; no value is the empty string.
    pub(crate) fn text_or_empty(&mut self, at: &At, expected: &'static str) -> Option<String> {
        if self.is_null(at.id) {
            Some(String::new())
        } else {
            self.text(at, expected)
        }
    }

    /// A scalar, parsed.
    pub(crate) fn value<T: FromStr>(&mut self, at: &At, expected: &'static str) -> Option<T> {
        let text = self.text(at, expected)?;
        if let Ok(value) = text.parse() {
            return Some(value);
        }
        self.unexpected(at, expected);
        None
    }

    /// A scalar whose parser explains problems.
    pub(crate) fn checked<T: FromStr>(&mut self, at: &At, expected: &'static str) -> Option<T>
    where
        ValueProblem: From<T::Err>,
    {
        let text = self.text(at, expected)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.report(at, ValueProblem::from(error));
                None
            }
        }
    }

    pub(crate) fn boolean(&mut self, at: &At) -> Option<bool> {
        let value = truth(&self.text(at, "true or false")?);
        if value.is_none() {
            self.unexpected(at, "true or false");
        }
        value
    }
}

/// The truth value that a text stands for.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "yes" | "on" => Some(true),
        "false" | "False" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A place with its key path, if it has none yet.
fn located(place: &Place, path: &str) -> Place {
    let mut place = place.clone();
    if place.key.is_empty() {
        path.clone_into(&mut place.key);
    }
    place
}

/// A path with one more key.
fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}
