//! `x-hallway` of a Compose file: policies, expectations, links, nodes and networks.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Entry, Value, ValueKind};

use super::absent::Absent;
use super::service::Service;
use crate::entries::Entries;
use crate::findings::Findings;

/// The meaning of a service's name, if it is not just its node: all its nodes, or the node and not
/// the network of that name.
type Meant<'a> = BTreeMap<&'a str, Vec<String>>;

fn meant<'a>(services: &'a [Service], networks: &BTreeMap<String, String>) -> Meant<'a> {
    let nodes = |service: &'a Service| {
        let named = service.nodes.iter();
        let named = named.map(|node| match networks.values().any(|n| n == node) {
            true => format!("node:{node}"),
            false => node.clone(),
        });
        (service.name.as_str(), named.collect::<Vec<_>>())
    };
    let all = services.iter().map(nodes);
    // The further name of the first node is its own alone.
    let first = services.iter().filter_map(|service| {
        let (_, named) = nodes(service);
        Some((
            service.first.as_deref()?,
            named.into_iter().take(1).collect(),
        ))
    });
    let all = all.filter(|(name, nodes)| *nodes != [*name]);
    all.chain(first).collect()
}

/// Adds the keys of the file's `x-hallway` to the translation. Policies, expectations and links of services
/// that have no node are left out.
pub(super) fn add(
    ours: Option<&Value>,
    services: &[Service],
    networks: &BTreeMap<String, String>,
    absent: &Absent,
    out: &mut Entries,
    findings: &mut Findings,
) {
    let several = meant(services, networks);
    let mut named = BTreeSet::new();
    for entry in ours.iter().flat_map(|o| o.entries()) {
        let items = entry.value.items().iter();
        match entry.key.as_str() {
            "nodes" | "networks" => add_section(entry, out),
            "policies" => {
                let items = items.filter_map(|p| absent.without(p, &mut named));
                let items = items.map(|p| policy(&p, &several));
                add_items(entry, items.collect(), out);
            }
            "expect" => {
                let items = items.filter_map(|e| absent.without(e, &mut named));
                let items = items.flat_map(|e| expect(&e, &several));
                add_items(entry, items.collect(), out);
            }
            "links" => {
                let items = items.filter(|link| !absent.has_end(link, &mut named));
                add_items(entry, items.cloned().collect(), out);
            }
            _ => out.set(&entry.key, &entry.place, entry.value.clone()),
        }
    }
    absent.say(&named, findings);
}

/// Adds nodes or networks to the existing ones.
fn add_section(entry: &Entry, out: &mut Entries) {
    let there = out.0.iter_mut().find(|e| e.key == entry.key);
    match there.map(|e| &mut e.value.kind) {
        Some(ValueKind::Map(entries)) => entries.extend(entry.value.entries().iter().cloned()),
        _ => out.set(&entry.key, &entry.place, entry.value.clone()),
    }
}

fn add_items(entry: &Entry, mut items: Vec<Value>, out: &mut Entries) {
    let there = out.0.iter().find(|e| e.key == entry.key);
    let after = there.map(|e| e.value.items().to_vec()).unwrap_or_default();
    items.extend(after);
    out.set(
        &entry.key,
        &entry.place,
        Value::of_list(&entry.value.place, items),
    );
}

/// A policy with names of services replaced by those of their nodes.
fn policy(policy: &Value, several: &Meant<'_>) -> Value {
    let mut policy = policy.clone();
    if let ValueKind::Map(entries) = &mut policy.kind {
        for entry in entries {
            if ["from", "to", "between"].contains(&entry.key.as_str()) {
                let items = entry.value.items().iter();
                let items: Vec<Value> = items.flat_map(|i| nodes(i, several)).collect();
                let given = entry.value.items();
                if items != given {
                    entry.value = Value::of_list(&entry.value.place, items);
                }
            }
        }
    }
    policy
}

/// The expectation for each pair of nodes.
fn expect(value: &Value, several: &Meant<'_>) -> Vec<Value> {
    let mut out = vec![value.clone()];
    for key in ["from", "to"] {
        let mut next = Vec::new();
        for one in out {
            let Some(end) = one.get(key) else {
                next.push(one);
                continue;
            };
            for node in nodes(end, several) {
                let mut one = one.clone();
                if let Some(child) = crate::merge::child_mut(&mut one, key) {
                    *child = node;
                }
                next.push(one);
            }
        }
        out = next;
    }
    out
}

/// The nodes of a name.
fn nodes(value: &Value, several: &Meant<'_>) -> Vec<Value> {
    match value.text().and_then(|name| several.get(name)) {
        Some(nodes) => nodes
            .iter()
            .map(|n| Value::of_text(&value.place, n))
            .collect(),
        None => vec![value.clone()],
    }
}
