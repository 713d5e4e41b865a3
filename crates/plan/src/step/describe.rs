//! Steps in words, for people and programs that read plans.

use std::fmt;

use serde::Serialize;

use hallway_nftables::print;
use ipnet::IpNet;

use super::{Adjustment, CableEnd, Cause, KeeperStep, KeeperTask, NewMacvlan, NewPort, Op, Step};
use crate::compare::{Fact, ObjectPlace};
use crate::target::{Route, RouteKind};

/// What a step does to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepAction {
    /// It does not exist yet.
    Create,
    /// It is changed in place.
    Change,
    /// It is removed.
    Remove,
    /// A program is started.
    Start,
    /// A program is ended and started again.
    Restart,
    /// A program is ended.
    Stop,
}

impl fmt::Display for StepAction {
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
    pub action: StepAction,
    /// The kind of object, like `bridge` or `route`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Details, if there are any.
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
            cause: self.cause.to_string(),
            ..self.op.describe()
        }
    }
}

impl KeeperStep {
    /// The step in words.
    #[must_use]
    pub fn describe(&self) -> Described {
        let described = match &self.task {
            KeeperTask::Program {
                action,
                node,
                command,
            } => words(*action, "program", node.to_string()).detail(crate::program::line(command)),
            KeeperTask::Listener(listener) => create("listener", listener.to_string()),
            KeeperTask::Guard => create("guard", "tables"),
        };
        let cause = match &self.cause {
            // The step names the program already.
            Cause::Drift(difference) => match &difference.fact {
                Fact::ProgramStopped { state, .. } => state.clone(),
                _ => difference.clause(),
            },
            cause => cause.to_string(),
        };
        Described { cause, ..described }
    }
}

fn create(kind: &'static str, name: impl Into<String>) -> Described {
    words(StepAction::Create, kind, name)
}

fn change(kind: &'static str, name: impl Into<String>) -> Described {
    words(StepAction::Change, kind, name)
}

fn remove(kind: &'static str, name: impl Into<String>) -> Described {
    words(StepAction::Remove, kind, name)
}

fn words(action: StepAction, kind: &'static str, name: impl Into<String>) -> Described {
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

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(key) => f.write_str(key),
            Self::Drift(difference) => f.write_str(&difference.clause()),
            Self::NotInFile => f.write_str("no longer in the file, or built again"),
            Self::Left => f.write_str("left over from a run that did not finish"),
            Self::Down => f.write_str("down"),
            Self::NamespaceCreated => f.write_str("its namespace is created again"),
            Self::Unreachable => f.write_str("packets to the prefix never leave by an uplink"),
            Self::Moved => f.write_str("addresses that another interface had before"),
            Self::Connections => f.write_str(
                "connections that are no longer allowed, or have another destination now",
            ),
        }
    }
}

impl Op {
    /// What is done, to which object; the cause is the step's.
    fn describe(&self) -> Described {
        match self {
            Self::AddUnreachable { to } => create("route", format!("unreachable {to}")),
            Self::RemoveUnreachable { to } => remove("route", format!("unreachable {to}")),
            Self::ReplaceRules(new) => {
                let first = new.rules.tables.first();
                create("rules", first.map_or("", |t| t.name.as_str()))
            }
            Self::ChangeRules { table, .. } => change("rules", table),
            Self::Unpublish { .. } => remove("published ports", "all"),
            Self::RemoveRules { .. } => remove("rules", "tables"),
            Self::CreateBridge(new) => {
                if let Some(vlan) = &new.vlan {
                    let detail = format!("VLAN {} of {}", vlan.id, vlan.parent);
                    return create("interface", &new.link.name).detail(detail);
                }
                let own = new.link.addresses.iter().filter(|a| !is_link_local(a));
                create("bridge", &new.link.name).detail(list(own))
            }
            Self::RemoveGroup { network, .. } => {
                remove("network", network).detail("bridge and ports")
            }
            Self::RemoveLink { name } => remove("interface", name),
            Self::CreateNamespace(new) => match new.rules {
                Some(_) => create("namespace", new.netns.to_string()).detail(MASQUERADES),
                None => create("namespace", new.netns.to_string()),
            },
            Self::RemoveNamespace { netns, .. } => remove("namespace", netns.to_string()),
            Self::CreatePort(port) => new_interface(port),
            Self::CreateMacvlan(new) => new_macvlan(new),
            Self::CreateCable(cable) => new_cable(&cable.a, &cable.b),
            Self::RemoveInterface { netns, name } => remove("interface", format!("{netns} {name}")),
            Self::ForwardUplinks { uplinks, .. } => {
                change("forwarding", "uplink").detail(list(uplinks.iter().map(|u| &u.link)))
            }
            Self::LetThrough { entry, pass, .. } => {
                create("accept", pass.link.clone()).detail(entry.to_string())
            }
            Self::RemoveAccept { entry, pass, .. } => {
                remove("accept", pass.link.clone()).detail(entry.to_string())
            }
            Self::RemoveUplinks { uplinks, .. } => change("forwarding", "uplink").detail(format!(
                "no longer because of hallway: {}",
                list(uplinks.iter().map(|u| &u.link))
            )),
            Self::RestoreUplinks { uplinks } => change("forwarding", "uplink").detail(format!(
                "{} as before",
                list(uplinks.iter().map(|u| &u.link))
            )),
            Self::Announce(new) => {
                let of = match &new.place {
                    ObjectPlace::Host => format!("of {}", new.interface),
                    ObjectPlace::Node { node, .. } => format!("of {node} {}", new.interface),
                };
                change("neighbours", of).detail(list(&new.addresses))
            }
            Self::FlushConnections(flows) => connections(
                &list(&flows.prefixes),
                !flows.ports.is_empty(),
                flows.denied.is_some(),
            ),
            Self::Adjust { place, change } => adjustment(place, change),
        }
    }
}

fn adjustment(place: &ObjectPlace, change: &Adjustment) -> Described {
    match change {
        Adjustment::Link { link, attributes } => {
            let values = attributes.iter().map(|a| format!("{} {a}", a.name()));
            self::change("interface", named(place, link)).detail(list(values))
        }
        Adjustment::AddAddress { link, address } => {
            create("address", named(place, &address.to_string())).detail(format!("on {link}"))
        }
        Adjustment::RemoveAddress { link, address } => {
            remove("address", named(place, &address.to_string())).detail(format!("on {link}"))
        }
        Adjustment::AddRoute(route) | Adjustment::ReplaceRoute(route) => {
            create("route", named(place, &route.to.to_string())).detail(way(route))
        }
        Adjustment::RemoveRoute(route) => remove("route", named(place, &route.to.to_string())),
        Adjustment::Setting {
            link,
            setting,
            value,
        } => {
            let key = setting.key(link.as_deref()).replace('/', ".");
            self::change("setting", named(place, &key)).detail(value.to_string())
        }
        Adjustment::Shape { link, shaping, .. } => {
            let (kind, detail) = match (shaping.needs_netem(), shaping.limit) {
                (true, _) => ("impairment", shaping.to_string()),
                (false, Some(limit)) => ("bandwidth", limit.to_string()),
                (false, None) => ("bandwidth", "no limit".into()),
            };
            self::change(kind, named(place, link)).detail(detail)
        }
        Adjustment::RemoveForwarding { bridge, port, mac } => {
            let entry = format!("{} to {port}", print::mac(mac));
            remove("bridge entry", named(place, bridge)).detail(entry)
        }
        Adjustment::RemoveNeighbour { link, address } => {
            remove("neighbour", named(place, link)).detail(address.to_string())
        }
        Adjustment::AddRoutingRule(rule) => {
            create("routing rule", named(place, &rule.priority.to_string()))
                .detail(format!("to table {}", rule.table_name()))
        }
        Adjustment::Table(rules) => {
            let name = rules.tables.first().map_or("", |t| t.name.as_str());
            create("table", named(place, name)).detail(MASQUERADES)
        }
        Adjustment::RemoveTable { table } => remove("table", named(place, table)),
        Adjustment::Sysctl { key, value } => {
            self::change("setting", named(place, &key.to_string())).detail(value.clone())
        }
    }
}

const MASQUERADES: &str = "masquerades";

fn named(place: &ObjectPlace, object: &str) -> String {
    match place {
        ObjectPlace::Host => object.to_owned(),
        ObjectPlace::Node { node, .. } => format!("{node} {object}"),
    }
}

fn is_link_local(address: &IpNet) -> bool {
    matches!(address, IpNet::V6(net) if net.addr().is_unicast_link_local())
}

fn way(route: &Route) -> String {
    match &route.kind {
        RouteKind::Unreachable => "unreachable".into(),
        RouteKind::Link {
            link,
            via: Some(via),
            ..
        } => format!("via {via} on {link}"),
        RouteKind::Link {
            link, via: None, ..
        } => format!("on {link}"),
    }
}

fn new_interface(port: &NewPort) -> Described {
    let name = format!("{} {}", port.node, port.inner.name);
    let addresses = list(port.inner.addresses.iter().filter(|a| !is_link_local(a)));
    let sources = port.sources.as_ref();
    let sources = sources.map_or_else(String::new, |s| format!(", also sends from {s}"));
    create("interface", name).detail(format!("{addresses} on {}{sources}", port.network))
}

fn new_macvlan(new: &NewMacvlan) -> Described {
    let (end, network, parent) = (&new.end, &new.network, &new.parent);
    let addresses = list(end.link.addresses.iter().filter(|a| !is_link_local(a)));
    create("interface", format!("{} {}", end.node, end.link.name))
        .detail(format!("{addresses} on {network}, macvlan of {parent}"))
}

fn new_cable(a: &CableEnd, b: &CableEnd) -> Described {
    let end = |end: &CableEnd| format!("{} {}", end.node, end.link.name);
    let addresses = |end: &CableEnd| list(end.link.addresses.iter().filter(|a| !is_link_local(a)));
    create("link", format!("{} — {}", end(a), end(b))).detail(format!(
        "{} — {}",
        addresses(a),
        addresses(b)
    ))
}

/// Which connections are ended: those of prefixes, of published ports, of what is denied.
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
