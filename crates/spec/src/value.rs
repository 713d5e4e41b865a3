//! A YAML text as owned values, for programs that translate files of other formats. Each value has
//! the place in the original, so that problems of the translation are reported there.

use crate::problem::TextProblem;
use crate::reader::{At, Reader};
use crate::tree::{Id, Kind, Tree, start};
use crate::{Place, Problem};

/// Texts with more values, counting aliases written out, are not read.
const VALUES_MAX: usize = 1_000_000;

/// A value of a YAML text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Value {
    /// Its place in a text; line 0 if it has none.
    pub place: Place,
    /// The tag with its `!`, like `!reset`.
    pub tag: Option<String>,
    /// Its content.
    pub kind: ValueKind,
}

/// The content of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValueKind {
    /// A text, a number, a truth value or nothing.
    Scalar {
        /// Its text.
        text: String,
        /// Whether it is written without quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Value>),
    /// A mapping in the order of the text, merges (`<<`) done.
    Map(Vec<Entry>),
}

impl Default for ValueKind {
    /// Nothing.
    fn default() -> Self {
        Self::Scalar {
            text: String::new(),
            plain: true,
        }
    }
}

/// A key of a mapping with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub place: Place,
    /// The value.
    pub value: Value,
}

impl Value {
    /// Reads a text of one document.
    ///
    /// # Errors
    /// All its problems as YAML.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let tree = Tree::read(body).map_err(|problem| vec![problem])?;
        Self::of_tree(&tree, &mut { VALUES_MAX })
    }

    /// Reads a text of one or more documents; empty ones are left out.
    ///
    /// # Errors
    /// All its problems as YAML.
    pub fn documents(text: &str) -> Result<Vec<Self>, Vec<Problem>> {
        let body = text.strip_prefix('\u{feff}').unwrap_or(text);
        let trees = Tree::documents(body).map_err(|problem| vec![problem])?;
        if trees.is_empty() {
            return Err(vec![Problem::new(&start(), TextProblem::Empty)]);
        }
        let mut budget = VALUES_MAX;
        let values = trees.iter().map(|tree| Self::of_tree(tree, &mut budget));
        values.collect()
    }

    fn of_tree(tree: &Tree, budget: &mut usize) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(tree);
        let root = At {
            id: tree.root,
            path: String::new(),
        };
        let Some(value) = read(&mut reader, tree, &root, budget) else {
            return Err(vec![Problem::new(
                &start(),
                TextProblem::TooManyValues(VALUES_MAX),
            )]);
        };
        match reader.problems.is_empty() {
            true => Ok(value),
            false => Err(reader.problems),
        }
    }

    /// A text, written in quotes if it could be read as another type.
    #[must_use]
    pub fn of_text(place: &Place, text: impl Into<String>) -> Self {
        Self {
            place: place.clone(),
            tag: None,
            kind: ValueKind::Scalar {
                text: text.into(),
                plain: false,
            },
        }
    }

    /// A number or a truth value.
    #[must_use]
    pub fn of_plain(place: &Place, text: impl ToString) -> Self {
        Self {
            place: place.clone(),
            tag: None,
            kind: ValueKind::Scalar {
                text: text.to_string(),
                plain: true,
            },
        }
    }

    /// A list.
    #[must_use]
    pub fn of_list(place: &Place, items: Vec<Self>) -> Self {
        Self {
            place: place.clone(),
            tag: None,
            kind: ValueKind::List(items),
        }
    }

    /// A mapping.
    #[must_use]
    pub fn of_map(place: &Place, entries: Vec<Entry>) -> Self {
        Self {
            place: place.clone(),
            tag: None,
            kind: ValueKind::Map(entries),
        }
    }

    /// The text of a scalar; `None` when it is null, a list or a mapping.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            ValueKind::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping; none for other values.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            ValueKind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value of a key of a mapping, unless it is null.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let mut entries = self.entries().iter();
        entries
            .find(|e| e.key == key && !e.value.is_null())
            .map(|e| &e.value)
    }

    /// The items of a list; of a single value, that value.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            ValueKind::List(items) => items,
            _ if self.is_null() => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// Whether it is a mapping.
    #[must_use]
    pub fn is_map(&self) -> bool {
        matches!(self.kind, ValueKind::Map(_))
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.kind, ValueKind::List(_))
    }

    /// Whether it is missing or `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, ValueKind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

/// The value at `at`; `None` when there are too many.
fn read(r: &mut Reader<'_>, tree: &Tree, at: &At, budget: &mut usize) -> Option<Value> {
    *budget = budget.checked_sub(1)?;
    let kind = match &tree.get(at.id).kind {
        Kind::Scalar { text, plain } => ValueKind::Scalar {
            text: text.clone(),
            plain: *plain,
        },
        Kind::List(_) => {
            let items = r.items(at);
            let values = items.iter().map(|item| read(r, tree, item, budget));
            ValueKind::List(values.collect::<Option<_>>()?)
        }
        Kind::Map(_) => {
            let mut entries = Vec::new();
            for field in r.fields(at, None, "a mapping").0 {
                let here = at.key(&field.name, field.value);
                entries.push(Entry {
                    key: field.name,
                    place: field.key_place,
                    value: read(r, tree, &here, budget)?,
                });
            }
            ValueKind::Map(entries)
        }
    };
    Some(Value {
        place: r.place(at),
        tag: tree.get(at.id).tag.clone(),
        kind,
    })
}

/// The same as a tree.
pub(crate) fn tree(value: &Value) -> Tree {
    let mut values = Vec::new();
    let root = add(&mut values, value);
    Tree::of(values, root)
}

fn add(values: &mut Vec<crate::tree::TreeValue>, value: &Value) -> Id {
    let kind = match &value.kind {
        ValueKind::Scalar { text, plain } => Kind::Scalar {
            text: text.clone(),
            plain: *plain,
        },
        ValueKind::List(items) => Kind::List(items.iter().map(|item| add(values, item)).collect()),
        ValueKind::Map(entries) => {
            let mut pairs = Vec::new();
            for entry in entries {
                let key = Kind::Scalar {
                    text: entry.key.clone(),
                    plain: false,
                };
                let key = push(values, key, &entry.place);
                pairs.push((key, add(values, &entry.value)));
            }
            Kind::Map(pairs)
        }
    };
    push(values, kind, &value.place)
}

fn push(values: &mut Vec<crate::tree::TreeValue>, kind: Kind, place: &Place) -> Id {
    values.push(crate::tree::TreeValue {
        kind,
        place: place.clone(),
        tag: None,
    });
    Id::of(values.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merges_tags_and_places_are_kept() {
        let text = "a: &a { x: 1 }\nb: { <<: *a, y: !reset null }\n";
        let value = Value::read(text).unwrap();
        let ValueKind::Map(entries) = &value.kind else {
            panic!("{value:?}");
        };
        let ValueKind::Map(b) = &entries[1].value.kind else {
            panic!("{value:?}");
        };
        let keys: Vec<&str> = b.iter().map(|e| e.key.as_str()).collect();
        assert_eq!(keys, ["y", "x"]);
        assert_eq!(b[0].value.tag.as_deref(), Some("!reset"));
        assert_eq!((b[1].place.line, b[1].place.key.as_str()), (1, "b.<<.x"));
    }

    #[test]
    fn nested_aliases_do_not_take_all_memory() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let before = format!("*a{},", i - 1).repeat(9);
            text.push_str(&format!("a{i}: &a{i} [{before}]\n"));
        }
        assert!(Value::read(&text).is_err());
    }
}
