//! The entries of mappings: merged, without duplicates, with known keys only.

use std::collections::BTreeMap;

use super::{At, Reader, located};
use crate::Place;
use crate::problem::ValueProblem;
use crate::similar::meant;
use crate::tree::{Id, Kind};

/// More mappings than this are not merged into one.
const MERGES_MAX: usize = 64;

/// A key of a mapping with its value.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) key_place: Place,
    pub(crate) value: Id,
}

/// The entries of one mapping.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(pub(crate) Vec<Field>);

impl Fields {
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|f| f.name == name)
    }

    /// The value of a key of the mapping `at`, if it is there.
    pub(crate) fn at(&self, name: &str, at: &At) -> Option<At> {
        let field = self.0.iter().find(|f| f.name == name)?;
        Some(at.key(name, field.value))
    }
}

impl Reader<'_> {
    /// The entries of a mapping, `<<` merged in. With `known`, other keys are problems, except
    /// those that begin with `x-`.
    pub(crate) fn fields(
        &mut self,
        at: &At,
        known: Option<&'static [&'static str]>,
        expected: &'static str,
    ) -> Fields {
        let mut out = Fields::default();
        if self.is_null(at.id) {
            return out;
        }
        if !self.is_map(at.id) {
            self.unexpected(at, expected);
            return out;
        }
        let mut merged = Vec::new();
        self.collect(at, &mut out, &mut merged);
        let mut depth = 0;
        while let Some(source) = merged.pop() {
            depth += 1;
            if depth > MERGES_MAX {
                break;
            }
            let mut more = Fields::default();
            self.collect(&source, &mut more, &mut merged);
            for field in more.0 {
                if !out.has(&field.name) {
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
            self.unexpected(at, "a mapping to merge");
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
                self.unexpected(&at, "a name");
                continue;
            };
            let here = at.key(text, *value);
            if *plain && text == "<<" {
                let mut sources = self.items(&here);
                sources.reverse();
                merged.extend(sources);
                continue;
            }
            let key_place = located(&tree.get(*key).place, &here.path);
            if let Some(first) = there.get(text).and_then(|position| out.0.get(*position)) {
                let first = first.key_place.clone();
                let key = text.clone();
                self.report_at(&key_place, ValueProblem::DuplicateKey { key, first });
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

    fn refuse_unknown(&mut self, at: &At, out: &mut Fields, known: &'static [&'static str]) {
        let (keep, odd): (Vec<Field>, Vec<Field>) = out
            .0
            .drain(..)
            .partition(|f| known.contains(&f.name.as_str()) || f.name.starts_with("x-"));
        out.0 = keep;
        for field in odd {
            let nearest = meant(&field.name, known.iter().copied());
            // Read as the key that is probably intended: problems inside are found, and nothing
            // defined there is reported as missing.
            if let Some(name) = nearest.filter(|n| !out.has(n) && self.fits(n, field.value)) {
                out.0.push(Field {
                    name: name.to_owned(),
                    ..field.clone()
                });
            }
            let problem = ValueProblem::UnknownKey {
                nearest,
                key: field.name,
                path: self.place(at).key,
                known,
            };
            self.report_at(&field.key_place, problem);
        }
    }

    /// Whether a value is possible for that key: lists belong to keys in the plural.
    fn fits(&self, key: &str, value: Id) -> bool {
        !self.is_list(value) || key.ends_with('s')
    }
}
