//! A validator for the JSON Schema keywords that hallway's schema uses (draft 2020-12). An unknown
//! keyword is a failure, so that no rule of the schema is skipped.

use serde_json::{Map, Value};

/// Why a value does not match; empty if it does.
pub(crate) fn errors(root: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(root, root, value, "", &mut out);
    out
}

/// The schema that `$ref` refers to.
pub(crate) fn resolve<'s>(root: &'s Value, schema: &'s Value) -> &'s Value {
    match schema.get("$ref").and_then(Value::as_str) {
        None => schema,
        Some(reference) => {
            let pointer = reference
                .strip_prefix('#')
                .expect("a reference into the schema");
            resolve(root, root.pointer(pointer).expect("the definition exists"))
        }
    }
}

fn check(root: &Value, schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let schema = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return out.push(format!("{path} is not allowed")),
        schema => schema.as_object().expect("a schema"),
    };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => {}
            "$ref" => check(
                root,
                resolve(root, &Value::Object(schema.clone())),
                value,
                path,
                out,
            ),
            "type" => check_type(rule, value, path, out),
            "anyOf" => any_of(root, rule, value, path, out),
            "properties" | "patternProperties" | "additionalProperties" => {} // below
            "required" => {
                for key in rule.as_array().expect("a list") {
                    let key = key.as_str().expect("a key");
                    if value.as_object().is_some_and(|o| !o.contains_key(key)) {
                        out.push(format!("{path} lacks {key}"));
                    }
                }
            }
            "items" => {
                for (position, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{path}/{position}"), out);
                }
            }
            "minimum" | "maximum" => {
                if let (Some(value), Some(limit)) = (value.as_f64(), rule.as_f64()) {
                    let within = if keyword == "minimum" {
                        value >= limit
                    } else {
                        value <= limit
                    };
                    if !within {
                        out.push(format!("{path}: {value} is out of range"));
                    }
                }
            }
            other => panic!("the validator does not know the keyword {other}"),
        }
    }
    properties(root, schema, value, path, out);
}

fn check_type(rule: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let is = |name: &Value| match name.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the validator does not know the type {other}"),
    };
    let matches = match rule {
        Value::Array(names) => names.iter().any(is),
        name => is(name),
    };
    if !matches {
        out.push(format!("{path}: {value} is not of type {rule}"));
    }
}

fn any_of(root: &Value, rule: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let mut reasons = Vec::new();
    for alternative in rule.as_array().expect("a list") {
        let mut errors = Vec::new();
        check(root, alternative, value, path, &mut errors);
        if errors.is_empty() {
            return;
        }
        reasons.extend(errors);
    }
    out.push(format!(
        "{path} matches no alternative: {}",
        reasons.join("; ")
    ));
}

fn properties(
    root: &Value,
    schema: &Map<String, Value>,
    value: &Value,
    path: &str,
    out: &mut Vec<String>,
) {
    for (key, item) in value.as_object().into_iter().flatten() {
        let path = format!("{path}/{key}");
        let named = schema.get("properties").and_then(|p| p.get(key));
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let pattern = patterns.and_then(|all| {
            all.iter().find_map(|(pattern, rule)| {
                let prefix = pattern.strip_prefix('^').expect("a pattern of a prefix");
                key.starts_with(prefix).then_some(rule)
            })
        });
        let rest = schema.get("additionalProperties");
        if let Some(rule) = named.or(pattern).or(rest) {
            check(root, rule, item, &path, out);
        }
    }
}
