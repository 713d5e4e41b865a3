//! A plan in words: its steps, with policies and published ports line by line as in the file.

use std::collections::BTreeSet;

use super::Plan;
use crate::settled::{Publish, Settled};
use crate::step::{Action, Cause, Described, KeeperStep, NameStep, Op, Step};

/// All steps in order, and what the keeper does after them. `before` is what was built last.
#[must_use]
pub fn described(plan: &Plan, before: Option<&Settled>, wanted: &Settled) -> Vec<Described> {
    let mut out = Vec::new();
    for step in &plan.steps {
        match rules_of_file(step) {
            None => out.push(step.describe()),
            Some(whole) => {
                let lines = lines(before, wanted);
                if lines.is_empty() || (whole && before.is_none()) {
                    out.push(step.describe());
                }
                out.extend(lines);
            }
        }
    }
    out.extend(plan.names.iter().map(NameStep::describe));
    out.extend(plan.keeper.iter().map(KeeperStep::describe));
    out
}

/// Whether the step changes the rules because the file asks for it, and if so whether it replaces
/// them all.
fn rules_of_file(step: &Step) -> Option<bool> {
    match (&step.op, &step.cause) {
        (Op::ReplaceRules(_), Cause::File(_)) => Some(true),
        (Op::ChangeRules { .. }, Cause::File(_)) => Some(false),
        _ => None,
    }
}

/// The policies and published ports that go, and those that come.
fn lines(before: Option<&Settled>, wanted: &Settled) -> Vec<Described> {
    let policies = |s: &Settled| -> Vec<(String, String)> {
        s.policies
            .iter()
            .map(|p| (p.words.clone(), format!("policy {}", p.number())))
            .collect()
    };
    let ports = |s: &Settled| -> Vec<(String, String)> {
        s.publishes
            .iter()
            .map(|p| (port(p), p.place.key.clone()))
            .collect()
    };
    let mut out = changed(
        "policy",
        before.map(policies).unwrap_or_default(),
        policies(wanted),
    );
    out.extend(changed(
        "publish",
        before.map(ports).unwrap_or_default(),
        ports(wanted),
    ));
    out
}

/// Lines of `before` that are not in `now`, then those of `now` that are not in `before`. Each is
/// a text with the key of the file that asks for it.
fn changed(
    kind: &'static str,
    before: Vec<(String, String)>,
    now: Vec<(String, String)>,
) -> Vec<Described> {
    let texts = |lines: &[(String, String)]| -> BTreeSet<String> {
        lines.iter().map(|(text, _)| text.clone()).collect()
    };
    let (old, new) = (texts(&before), texts(&now));
    let line = |action, name, cause| Described {
        action,
        kind,
        name,
        detail: String::new(),
        cause,
    };
    let gone = before.into_iter().filter(|(text, _)| !new.contains(text));
    let gone = gone.map(|(text, _)| line(Action::Remove, text, Cause::NotInFile.to_string()));
    let come = now.into_iter().filter(|(text, _)| !old.contains(text));
    gone.chain(come.map(|(text, key)| line(Action::Create, text, key)))
        .collect()
}

/// A published port like in the file, with its node.
fn port(publish: &Publish) -> String {
    let address = match publish.host_address {
        Some(address) if address.is_ipv6() => format!("[{address}]:"),
        Some(address) => format!("{address}:"),
        None => String::new(),
    };
    let node_ports = match publish.host_ports == publish.node_ports {
        true => String::new(),
        false => format!(":{}", publish.node_ports),
    };
    let Publish {
        host_ports,
        protocol,
        node,
        ..
    } = publish;
    format!("{address}{host_ports}{node_ports}/{protocol} of {node}")
}

/// What a plan removes that was made one at a time after the file was read: it is in `before`, but
/// neither in `wanted` nor in `base`, which is what the file asked for then.
#[must_use]
pub fn dropped(base: &Settled, before: &Settled, wanted: &Settled) -> Vec<String> {
    let things = |s: &Settled| -> BTreeSet<String> {
        let networks = s.networks.iter().map(|n| format!("network {}", n.name));
        let nodes = s.nodes.iter().map(|n| format!("node {}", n.name));
        let joined = s.nodes.iter().flat_map(|n| {
            n.ports()
                .map(move |(_, network, _)| format!("{} on network {network}", n.name))
        });
        let ports = s.publishes.iter().map(|p| format!("publish {}", port(p)));
        let policies = s.policies.iter().map(|p| p.words.clone());
        let cables = s.cables.iter().map(|c| format!("link {} {}", c.a.0, c.b.0));
        networks
            .chain(nodes)
            .chain(joined)
            .chain(ports)
            .chain(policies)
            .chain(cables)
            .collect()
    };
    let (base, wanted) = (things(base), things(wanted));
    things(before)
        .into_iter()
        .filter(|t| !base.contains(t) && !wanted.contains(t))
        .collect()
}
