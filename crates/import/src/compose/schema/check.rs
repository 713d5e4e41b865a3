//! The comparison of a value with its kind.

use hallway_spec::problem::{Found, Required, ValueProblem};
use hallway_spec::{Entry, Place, Value, ValueKind, meant};

use super::shape::{Keys, Map, Scalar, Shape, is_flag};
use crate::findings::Findings;

/// Reports what in a value is not of its kind: unknown keys, missing ones and values that Compose refuses. A
/// key that is probably misspelt is replaced by the one that is meant, so that nothing that it defines is
/// reported as missing.
pub(crate) fn check(value: &mut Value, shape: &'static Shape, findings: &mut Findings) {
    if value.is_null() {
        return;
    }
    if !fits(value, shape, findings) {
        return refuse(value, shape, findings);
    }
    let place = value.place.clone();
    match &mut value.kind {
        ValueKind::Scalar { .. } => {}
        ValueKind::List(items) => {
            let items = items.iter_mut().zip(shape.list.into_iter().cycle());
            items.for_each(|(item, shape)| check(item, shape, findings));
        }
        ValueKind::Map(entries) => match &shape.map {
            Some(Map::Names(each)) => names(entries, each, findings),
            Some(Map::Keys(known)) => keys(entries, &place, known, findings),
            Some(Map::Open(known)) => {
                for entry in entries {
                    if let Some(shape) = known.shape(&entry.key) {
                        check(&mut entry.value, shape, findings);
                    }
                }
            }
            None => {}
        },
    }
}

/// Whether a value is a scalar, list or mapping as it should be.
fn fits(value: &Value, shape: &Shape, findings: &Findings) -> bool {
    match &value.kind {
        ValueKind::Scalar { text, plain } => {
            // The value of a variable is a text, which Compose converts.
            let typed = *plain && !findings.replaced.contains(&value.place.offset);
            shape.scalar.is_some_and(|kind| kind.fits(text, typed))
        }
        ValueKind::List(_) => shape.list.is_some(),
        ValueKind::Map(_) => shape.map.is_some(),
    }
}

fn refuse(value: &Value, shape: &Shape, findings: &mut Findings) {
    let text = value.text().filter(|_| shape.scalar == Some(Scalar::Text));
    let Some(text) = text.map(str::to_owned) else {
        return findings.unexpected(value, shape.expected);
    };
    let kind = ValueProblem::Unexpected {
        path: value.place.key.clone(),
        expected: shape.expected,
        found: match is_flag(&text) {
            true => Found::Truth(text),
            false => Found::Number(text),
        },
    };
    findings.problem(&value.place, kind);
}

fn names(entries: &mut [Entry], each: &'static Shape, findings: &mut Findings) {
    for entry in entries.iter_mut().filter(|e| !e.key.starts_with("x-")) {
        check(&mut entry.value, each, findings);
        // A name of a list has no value, at the place of the name.
        let listed = entry.value.place.offset == entry.place.offset;
        if let Some(Map::Keys(known)) = &each.map
            && entry.value.is_null()
            && !listed
        {
            missing(&[], &entry.place, known, findings);
        }
    }
}

fn keys(entries: &mut [Entry], place: &Place, known: &'static Keys, findings: &mut Findings) {
    let mut there: Vec<String> = entries.iter().map(|e| e.key.clone()).collect();
    let mut odd = false;
    for entry in entries.iter_mut().filter(|e| !e.key.starts_with("x-")) {
        if let Some(shape) = known.shape(&entry.key) {
            check(&mut entry.value, shape, findings);
            continue;
        }
        odd = true;
        let nearest = meant(&entry.key, known.names.iter().copied());
        let kind = ValueProblem::UnknownKey {
            key: entry.key.clone(),
            path: place.key.clone(),
            nearest,
            known: known.names,
        };
        findings.problem(&entry.place, kind);
        let nearest = nearest.filter(|name| there.iter().all(|key| key != name));
        let shape = nearest.and_then(|name| known.shape(name));
        if let (Some(name), Some(shape)) = (nearest, shape)
            && fits(&entry.value, shape, findings)
        {
            check(&mut entry.value, shape, findings);
            entry.key = name.to_owned();
            there.push(name.to_owned());
        }
    }
    if !odd {
        missing(&there, place, known, findings);
    }
}

/// Reports that a key is not there.
fn missing(there: &[String], place: &Place, known: &Keys, findings: &mut Findings) {
    let required: Option<&(&str, Required)> = known.required.as_ref();
    if let Some((key, missing)) = required
        && there.iter().all(|name| name != key)
    {
        findings.problem(place, ValueProblem::Missing(missing.clone()));
    }
}
