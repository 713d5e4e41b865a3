//! Services that share the network of another one.

use std::collections::BTreeSet;

use hallway_spec::Value;

/// The service whose network is shared in the end, where several services each share that of the `next`. Of
/// a cycle, which is reported, any.
pub(super) fn owner<'n>(first: &'n str, next: impl Fn(&str) -> Option<&'n str>) -> &'n str {
    let (mut name, mut seen) = (first, BTreeSet::new());
    while seen.insert(name) {
        match next(name) {
            Some(other) => name = other,
            None => break,
        }
    }
    name
}

/// The service whose network another shares, by `service:` or by the name of its container.
pub(super) fn with(value: &Value, services: Option<&Value>) -> Option<Value> {
    let mode = value.get("network_mode")?;
    let text = mode.text()?;
    if let Some(other) = text.strip_prefix("service:") {
        return Some(Value::of_text(&mode.place, other));
    }
    let container = text.strip_prefix("container:")?;
    let all = services.map(Value::entries).unwrap_or_default();
    let is = |v: &Value| v.get("container_name").and_then(Value::text) == Some(container);
    let service = all.iter().find(|e| is(&e.value))?;
    Some(Value::of_text(&mode.place, &service.key))
}
