//! Services that share the network of another one.

use hallway_spec::Value;

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
