//! Text → [`Document`], for editing.

use serde_json::Value;

use super::Document;
use crate::reader::{At, Reader, truth};
use crate::tree::{Id, Kind, Tree};

/// Texts with more values, counting aliases written out, are not read.
const VALUES_MAX: usize = 4_000_000;

impl Document {
    /// The document of a text; `None` when the text does not parse.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        document(text)
    }
}

/// The document of a text, for editing; the text must have parsed.
fn document(text: &str) -> Option<Document> {
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = Tree::read(body).ok()?;
    let mut budget = VALUES_MAX;
    let mut value = json(&tree, tree.root, &mut budget)?;
    if let Some(sections) = value.as_object_mut() {
        sections.retain(|_, section| !section.is_null()); // `nodes:` and nothing after it
    }
    serde_json::from_value(value).ok()
}

/// A value as JSON, with merges done and plain scalars typed by YAML's core schema.
fn json(tree: &Tree, id: Id, budget: &mut usize) -> Option<serde_json::Value> {
    *budget = budget.checked_sub(1)?;
    Some(match &tree.get(id).kind {
        Kind::Scalar { text, plain: true } => match text.as_str() {
            "" | "~" | "null" => Value::Null,
            plain => {
                let number = || {
                    let number = plain.parse::<i64>().ok();
                    number.filter(|n| n.to_string() == *plain)
                };
                match truth(plain) {
                    Some(flag) => Value::Bool(flag),
                    None => number().map_or_else(|| Value::String(text.clone()), Value::from),
                }
            }
        },
        Kind::Scalar { text, .. } => Value::String(text.clone()),
        Kind::List(items) => Value::Array(
            items
                .iter()
                .map(|i| json(tree, *i, budget))
                .collect::<Option<_>>()?,
        ),
        Kind::Map(_) => {
            let mut reader = Reader::new(tree);
            let fields = reader.fields(
                &At {
                    id,
                    path: String::new(),
                },
                None,
                "",
            );
            let mut out = serde_json::Map::new();
            for field in fields.0 {
                if !field.name.starts_with("x-") {
                    out.insert(field.name, json(tree, field.value, budget)?);
                }
            }
            Value::Object(out)
        }
    })
}
