//! A containerlab topology as a hallway file.

pub(crate) mod exec;
mod ipv6;
mod keys;
mod lab;
mod left_out;
mod mtu;
mod neighbours;
mod schema;
mod segment;

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{InterfaceName, Section, Value, listed};
use ipnet::IpNet;

use crate::compose;
use crate::entries::Entries;
use crate::findings::Findings;
use crate::merge::child_mut;
use crate::surroundings::Surroundings;
use lab::{End, LabLink, LabNode, MACVLAN, SPECIAL};
use mtu::Mtus;

/// Keys of the file.
const FILE: &[&str] = &["name", "prefix", "mgmt", "settings", "topology", "debug"];

/// Keys of the topology.
const TOPOLOGY: &[&str] = &["defaults", "kinds", "groups", "nodes", "links"];

/// The hallway file for a topology.
pub(crate) fn translate(
    file: &Value,
    name: &str,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Value {
    let mut file = file.clone();
    findings.mend_keys(&mut file, FILE);
    if let Some(topology) = child_mut(&mut file, "topology") {
        findings.mend_keys(topology, TOPOLOGY);
    }
    schema::check(&mut file, findings);
    let file = &file;
    for key in ["prefix", "mgmt", "settings"] {
        if file.get(key).is_some() {
            findings.ignore(key);
        }
    }
    let empty = Value::default();
    let topology = file.get("topology").unwrap_or(&empty);
    let mut nodes = lab::nodes(topology, findings);
    let links = lab::links(topology, findings);
    left_out::of(&mut nodes, &links, findings);
    neighbours::check(&mut nodes, &links, findings);
    ipv6::keep_on(&mut nodes, &links);
    let bridges: BTreeSet<&str> = nodes
        .iter()
        .filter(|n| n.is_bridge())
        .map(|n| n.name.as_str())
        .collect();
    let by_name: BTreeMap<&str, &LabNode> = nodes.iter().map(|n| (n.name.as_str(), n)).collect();
    let mut made = Made::default();
    for link in &links {
        made.link(link, &bridges, &by_name, findings);
    }
    let place = &file.place;
    let mut out = Entries::default();
    let name_place = file.get("name").map_or(place, |n| &n.place);
    out.set("name", name_place, Value::of_text(name_place, name));
    let mut networks = Entries::default();
    let mut members = Entries::default();
    for node in &nodes {
        let value = match node.is_bridge() {
            true => made.network(node, findings),
            false => made.node(node, surroundings, findings),
        };
        let target = match node.is_bridge() {
            true => &mut networks,
            false => &mut members,
        };
        target.set(&node.name, &node.place, value);
    }
    made.on_parents(&mut networks, findings);
    said(&nodes, findings);
    out.set("networks", place, networks.into_map(place));
    out.set("nodes", place, members.into_map(place));
    out.list("links", place, made.links);
    out.extend(file.get("x-hallway"));
    out.into_map(place)
}

/// Reports the nodes without a program of their kind, and commands that are not run, once for all nodes
/// that have the same.
fn said(nodes: &[LabNode], findings: &mut Findings) {
    let others: Vec<String> = nodes
        .iter()
        .filter(|n| !n.is_bridge() && !n.is_linux())
        .map(|n| format!("{} ({})", n.name, n.kind))
        .collect();
    if !others.is_empty() {
        findings.note(format!(
            "nodes without a program, since only those of kind linux run one here: {}",
            listed(&others)
        ));
    }
    let mut not_run: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for node in nodes.iter().filter(|n| n.is_linux() && !n.exec.is_empty()) {
        let lines: Vec<&str> = node.exec.iter().filter_map(Value::text).collect();
        match not_run.iter_mut().find(|(known, _)| *known == lines) {
            Some((_, names)) => names.push(&node.name),
            None => not_run.push((lines, vec![&node.name])),
        }
    }
    for (lines, names) in not_run {
        let example = match names.as_slice() {
            [only] => only,
            _ => "NODE",
        };
        findings.note(format!(
            "not run in {}: {}; hallway exec {example} -- … runs a command",
            listed(&names),
            lines.join("; "),
        ));
    }
}

/// The result of the links.
#[derive(Debug, Default)]
struct Made {
    links: Vec<Value>,
    /// Networks of each node, by its name.
    attachments: BTreeMap<String, Entries>,
    /// Addresses on each bridge, by its name.
    on_bridge: BTreeMap<String, Vec<IpNet>>,
    /// Networks of interfaces of the host, with those.
    parents: Vec<(String, Value)>,
    mtus: Mtus,
}

impl Made {
    fn link(
        &mut self,
        link: &LabLink,
        bridges: &BTreeSet<&str>,
        nodes: &BTreeMap<&str, &LabNode>,
        findings: &mut Findings,
    ) {
        let [a, b] = &link.ends;
        if let Some(special) = link
            .ends
            .iter()
            .find(|e| SPECIAL.contains(&e.node.as_str()))
        {
            findings.ignore(format!("links to {}", special.node));
            return;
        }
        let bridge = |end: &End| bridges.contains(end.node.as_str());
        let parent = |end: &End| (end.node == MACVLAN).then(|| end.interface.clone())?;
        for (end, other) in [(a, b), (b, a)] {
            if let Some(parent) = parent(other) {
                let name = format!("{MACVLAN}-{}", parent.replace('.', "-"));
                self.attach(end, &name, link, nodes, findings);
                let parent = Value::of_text(&other.place, parent);
                if self.parents.iter().all(|(known, _)| *known != name) {
                    self.parents.push((name, parent));
                }
                return;
            }
        }
        match (bridge(a), bridge(b)) {
            (true, true) => {
                let what = "a link between two bridges".to_owned();
                findings.not_supported(&link.place, what, "make one bridge of the two");
            }
            (true, false) => self.attach(b, &a.node, link, nodes, findings),
            (false, true) => self.attach(a, &b.node, link, nodes, findings),
            (false, false) if a.node == b.node => {
                let what = "a link from a node to itself".to_owned();
                findings.not_supported(&link.place, what, "connect two nodes");
            }
            (false, false) => {
                let place = &link.place;
                let mut ends = Entries::default();
                for end in &link.ends {
                    ends.set(
                        &end.node,
                        &end.place,
                        settings(end, nodes, findings).into_map(&end.place),
                    );
                }
                let mut out = Entries::default();
                out.set("endpoints", place, ends.into_map(place));
                if let Some(mtu) = &link.mtu {
                    out.set(
                        "mtu",
                        &mtu.place,
                        Value::of_plain(&mtu.place, mtu.text().unwrap_or("")),
                    );
                }
                self.links.push(out.into_map(place));
            }
        }
    }

    /// Connects a node to the network of a bridge.
    fn attach(
        &mut self,
        end: &End,
        bridge: &str,
        link: &LabLink,
        nodes: &BTreeMap<&str, &LabNode>,
        findings: &mut Findings,
    ) {
        self.mtus.add(bridge, end, link);
        let mut entries = settings(end, nodes, findings);
        let all = self.on_bridge.entry(bridge.to_owned()).or_default();
        // Networks have the prefix lengths; addresses of members have none.
        if let Some(address) = entries.0.iter_mut().find(|e| e.key == "address") {
            let items = address.value.items();
            let nets = items.iter().filter_map(|i| i.text()?.parse::<IpNet>().ok());
            all.extend(nets);
            address.value = Value::of_list(&address.value.place, bare(items));
        }
        let place = &end.place;
        let node = nodes.get(end.node.as_str());
        let sources = node.and_then(|n| n.sources.get(end.interface.as_deref()?));
        entries.list("sources", place, bare(sources.map_or(&[], Vec::as_slice)));
        let networks = self.attachments.entry(end.node.clone()).or_default();
        if networks.has(bridge) {
            let what = format!("a second interface of {} on {bridge}", end.node);
            findings.not_supported(place, what, "give it a bridge of its own");
            return;
        }
        networks.set(bridge, place, entries.into_map(place));
    }

    /// The network of a bridge, whose members have only the addresses of the file. The host's address on it is
    /// one that no member has; with several subnets of one IP version, or none, it is a lan, without the host.
    fn network(&self, node: &LabNode, findings: &mut Findings) -> Value {
        let place = &node.place;
        let addresses = self
            .on_bridge
            .get(&node.name)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let (subnets, gateways, several) = segment::of(addresses, place);
        let ours = node.ours.as_ref();
        let chosen = ours.is_some_and(|o| o.get("subnet").is_some());
        let several = several || subnets.is_empty() && !chosen;
        let mut out = Entries::default();
        let subnets_empty = subnets.is_empty();
        out.one_or_many("subnet", place, subnets);
        out.one_or_many("gateway", place, gateways);
        match several {
            true => out.set("mode", place, Value::of_text(place, "lan")),
            false => out.set("internal", place, Value::of_plain(place, true)),
        }
        if !subnets_empty && !chosen {
            out.set("assign", place, Value::of_plain(place, "false"));
        }
        self.mtus.set(&node.name, &mut out, findings);
        out.extend(ours);
        out.into_map(place)
    }

    /// The networks of interfaces of the host.
    fn on_parents(&self, networks: &mut Entries, findings: &mut Findings) {
        for (name, parent) in &self.parents {
            let place = &parent.place;
            let on = self.on_bridge.get(name).into_iter().flatten();
            let mut subnets: Vec<IpNet> = on.map(IpNet::trunc).collect();
            subnets.sort();
            subnets.dedup();
            let subnets = subnets.iter().map(|n| Value::of_text(place, n.to_string()));
            let mut out = Entries::default();
            out.text("parent", parent);
            out.one_or_many("subnet", place, subnets.collect());
            out.set("assign", place, Value::of_plain(place, "false"));
            self.mtus.set(name, &mut out, findings);
            networks.set(name, place, out.into_map(place));
        }
    }

    fn node(
        &mut self,
        node: &LabNode,
        surroundings: &Surroundings<'_>,
        findings: &mut Findings,
    ) -> Value {
        let place = &node.place;
        let mut out = Entries::default();
        if let Some(networks) = self.attachments.remove(&node.name) {
            out.set("networks", place, networks.into_map(place));
        }
        if node.is_linux() {
            program(node, surroundings, &mut out, findings);
            if !node.environment.0.is_empty() {
                let variables = Value::of_map(place, node.environment.0.clone());
                out.set("environment", place, variables);
            }
            dns(node, &mut out, findings);
            let settings = Value::of_map(place, node.sysctls.0.clone());
            let has = |section: Section, key: &str| section.has(key);
            compose::sysctls(Some(&settings), &has, &mut out, findings);
        }
        out.list("routes", place, node.routes.clone());
        if let Some(place) = &node.forwarding {
            out.set("forwarding", place, Value::of_plain(place, true));
        }
        out.extend(node.ours.as_ref());
        out.into_map(place)
    }
}

/// Addresses without their lengths.
fn bare(items: &[Value]) -> Vec<Value> {
    let address = |item: &Value| {
        let text = item.text().unwrap_or_default();
        Value::of_text(&item.place, text.split('/').next().unwrap_or(text))
    };
    items.iter().map(address).collect()
}

/// Name servers, and domains in which names are looked up.
fn dns(node: &LabNode, out: &mut Entries, findings: &mut Findings) {
    for entry in node.dns.iter().flat_map(|d| d.entries()) {
        let key = match entry.key.as_str() {
            "servers" => "dns",
            "search" => "dns_search",
            other => {
                findings.ignore(format!("dns.{other}"));
                continue;
            }
        };
        let items = entry.value.items().iter();
        let items = items.map(|i| Value::of_text(&i.place, i.text().unwrap_or_default()));
        out.one_or_many(key, &entry.value.place, items.collect());
    }
}

/// The program of a node.
fn program(
    node: &LabNode,
    surroundings: &Surroundings<'_>,
    out: &mut Entries,
    findings: &mut Findings,
) {
    let first = node.command.first().and_then(Value::text);
    if let (Some(first), Some(value)) = (first, node.command.first()) {
        if (surroundings.program)(first) {
            out.list("command", &value.place, node.command.clone());
        } else {
            findings.note(format!(
                "the cmd of {} is not run: there is no program {first:?} on this machine",
                node.name
            ));
        }
    }
}

/// The settings of an end of a link, or of a connection to a network.
fn settings(end: &End, nodes: &BTreeMap<&str, &LabNode>, findings: &mut Findings) -> Entries {
    let mut out = Entries::default();
    let place = &end.place;
    let interface = end.interface.as_deref().unwrap_or_default();
    let node = nodes.get(end.node.as_str());
    if node.is_none() {
        let kind = hallway_spec::problem::ImportProblem::UnknownNode {
            node: end.node.clone(),
            nearest: hallway_spec::nearest(&end.node, nodes.keys().copied()).map(str::to_owned),
        };
        findings.problem(place, kind);
    }
    let set = node.and_then(|n| n.addresses.get(interface));
    let addresses = end.addresses.iter().chain(set.into_iter().flatten());
    let addresses = addresses.map(|a| Value::of_text(&a.place, a.text().unwrap_or_default()));
    out.one_or_many("address", place, addresses.collect());
    if InterfaceName::for_new_interface(interface).is_ok() {
        out.set("interface", place, Value::of_text(place, interface));
    } else if !interface.is_empty() {
        findings.ignore(format!("interface name {interface}"));
    }
    if let Some(mac) = &end.mac {
        out.text("mac", mac);
    }
    out
}

/// The project's name: of the command line, of the file, otherwise of the path.
pub(crate) fn name(file: &Value, given: Option<&str>, path: &str) -> String {
    let own = file.get("name").and_then(Value::text);
    let name = given.or(own).map(str::to_owned);
    name.unwrap_or_else(|| hallway_spec::name_of(path).to_string())
}
