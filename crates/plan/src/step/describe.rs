//! Steps in words, for people and programs that read plans.

use std::fmt;

use serde::Serialize;

use super::{CableEnd, Op, Port, Step};
use crate::rules::Delta;
use crate::rules::ir::Ruleset;
use crate::settled::{Network, Route, Subnet};

/// What a step does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It does not exist yet.
    Create,
    /// It is changed in place.
    Change,
    /// It goes away.
    Remove,
    /// A program begins to run.
    Start,
    /// A program ends and begins again.
    Restart,
    /// A program ends.
    Stop,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Stop => "stop",
        })
    }
}

/// A step in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// What is done.
    pub action: Action,
    /// The kind of object, like `bridge` or `route`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// More, where there is more to say.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Why.
    pub cause: String,
}

impl Step {
    /// The step in words.
    #[must_use]
    pub fn describe(&self) -> Described {
        Described {
            cause: self.cause.clone(),
            ..self.op.describe()
        }
    }
}

fn create(kind: &'static str, name: impl Into<String>) -> Described {
    words(Action::Create, kind, name)
}

fn change(kind: &'static str, name: impl Into<String>) -> Described {
    words(Action::Change, kind, name)
}

fn remove(kind: &'static str, name: impl Into<String>) -> Described {
    words(Action::Remove, kind, name)
}

fn words(action: Action, kind: &'static str, name: impl Into<String>) -> Described {
    Described {
        action,
        kind,
        name: name.into(),
        detail: String::new(),
        cause: String::new(),
    }
}

impl Described {
    fn detail(self, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { detail, ..self }
    }
}

impl Op {
    /// What is done, to which object; the cause is the step's.
    fn describe(&self) -> Described {
        match self {
            Self::AddUnreachable { to } => create("route", format!("unreachable {to}")),
            Self::RemoveUnreachable { to } => remove("route", format!("unreachable {to}")),
            Self::ReplaceRules { rules } => new_rules(rules),
            Self::ChangeRules { delta } => change("rules", "sets").detail(changes(delta)),
            Self::Unpublish => remove("published ports", "all"),
            Self::RemoveRules => remove("rules", "tables"),
            Self::CreateBridge { network, name } => new_bridge(network, name),
            Self::ChangeBridge { name, filtered } => {
                change("bridge", name).detail(format!("filter between members: {filtered}"))
            }
            Self::RemoveGroup { network, .. } => {
                remove("network", network).detail("bridge and ports")
            }
            Self::RemoveLink { name } => remove("link", name),
            Self::CreateNamespace { netns, .. } => create("namespace", netns),
            Self::ChangeForwarding {
                netns, forwarding, ..
            } => change("namespace", netns).detail(format!("forwarding: {forwarding}")),
            Self::RemoveNamespace { netns, .. } => remove("namespace", netns),
            Self::CreatePort(port) => new_interface(port),
            Self::CreateCable { a, b } => new_cable(a, b),
            Self::RemoveInterface { netns, name } => remove("interface", format!("{netns} {name}")),
            Self::AddRoute {
                netns,
                interface,
                route,
            } => new_route(netns, interface, route),
            Self::RemoveRoute { netns, route } => remove("route", format!("{netns} {}", route.to)),
            Self::EnableForwarding { links, .. } if links.is_empty() => {
                change("forwarding", "uplink")
            }
            Self::EnableForwarding { links, .. } => {
                change("forwarding", list(links)).detail("and the uplink")
            }
            Self::RestoreForwarding => change("forwarding", "uplink").detail("as it was"),
            Self::ForgetFlows {
                prefixes,
                ports,
                denied,
            } => connections(&list(prefixes), !ports.is_empty(), *denied),
        }
    }
}

fn new_rules(rules: &Ruleset) -> Described {
    let sets = rules.tables.iter().flat_map(|t| &t.sets);
    let count: usize = sets.map(|s| s.elements.len()).sum();
    let name = rules.tables.first().map_or("", |t| t.name.as_str());
    create("rules", name).detail(format!("{count} elements"))
}

fn changes(delta: &Delta) -> String {
    match delta {
        Delta::Same => String::new(),
        Delta::Replace => "all".into(),
        Delta::Elements(changes) => {
            let add: usize = changes.iter().map(|c| c.add.len()).sum();
            let remove: usize = changes.iter().map(|c| c.remove.len()).sum();
            format!("{add} elements more, {remove} fewer")
        }
    }
}

fn new_bridge(network: &Network, name: &str) -> Described {
    let addresses = network.subnets.iter().map(Subnet::gateway_net);
    create("bridge", name).detail(list(addresses))
}

fn new_interface(port: &Port) -> Described {
    let name = format!("{} {}", port.node, port.interface.name);
    let addresses = list(&port.interface.addresses);
    create("interface", name).detail(format!("{addresses} on {}", port.network))
}

fn new_cable(a: &CableEnd, b: &CableEnd) -> Described {
    let end = |end: &CableEnd| format!("{} {}", end.node, end.interface.name);
    create("cable", format!("{} — {}", end(a), end(b))).detail(format!(
        "{} — {}",
        list(&a.interface.addresses),
        list(&b.interface.addresses)
    ))
}

fn new_route(netns: &str, interface: &str, route: &Route) -> Described {
    create("route", format!("{netns} {}", route.to)).detail(match route.via {
        Some(via) => format!("via {via} on {interface}"),
        None => format!("on {interface}"),
    })
}

/// Which connections end: those of prefixes, of published ports, of what is denied.
fn connections(prefixes: &str, published: bool, denied: bool) -> Described {
    let mut parts = Vec::new();
    if !prefixes.is_empty() {
        parts.push(format!("of {prefixes}"));
    }
    if published {
        parts.push("of published ports that changed".into());
    }
    if denied {
        parts.push("that are denied now".into());
    }
    remove("connections", "conntrack").detail(parts.join("; "))
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|i| i.to_string()).collect();
    items.join(", ")
}
