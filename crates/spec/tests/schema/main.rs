//! The JSON Schema and the parser agree: what the parser accepts validates, and every key of the
//! schema is read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failing helper is a failing test

mod samples;
mod validator;

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::problem::{ProblemKind, ValueProblem};
use hallway_spec::{parse, schema};
use proptest::prelude::*;
use serde_json::{Value, json};

use samples::Sample;

/// A YAML text as JSON, read by another parser.
fn read(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

/// The meaning of a file, without places.
fn meaning(file: &Value) -> Result<String, Vec<ProblemKind>> {
    match parse("file.yaml", &file.to_string()) {
        Ok(project) => Ok(hallway_testkit::projects::without_places(&project.topology)),
        Err(all) => Err(all.problems.into_iter().map(|p| p.kind).collect()),
    }
}

#[test]
fn every_example_validates() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
    let mut count = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            validator::errors(&schema(), &read(&text)),
            [""; 0],
            "{}",
            path.display()
        );
        count += 1;
    }
    assert!(count > 5);
}

proptest! {
    #[test]
    fn every_generated_project_validates(project in hallway_testkit::projects::project()) {
        if let Some(text) = project.file() {
            let errors = validator::errors(&schema(), &read(&text));
            prop_assert!(errors.is_empty(), "{errors:?}\n{text}");
        }
    }
}

/// The keys of each mapping of the schema, by the mapping's path; lists are not part of the path.
fn keys(root: &Value, schema: &Value, path: &str, out: &mut BTreeMap<String, BTreeSet<String>>) {
    let schema = validator::resolve(root, schema);
    let join = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let names = properties.keys().cloned().collect();
        let earlier = out.insert(path.to_owned(), names);
        assert!(
            earlier.is_none_or(|e| e == out[path]),
            "two mappings at {path}"
        );
        for (key, inner) in properties {
            keys(root, inner, &join(key), out);
        }
    } else if let Some(values) = schema.get("additionalProperties") {
        keys(root, values, &join("*"), out);
    }
    if let Some(items) = schema.get("items") {
        keys(root, items, path, out);
    }
    for alternative in schema
        .get("anyOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        keys(root, alternative, path, out);
    }
}

fn mappings() -> BTreeMap<String, BTreeSet<String>> {
    let schema = schema();
    let mut out = BTreeMap::new();
    keys(&schema, &schema, "", &mut out);
    out
}

fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('.').unwrap_or(("", key))
}

#[test]
fn there_is_a_sample_for_every_key_of_the_schema() {
    let of_schema: BTreeSet<(String, String)> = mappings()
        .into_iter()
        .flat_map(|(path, keys)| keys.into_iter().map(move |key| (path.clone(), key)))
        .collect();
    let of_samples: BTreeSet<(String, String)> = samples::all()
        .iter()
        .map(|s| (split(s.key).0.to_owned(), split(s.key).1.to_owned()))
        .collect();
    assert_eq!(of_schema, of_samples);
}

fn changed(sample: &Sample, key: &str, value: Value) -> Value {
    let mut file = samples::base();
    let mapping = file
        .pointer_mut(sample.mapping)
        .unwrap()
        .as_object_mut()
        .unwrap();
    for key in sample.without {
        mapping.remove(*key);
    }
    mapping.insert(key.to_owned(), value);
    file
}

#[test]
fn every_key_of_the_schema_is_read() {
    let base = samples::base();
    let schema = schema();
    let before = meaning(&base).unwrap();
    assert_eq!(validator::errors(&schema, &base), [""; 0]);
    for sample in samples::all() {
        let file = changed(&sample, split(sample.key).1, sample.value.clone());
        assert_eq!(validator::errors(&schema, &file), [""; 0], "{}", sample.key);
        let after = meaning(&file).unwrap_or_else(|p| panic!("{}: {p:?}", sample.key));
        let effect = !samples::WITHOUT_EFFECT.contains(&sample.key);
        assert_eq!(before != after, effect, "{}", sample.key);
    }
}

/// A value that is invalid for a key gives a problem about that value.
#[test]
fn every_key_of_the_schema_is_checked() {
    for sample in samples::all() {
        let (_, key) = split(sample.key);
        let file = changed(&sample, key, json!([{ "?": [[]] }])).to_string();
        let problems = parse("file.yaml", &file).expect_err(sample.key).problems;
        let at = |place: &str| place.split(['.', '[']).any(|part| part == key);
        assert!(
            problems.iter().any(|p| at(&p.place.key)),
            "{}: {problems:?}",
            sample.key
        );
    }
}

/// The parser and the schema refuse the same keys, and the parser reads those of the schema.
#[test]
fn every_other_key_is_refused() {
    let (schema, mappings) = (schema(), mappings());
    for sample in samples::all() {
        let file = changed(&sample, "unheard-of", json!(1));
        assert_ne!(validator::errors(&schema, &file), [""; 0], "{}", sample.key);
        let problems = meaning(&file).unwrap_err();
        let known = problems.iter().find_map(|p| match p {
            ProblemKind::Value(ValueProblem::UnknownKey { known, .. }) => Some(*known),
            _ => None,
        });
        let known: BTreeSet<String> = known.unwrap().iter().map(|k| (*k).to_owned()).collect();
        assert_eq!(known, mappings[split(sample.key).0], "{}", sample.key);
        let extension = changed(&sample, "x-unheard-of", json!({ "a": [1] }));
        assert_eq!(
            validator::errors(&schema, &extension),
            [""; 0],
            "{}",
            sample.key
        );
    }
}
