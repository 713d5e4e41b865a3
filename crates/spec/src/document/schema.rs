//! The JSON Schema of a file.

use super::Document;

/// The JSON Schema of a file, for editors.
#[must_use]
pub fn schema() -> serde_json::Value {
    let mut value = schemars::schema_for!(Document).to_value();
    allow_extensions(&mut value);
    value
}

/// Keys that begin with `x-` are allowed in every mapping, with any value.
fn allow_extensions(value: &mut serde_json::Value) {
    if let Some(object) = value.as_object_mut() {
        if object.contains_key("properties") {
            object.insert("patternProperties".into(), serde_json::json!({ "^x-": {} }));
        }
        for (_, inner) in object.iter_mut() {
            allow_extensions(inner);
        }
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(allow_extensions);
    }
}
