//! The variables of a service's program.

use std::io::ErrorKind;

use hallway_spec::Value;
use hallway_spec::problem::ImportProblem;

use super::context::Context;
use crate::entries::Entries;
use crate::findings::{Findings, truth};
use crate::sources::join;
use crate::variable_file::{file, raw_file};

/// `env_file`, then `environment`. A variable without a value gets it from the environment of `up`.
pub(super) fn read(
    value: &Value,
    context: &Context<'_>,
    out: &mut Entries,
    findings: &mut Findings,
) {
    let known = context.variables;
    let mut variables = Entries::default();
    let files = value.get("env_file");
    for item in files.iter().flat_map(|f| f.items()) {
        // One without a path is reported with the keys of the file.
        let path = item.get("path").unwrap_or(item);
        let Some(text) = path.text() else {
            continue;
        };
        let directory = context.sources.directory(&path.place);
        let required = item.get("required").and_then(Value::text);
        let required = required.and_then(truth) != Some(false);
        let path_text = join(directory, text);
        match (context.surroundings.read)(&path_text) {
            Ok(text) => {
                let raw = item.get("format").and_then(Value::text) == Some("raw");
                let (all, faults) = match raw {
                    true => (raw_file(&text), Vec::new()),
                    false => file(&text, known),
                };
                for fault in faults {
                    findings.problem(&path.place, fault.problem(&path_text));
                }
                for (name, value) in all {
                    let value = value.or_else(|| known.get(&name));
                    let value = value.map(|v| Value::of_text(&path.place, v));
                    if let Some(value) = value {
                        variables.set(&name, &path.place, value);
                    }
                }
            }
            Err(error) if !required && error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let kind = ImportProblem::Unreadable {
                    path: path_text,
                    error: error.to_string(),
                    optional: required,
                };
                findings.problem(&path.place, kind);
            }
        }
    }
    let given = value.get("environment");
    for entry in given.iter().flat_map(|g| g.entries()) {
        let text = match entry.value.is_null() {
            true => known.get(&entry.key),
            false => entry.value.text().map(str::to_owned),
        };
        if let Some(text) = text {
            let value = Value::of_text(&entry.value.place, text);
            variables.set(&entry.key, &entry.place, value);
        }
    }
    let place = given.or(files).map(|v| v.place.clone());
    if let Some(place) = place.filter(|_| !variables.0.is_empty()) {
        out.set("environment", &place.clone(), variables.into_map(&place));
    }
}
