//! The nodes and links of a topology, with inherited keys.

use std::collections::BTreeMap;

use hallway_spec::problem::{Required, ValueProblem};
use hallway_spec::{Entry, Place, Value};
use ipnet::IpNet;

use super::exec::{Setting, route, settings};
use super::keys;
use crate::entries::Entries;
use crate::findings::Findings;
use crate::script::{self, Command};

/// Ends of links that are not nodes.
pub(super) const SPECIAL: [&str; 3] = ["host", "mgmt-net", "dummy"];

/// The end of a link that is an interface of the host: `macvlan:eth0`.
pub(super) const MACVLAN: &str = "macvlan";

/// Kinds that connect links instead of running programs.
const BRIDGES: [&str; 2] = ["bridge", "ovs-bridge"];

/// Kinds whose programs run here. Others have an operating system of their own, or are containers and
/// clusters of other programs.
const LINUX: [&str; 2] = ["linux", "host"];

const ENDPOINT: &str = "an endpoint with its interface, like a:eth1";
const ENDPOINTS: &str = "two endpoints, like [\"a:eth1\", \"b:eth1\"]";
const LINK: &str = "a link like { endpoints: [\"a:eth1\", \"b:eth1\"] }";

/// A node of a lab.
#[derive(Debug)]
pub(super) struct LabNode {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) kind: String,
    pub(super) environment: Entries,
    pub(super) sysctls: Entries,
    /// Name servers and domains.
    pub(super) dns: Option<Value>,
    /// `entrypoint` and `cmd`.
    pub(super) command: Vec<Value>,
    /// Commands that cannot be replaced by keys of a node.
    pub(super) exec: Vec<Value>,
    /// By interface.
    pub(super) addresses: BTreeMap<String, Vec<Value>>,
    /// Addresses beside those, by interface: the node may send from them.
    pub(super) sources: BTreeMap<String, Vec<Value>>,
    pub(super) routes: Vec<Value>,
    pub(super) forwarding: Option<Place>,
    /// Keys of hallway.
    pub(super) ours: Option<Value>,
}

impl LabNode {
    pub(super) fn is_bridge(&self) -> bool {
        BRIDGES.contains(&self.kind.as_str())
    }

    pub(super) fn is_linux(&self) -> bool {
        LINUX.contains(&self.kind.as_str())
    }
}

/// One end of a link.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) node: String,
    pub(super) interface: Option<String>,
    pub(super) mac: Option<Value>,
    pub(super) addresses: Vec<Value>,
    pub(super) place: Place,
}

/// A link between two ends.
#[derive(Debug)]
pub(super) struct LabLink {
    pub(super) place: Place,
    pub(super) ends: [End; 2],
    pub(super) mtu: Option<Value>,
}

/// The nodes of a topology.
pub(super) fn nodes(topology: &Value, findings: &mut Findings) -> Vec<LabNode> {
    let section = topology.get("nodes");
    let entries = section.iter().flat_map(|s| s.entries());
    entries
        .map(|entry| node(topology, entry, findings))
        .collect()
}

fn node(topology: &Value, entry: &Entry, findings: &mut Findings) -> LabNode {
    let null = Value::default();
    let defaults = topology.get("defaults").unwrap_or(&null);
    let own = |key: &str| entry.value.get(key).and_then(Value::text);
    let part = |section: &str, name: Option<&str>| {
        let section = topology.get(section);
        name.and_then(|n| section?.get(n)).unwrap_or(&null)
    };
    let group = part(
        "groups",
        own("group").or_else(|| defaults.get("group")?.text()),
    );
    let inherited = group
        .get("kind")
        .or_else(|| defaults.get("kind"))
        .and_then(Value::text);
    let kind = own("kind").or(inherited).unwrap_or("linux").to_owned();
    let kinds = part("kinds", Some(&kind));
    let layers = [defaults, kinds, group, &entry.value];
    let mut out = LabNode {
        name: entry.key.clone(),
        place: entry.place.clone(),
        kind,
        environment: Entries::default(),
        command: Vec::new(),
        exec: Vec::new(),
        addresses: BTreeMap::new(),
        sources: BTreeMap::new(),
        routes: Vec::new(),
        forwarding: None,
        sysctls: Entries::default(),
        dns: layers.iter().rev().find_map(|l| l.get("dns")).cloned(),
        ours: entry.value.get("x-hallway").cloned(),
    };
    for layer in layers {
        for variable in layer.get("env").iter().flat_map(|e| e.entries()) {
            let text = variable.value.text().unwrap_or_default();
            let value = Value::of_text(&variable.value.place, text);
            out.environment.set(&variable.key, &variable.place, value);
        }
        for setting in layer.get("sysctls").iter().flat_map(|s| s.entries()) {
            let value = setting.value.clone();
            out.sysctls.set(&setting.key, &setting.place, value);
        }
        for line in layer.get("exec").iter().flat_map(|e| e.items()) {
            out.run(line, findings);
        }
        keys::of_node(layer, findings);
    }
    for key in ["entrypoint", "cmd"] {
        let given = layers.iter().rev().find_map(|layer| layer.get(key));
        let Some(given) = given else { continue };
        match shell_words::split(given.text().unwrap_or_default()) {
            Ok(words) => {
                let words = words.iter().map(|w| Value::of_text(&given.place, w));
                out.command.extend(words);
            }
            Err(_) => findings.unexpected(given, "a command whose quotes are closed"),
        }
    }
    out
}

impl LabNode {
    /// Notes the settings of a command of `exec`, or of those that it gives to a shell.
    fn run(&mut self, line: &Value, findings: &mut Findings) {
        let text = line.text().unwrap_or_default();
        let Some(script) = script::of_shell(text) else {
            return self.run_one(text, &line.place, findings);
        };
        for command in script::commands(script::lines(&script, &line.place)) {
            match command {
                Command::Plain(own) => self.run_one(&own.text, &own.place, findings),
                Command::Unread(own) => self.exec.push(Value::of_text(&own.place, own.text)),
            }
        }
    }

    fn run_one(&mut self, text: &str, place: &Place, findings: &mut Findings) {
        let Some(settings) = settings(text) else {
            self.exec.push(Value::of_text(place, text));
            return;
        };
        for setting in settings {
            match setting {
                Setting::Address { address, .. } if address.parse::<IpNet>().is_err() => {
                    findings.note(format!(
                        "line {}: {} gets no address by {text:?}: {address} is not an address with a prefix length",
                        place.line, self.name
                    ));
                }
                Setting::Address { interface, address } => {
                    let address = Value::of_text(place, address);
                    self.addresses.entry(interface).or_default().push(address);
                }
                Setting::Route { to, via } => {
                    self.routes.push(route(place, to, via));
                }
                Setting::NoAddress { interface, address } => {
                    if let Some(all) = self.addresses.get_mut(&interface) {
                        // Without a length it is the address of any.
                        let is = |a: &Value, gone: &str| {
                            let text = a.text().unwrap_or_default();
                            text == gone || text.split('/').next() == Some(gone)
                        };
                        all.retain(|a| address.as_deref().is_some_and(|gone| !is(a, gone)));
                    }
                }
                // Also the default route of the management network, which does not exist here.
                Setting::NoRoute { to } => {
                    let is = |route: &Value| route.get("to").and_then(Value::text) == Some(&to);
                    self.routes.retain(|route| !is(route));
                }
                Setting::Forwarding => self.forwarding = Some(place.clone()),
            }
        }
    }
}

/// The links of a topology.
pub(super) fn links(topology: &Value, findings: &mut Findings) -> Vec<LabLink> {
    let section = topology.get("links");
    let items = section.iter().flat_map(|s| s.items());
    items.filter_map(|item| link(item, findings)).collect()
}

fn link(value: &Value, findings: &mut Findings) -> Option<LabLink> {
    if let Some(kind) = value.get("type").and_then(Value::text)
        && kind != "veth"
    {
        let parent = value.get("host-interface").filter(|_| kind == MACVLAN);
        if let (Some(parent), Some(at)) = (parent, value.get("endpoint")) {
            let used = ["type", "endpoint", "host-interface", "mtu"];
            keys::of_link(value, &used, findings);
            let host = End {
                node: kind.to_owned(),
                interface: parent.text().map(str::to_owned),
                mac: None,
                addresses: Vec::new(),
                place: parent.place.clone(),
            };
            return Some(LabLink {
                place: value.place.clone(),
                ends: [end(at, findings)?, host],
                mtu: value.get("mtu").cloned(),
            });
        }
        findings.ignore(format!("links of type {kind}"));
        return None;
    }
    let Some(endpoints) = value.get("endpoints") else {
        match value.is_map() {
            true => keys::endpoints_are_missing(value, findings),
            false => findings.unexpected(value, LINK),
        }
        return None;
    };
    keys::of_link(value, &["type", "endpoints", "mtu"], findings);
    let [a, b] = endpoints.items() else {
        match endpoints.is_list() {
            true => {
                let ends = endpoints.items().len();
                findings.problem(&endpoints.place, ValueProblem::LinkEnds(ends));
            }
            false => findings.unexpected(endpoints, ENDPOINTS),
        }
        return None;
    };
    let (a, b) = (end(a, findings), end(b, findings));
    let ends = [a?, b?];
    Some(LabLink {
        place: value.place.clone(),
        ends,
        mtu: value.get("mtu").cloned(),
    })
}

fn end(value: &Value, findings: &mut Findings) -> Option<End> {
    let mut out = End {
        node: String::new(),
        interface: None,
        mac: value.get("mac").cloned(),
        addresses: Vec::new(),
        place: value.place.clone(),
    };
    if value.is_map() {
        keys::of_endpoint(value, findings);
        let Some(node) = value.get("node") else {
            findings.problem(
                &value.place,
                ValueProblem::Missing(Required::OfEndpoint("node")),
            );
            return None;
        };
        out.node = findings.text(node, "the name of a node")?.to_owned();
        let interface = value.get("interface").and_then(Value::text);
        if interface.is_none() {
            findings.problem(
                &value.place,
                ValueProblem::Missing(Required::OfEndpoint("interface")),
            );
        }
        out.interface = interface.map(str::to_owned);
        let addresses = ["ipv4", "ipv6"].iter().filter_map(|key| value.get(key));
        out.addresses = addresses.cloned().collect();
        return Some(out);
    }
    let text = findings.text(value, ENDPOINT)?;
    let Some((node, interface)) = text.split_once(':') else {
        findings.unexpected(value, ENDPOINT);
        return None;
    };
    out.node = node.to_owned();
    out.interface = Some(interface.to_owned());
    Some(out)
}
