//! Variables, and their use in texts.

use std::collections::BTreeMap;

use hallway_spec::problem::ImportProblem;
use hallway_spec::{Value, ValueKind};

use crate::findings::Findings;

/// The sources of variables.
pub(crate) struct Variables<'a> {
    /// The environment, which takes precedence.
    pub(crate) environment: &'a dyn Fn(&str) -> Option<String>,
    /// Those of files.
    pub(crate) file: BTreeMap<String, String>,
    /// The project's name, once it is known: it is a variable in files and programs.
    pub(crate) project: Option<String>,
}

/// The variable that has the project's name.
pub(crate) const PROJECT_NAME: &str = "COMPOSE_PROJECT_NAME";

impl<'a> Variables<'a> {
    /// Those of the environment alone.
    pub(crate) fn of(environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            environment,
            file: BTreeMap::new(),
            project: None,
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let project = self.project.as_ref().filter(|_| name == PROJECT_NAME);
        let own = || self.file.get(name).cloned();
        (project.cloned()).or_else(|| (self.environment)(name).or_else(own))
    }
}

/// Replaces variables in every scalar of a value.
pub(crate) fn replace(value: &mut Value, variables: &Variables<'_>, findings: &mut Findings) {
    match &mut value.kind {
        ValueKind::List(items) => {
            for item in items {
                replace(item, variables, findings);
            }
        }
        ValueKind::Map(entries) => {
            for entry in entries {
                replace(&mut entry.value, variables, findings);
            }
        }
        ValueKind::Scalar { text, plain } => {
            if !text.contains('$') {
                return;
            }
            let mut unset = |name: &str| {
                findings.note(format!(
                    "variable {name} is not set; an empty value is used"
                ));
            };
            match interpolate(text, &|name| variables.get(name), &mut unset) {
                Ok(new) => {
                    *plain &= !new.is_empty();
                    *text = new;
                    findings.replaced.insert(value.place.offset);
                }
                Err(problem) => findings.problem(&value.place, problem),
            }
        }
    }
}

/// The limit of nested defaults.
const DEPTH_MAX: usize = 16;

/// A text with its variables replaced.
pub(crate) fn interpolate(
    text: &str,
    get: &dyn Fn(&str) -> Option<String>,
    unset: &mut dyn FnMut(&str),
) -> Result<String, ImportProblem> {
    nested(text, get, unset, 0)
}

fn nested(
    text: &str,
    get: &dyn Fn(&str) -> Option<String>,
    unset: &mut dyn FnMut(&str),
    depth: usize,
) -> Result<String, ImportProblem> {
    let bad = || ImportProblem::Interpolation(text.to_owned());
    if depth > DEPTH_MAX {
        return Err(bad());
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        if let Some(inner) = after.strip_prefix('{') {
            let end = closing_brace(inner).ok_or_else(bad)?;
            let (expression, after) = inner.split_at(end);
            out.push_str(
                &braced(expression, get, unset, depth).map_err(|e| e.unwrap_or_else(bad))?,
            );
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        let (name, after) = name_of(after);
        if name.is_empty() {
            return Err(bad());
        }
        out.push_str(&value_of(name, get, unset));
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value_of(
    name: &str,
    get: &dyn Fn(&str) -> Option<String>,
    unset: &mut dyn FnMut(&str),
) -> String {
    get(name).unwrap_or_else(|| {
        unset(name);
        String::new()
    })
}

/// The value of an expression in braces; `None` as error if it cannot be read.
fn braced(
    expression: &str,
    get: &dyn Fn(&str) -> Option<String>,
    unset: &mut dyn FnMut(&str),
    depth: usize,
) -> Result<String, Option<ImportProblem>> {
    let (name, operation) = name_of(expression);
    if name.is_empty() {
        return Err(None);
    }
    if operation.is_empty() {
        return Ok(value_of(name, get, unset));
    }
    let (colon, operation) = match operation.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, operation),
    };
    let operator = operation.chars().next().ok_or(None)?;
    let argument = operation.get(operator.len_utf8()..).unwrap_or_default();
    let value = get(name).filter(|value| !colon || !value.is_empty());
    let mut argument = || nested(argument, get, unset, depth + 1).map_err(Some);
    match (operator, value) {
        ('-' | '=' | '?', Some(value)) => Ok(value),
        // containerlab has `=`, which would also set the variable: each use names its own default.
        ('-' | '=', None) | ('+', Some(_)) => argument(),
        ('+', None) => Ok(String::new()),
        ('?', None) => Err(Some(ImportProblem::RequiredVariable {
            name: name.to_owned(),
            message: argument()?,
        })),
        _ => Err(None),
    }
}

/// The name at the beginning, and the rest.
fn name_of(text: &str) -> (&str, &str) {
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let end = match first {
        true => text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')),
        false => Some(0),
    };
    text.split_at(end.unwrap_or(text.len()))
}

/// The position where the open brace is closed.
fn closing_brace(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if before == '$' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
        before = c;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, String> {
        let get = |name: &str| match name {
            "A" => Some("a".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        interpolate(text, &get, &mut |_| {}).map_err(|e| e.to_string())
    }

    #[test]
    fn every_form_is_read() {
        for (text, expected) in [
            ("x", "x"),
            ("$A-${A}", "a-a"),
            ("$$A", "$A"),
            ("$$$A", "$a"),
            ("${A:-b}${EMPTY:-b}${NONE:-b}", "abb"),
            ("${A-b}${EMPTY-b}${NONE-b}", "ab"),
            ("${A:+x}${EMPTY:+x}${NONE:+x}", "x"),
            ("${A+x}${EMPTY+x}${NONE+x}", "xx"),
            ("${A:?no}", "a"),
            ("${EMPTY?no}", ""),
            ("${NONE:-${A}}", "a"),
            ("${NONE:-${ALSO:-${A}c}}d", "acd"),
            ("${NONE:-}", ""),
            ("${NONE:=b}${A:=c}${EMPTY=d}", "ba"),
            ("${NONE}", ""),
            ("${NONE:-http://x:80/y}", "http://x:80/y"),
        ] {
            assert_eq!(of(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["${", "${}", "${A", "$1", "cost: 5$", "${A!b}", "${A:}"] {
            assert!(of(text).is_err(), "{text}");
        }
        assert_eq!(
            of("${NONE:?give one}"),
            Err("variable NONE is not set: give one".to_owned())
        );
    }
}
