//! The nodes of a service, one for each replica.

use hallway_spec::{Entry, Section, Value, listed};

use crate::findings::Findings;
use crate::surroundings::Options;

/// The greatest number of nodes of one service.
const REPLICAS_MAX: u32 = 10_000;

/// The names of a service's nodes; no node has the name of one of the `services`.
pub(super) fn nodes(
    name: &str,
    value: &Value,
    services: &[&Entry],
    options: &Options,
    findings: &mut Findings,
) -> Vec<String> {
    let deployed = value.get("deploy").and_then(|d| d.get("replicas"));
    let scaled = value.get("scale");
    if let (Some(deployed), Some(scaled)) = (deployed, scaled)
        && deployed.text() != scaled.text()
    {
        let what = "scale with another number than deploy.replicas".to_owned();
        findings.not_supported(&scaled.place, what, "remove one of the two");
    }
    let given = deployed.or(scaled);
    let count = match (options.scale.get(name), given) {
        (Some(count), _) => *count,
        (None, None) => 1,
        (None, Some(given)) => match given.text().and_then(|t| t.parse().ok()) {
            Some(count) if count <= REPLICAS_MAX => count,
            _ => {
                findings.unexpected(given, "a number of replicas from 0 to 10000");
                1
            }
        },
    };
    match count {
        1 => vec![name.to_owned()],
        count => {
            if let Some(container) = value.get("container_name").filter(|_| count > 1) {
                let what = format!("container_name of a service with {count} replicas");
                findings.not_supported(&container.place, what, "remove one of the two");
            }
            let names = free(name, count, services);
            if let (Some(last), true) = (names.last(), count > 1) {
                let resolved = match Section::Attachment.has("aliases") {
                    true => String::new(),
                    false => format!("; the name {name} is that of the first only"),
                };
                let all = match *last == format!("{name}-{count}") {
                    true if count == 2 => format!("{name} and {last}"),
                    true => format!("{name} and {name}-2 to {last}"),
                    false => format!(
                        "{}; other services have the names of the numbers that are left out",
                        listed(&names)
                    ),
                };
                findings.note(format!("{name} has {count} nodes, {all}{resolved}"));
            }
            names
        }
    }
}

/// The names of so many nodes, without those of services. The first one has the name of the service, so that it is
/// the same node whatever the number of replicas is; the others are numbered from 2.
fn free(name: &str, count: u32, services: &[&Entry]) -> Vec<String> {
    let numbered = (2_u32..).map(|number| numbered(name, number));
    let others = numbered.filter(|name| !is_service(name, services));
    let all = std::iter::once(name.to_owned()).chain(others);
    all.take(count as usize).collect()
}

fn numbered(name: &str, number: u32) -> String {
    format!("{name}-{number}")
}

fn is_service(name: &str, services: &[&Entry]) -> bool {
    services.iter().any(|e| e.key == name)
}

/// The further name of the first of several nodes, which is its own alone; `None` if a service has that name.
pub(super) fn first(name: &str, nodes: &[String], services: &[&Entry]) -> Option<String> {
    let further = numbered(name, 1);
    (nodes.len() > 1 && !is_service(&further, services)).then_some(further)
}
