//! Reading values off a tree while collecting every problem.

use std::collections::BTreeMap;

use std::str::FromStr;

use crate::tree::{Id, Kind, Tree};
use crate::{Code, Place, Problem};

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) key_place: Place,
    pub(super) value: Id,
}

/// The entries of one mapping.
#[derive(Debug, Clone, Default)]
pub(super) struct Fields(pub(super) Vec<Field>);

impl Fields {
    pub(super) fn get(&self, name: &str) -> Option<Id> {
        self.0.iter().find(|f| f.name == name).map(|f| f.value)
    }
}

/// A place in the tree with the path that leads there.
#[derive(Debug, Clone)]
pub(super) struct At {
    pub(super) id: Id,
    pub(super) path: String,
}

pub(super) struct Reader<'t> {
    tree: &'t Tree,
    pub(super) problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(tree: &'t Tree) -> Self {
        Self {
            tree,
            problems: Vec::new(),
        }
    }

    pub(super) fn place(&self, at: &At) -> Place {
        Place {
            key: at.path.clone(),
            ..self.tree.get(at.id).place.clone()
        }
    }

    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn wrong(&mut self, at: &At, expected: &str) {
        let found = match &self.tree.get(at.id).kind {
            Kind::Scalar { .. } if self.is_null(at.id) => "nothing".to_owned(),
            Kind::Scalar { text, .. } => format!("{text:?}"),
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a mapping".into(),
        };
        let place = self.place(at);
        let problem = Problem::new(
            Code::BadValue,
            &place,
            format!("{} should be {expected}, but is {found}", at.path),
        );
        self.report(problem.label(format!("expected {expected}")));
    }

    pub(super) fn is_null(&self, id: Id) -> bool {
        matches!(&self.tree.get(id).kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    pub(super) fn is_map(&self, id: Id) -> bool {
        matches!(self.tree.get(id).kind, Kind::Map(_))
    }

    pub(super) fn is_list(&self, id: Id) -> bool {
        matches!(self.tree.get(id).kind, Kind::List(_))
    }

    /// The items of a list; of a single value, that value.
    pub(super) fn items(&self, at: &At) -> Vec<At> {
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
    pub(super) fn text(&mut self, at: &At, expected: &str) -> Option<String> {
        match &self.tree.get(at.id).kind {
            Kind::Scalar { text, .. } if !self.is_null(at.id) => Some(text.clone()),
            _ => {
                self.wrong(at, expected);
                None
            }
        }
    }

    /// The text of a scalar, where nothing means the empty string.
    pub(super) fn text_or_empty(&mut self, at: &At, expected: &str) -> Option<String> {
        if self.is_null(at.id) {
            Some(String::new())
        } else {
            self.text(at, expected)
        }
    }

    /// A scalar that parses.
    pub(super) fn value<T: FromStr>(&mut self, at: &At, expected: &str) -> Option<T> {
        let text = self.text(at, expected)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.wrong(at, expected);
        }
        value
    }

    /// A scalar whose parser says itself what is wrong.
    pub(super) fn checked<T: FromStr<Err: std::fmt::Display>>(
        &mut self,
        at: &At,
        expected: &str,
        code: Code,
    ) -> Option<T> {
        let text = self.text(at, expected)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                let place = self.place(at);
                self.report(Problem::new(code, &place, error.to_string()));
                None
            }
        }
    }

    pub(super) fn boolean(&mut self, at: &At) -> Option<bool> {
        match self.text(at, "true or false")?.as_str() {
            "true" | "True" | "yes" | "on" => Some(true),
            "false" | "False" | "no" | "off" => Some(false),
            _ => {
                self.wrong(at, "true or false");
                None
            }
        }
    }

    /// The entries of a mapping, `<<` merged in. With `known`, other keys are problems, except
    /// those that begin with `x-`.
    pub(super) fn fields(&mut self, at: &At, known: Option<&[&str]>, expected: &str) -> Fields {
        let mut out = Fields::default();
        if self.is_null(at.id) {
            return out;
        }
        if !self.is_map(at.id) {
            self.wrong(at, expected);
            return out;
        }
        let mut merged = Vec::new();
        self.collect(at, &mut out, &mut merged);
        let mut depth = 0;
        while let Some(source) = merged.pop() {
            depth += 1;
            if depth > 64 {
                break;
            }
            let mut more = Fields::default();
            self.collect(&source, &mut more, &mut merged);
            for field in more.0 {
                if out.get(&field.name).is_none() {
                    out.0.push(field);
                }
            }
        }
        if let Some(known) = known {
            self.refuse_unknown(at, &mut out, known);
        }
        out
    }

    fn collect(&mut self, at: &At, out: &mut Fields, merged: &mut Vec<At>) {
        let tree = self.tree;
        let Kind::Map(pairs) = &tree.get(at.id).kind else {
            self.wrong(at, "a mapping to merge");
            return;
        };
        let mut there: BTreeMap<String, usize> = (out.0.iter().enumerate())
            .map(|(position, field)| (field.name.clone(), position))
            .collect();
        for (key, value) in pairs {
            let Kind::Scalar { text, plain } = &tree.get(*key).kind else {
                let at = At {
                    id: *key,
                    path: format!("a key of {}", at.path),
                };
                self.wrong(&at, "a name");
                continue;
            };
            let here = At {
                id: *value,
                path: join(&at.path, text),
            };
            if *plain && text == "<<" {
                let mut sources = self.items(&here);
                sources.reverse();
                merged.extend(sources);
                continue;
            }
            let key_place = Place {
                key: here.path.clone(),
                ..tree.get(*key).place.clone()
            };
            if let Some(first) = there.get(text).and_then(|position| out.0.get(*position)) {
                let problem = Problem::new(
                    Code::DuplicateKey,
                    &key_place,
                    format!("{text} is there twice"),
                )
                .other(&first.key_place, "first here");
                self.report(problem);
                continue;
            }
            there.insert(text.clone(), out.0.len());
            out.0.push(Field {
                name: text.clone(),
                key_place,
                value: *value,
            });
        }
    }

    fn refuse_unknown(&mut self, at: &At, out: &mut Fields, known: &[&str]) {
        let (keep, odd): (Vec<Field>, Vec<Field>) = out
            .0
            .drain(..)
            .partition(|f| known.contains(&f.name.as_str()) || f.name.starts_with("x-"));
        out.0 = keep;
        for field in odd {
            let whose = if at.path.is_empty() {
                "a file".to_owned()
            } else {
                at.path.clone()
            };
            let mut problem = Problem::new(
                Code::UnknownKey,
                &field.key_place,
                format!("{} is no key of {whose}", field.name),
            )
            .label("unknown key");
            problem = problem.help(match nearest(&field.name, known.iter().copied()) {
                Some(near) => format!("did you mean {near}? Known are {}", known.join(", ")),
                None => format!("known are {}", known.join(", ")),
            });
            self.report(problem);
        }
    }
}

/// A path with one more key.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The most similar of `names`, if any is similar at all.
pub(crate) fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|n| (strsim::damerau_levenshtein(name, n), n))
        .filter(|(distance, n)| *distance <= 1 + n.len().min(name.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, n)| n)
}
