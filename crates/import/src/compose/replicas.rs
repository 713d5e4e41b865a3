//! The nodes of a service, one for each replica.

use std::collections::BTreeSet;

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
            if let (Some(first), Some(last), true) = (names.first(), names.last(), count > 1) {
                let resolved = match Section::Attachment.has("aliases") {
                    true => String::new(),
                    false => format!("; the name {name} itself is not resolved"),
                };
                let all = match *last == format!("{name}-{count}") {
                    true => format!("{first} to {last}"),
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

/// The names of so many nodes, numbered from 1, without those of services.
fn free(name: &str, count: u32, services: &[&Entry]) -> Vec<String> {
    let begin = format!("{name}-");
    let taken: BTreeSet<&str> = (services.iter())
        .map(|e| e.key.as_str())
        .filter(|key| key.starts_with(&begin))
        .collect();
    let names = (1_u32..).map(|number| format!("{name}-{number}"));
    let names = names.filter(|name| !taken.contains(name.as_str()));
    names.take(count as usize).collect()
}
