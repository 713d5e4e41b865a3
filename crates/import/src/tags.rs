//! Tags of values, like `!reset`.

use hallway_spec::problem::ImportProblem;
use hallway_spec::{Value, ValueKind, nearest};

use crate::findings::Findings;

/// Reports tags that Compose does not have: those that are similar to one of its own as a mistake.
pub(crate) fn check(value: &Value, findings: &mut Findings) {
    const KNOWN: [&str; 2] = ["!override", "!reset"];
    if let Some(tag) = value.tag.as_deref().filter(|tag| tag.starts_with('!'))
        && !KNOWN.contains(&tag)
    {
        match nearest(tag, KNOWN.into_iter()) {
            Some(nearest) => {
                let tag = tag.to_owned();
                let kind = ImportProblem::UnknownTag { tag, nearest };
                findings.problem(&value.place, kind);
            }
            None => findings.note(format!(
                "line {}: the tag {tag} has no effect; Compose has !override and !reset",
                value.place.line
            )),
        }
    }
    match &value.kind {
        ValueKind::Scalar { .. } => {}
        ValueKind::List(items) => items.iter().for_each(|item| check(item, findings)),
        ValueKind::Map(entries) => entries.iter().for_each(|e| check(&e.value, findings)),
    }
}
