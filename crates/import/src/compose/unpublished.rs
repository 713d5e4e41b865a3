//! Ports that cannot be published: Compose accepts them without effect.

use hallway_spec::{Value, listed};

use super::context::Context;
use super::ports::Port;
use super::service::Service;
use crate::findings::Findings;

/// Whether the ports of a service have no effect, because of its networks; this is reported.
pub(super) fn reported(
    context: &Context<'_>,
    service: &Service,
    replica: usize,
    findings: &mut Findings,
) -> bool {
    let ours = service.value.get("x-hallway");
    let elsewhere = ours.is_some_and(|ours| ours.get("networks").is_some());
    if service.ports.is_empty() || service.shares.is_some() || elsewhere {
        return false;
    }
    let names = service.networks.iter();
    let names = names.filter_map(|n| context.networks.names.get(&n.name));
    let names: Vec<&String> = names.collect();
    let why = match names.as_slice() {
        // One that is unknown is an error.
        [] if !service.networks.is_empty() => return false,
        [] => "it is on no network".to_owned(),
        [only] => format!("its network {only} {}", words(&[*only], context)),
        several => format!(
            "its networks {} {}",
            listed(several),
            words(several, context)
        ),
    };
    if !names.iter().all(|name| is_apart(context, name)) {
        return false;
    }
    if replica == 0 {
        let ports: Vec<String> = service.ports.iter().map(in_words).collect();
        findings.note(format!(
            "not published, since {why}: {} of {}",
            listed(&ports),
            service.name
        ));
    }
    true
}

/// Why a network has no published ports.
fn words(names: &[&String], context: &Context<'_>) -> &'static str {
    let internal = names.iter().all(|name| has(context, name, "internal"));
    match (internal, names.len()) {
        (true, 1) => "is internal",
        (true, _) => "are internal",
        (false, 1) => "has a parent, so the host is not in between",
        (false, _) => "are internal or have a parent",
    }
}

fn is_apart(context: &Context<'_>, name: &str) -> bool {
    has(context, name, "internal") || has(context, name, "parent")
}

/// Whether a network has a key, and not with the value false.
fn has(context: &Context<'_>, name: &str, key: &str) -> bool {
    let mut all = context.networks.entries.0.iter();
    let network = all.find(|e| e.key == name);
    let value = network.and_then(|e| e.value.get(key));
    value.and_then(Value::text).is_some_and(|v| v != "false")
}

fn in_words(port: &Port) -> String {
    match port.node {
        (first, last) if first == last => format!("{first}/{}", port.protocol),
        (first, last) => format!("{first}-{last}/{}", port.protocol),
    }
}
