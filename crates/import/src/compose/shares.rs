//! Services that share the network of another one.

use hallway_spec::problem::ImportProblem;
use hallway_spec::{Value, nearest};

use super::node::Context;
use super::service::Service;
use crate::findings::Findings;

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

/// The namespace of the other service's node, as a hallway file names it; `None` after saying why a
/// service has none.
pub(super) fn namespace(
    context: &Context<'_>,
    service: &Service,
    other: &Value,
    findings: &mut Findings,
) -> Option<Value> {
    let name = other.text().unwrap_or_default();
    let Some(owner) = context.services.get(name) else {
        let known = context.services.keys().copied();
        let kind = ImportProblem::UnknownService {
            service: name.to_owned(),
            nearest: nearest(name, known).map(str::to_owned),
        };
        findings.problem(&other.place, kind);
        return None;
    };
    if !service.runs() {
        findings.note(format!(
            "{} is left out: it shares the network of {name} and has no program here",
            service.name
        ));
        return None;
    }
    let node = owner.nodes.first()?;
    Some(Value::of_text(&other.place, format!("node:{node}")))
}
