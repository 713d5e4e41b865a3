//! What is there: `status`, `ls`, `inspect`, `export` and the lists of parts.

use std::process::ExitCode;

use hallway_engine::keeper::{Client, ProgramStatus};
use hallway_engine::settled::{self, Interface, Network, Node, Plug, Publish};
use hallway_engine::{Failure, NamespaceState, Settled};
use hallway_spec::{Document, Name, parse};
use serde_json::{Value, json};

use crate::args::{Common, Format};
use crate::diagnose::Trouble;
use crate::render::{table::columns, tree};
use crate::scope::{Scope, here, present};
use crate::ui::{self, YELLOW, styled};

const VERSION: u32 = 1;

fn services(project: &Name) -> Result<Vec<ProgramStatus>, Failure> {
    match Client::connect(project.as_ref())? {
        Some(client) => Ok(client.programs()?),
        None => Ok(Vec::new()),
    }
}

/// How many steps would bring the kernel back to what is on record.
fn drift(scope: &Scope, project: &Name) -> Result<usize, Failure> {
    scope.engine.drift(project)
}

pub(crate) fn status(common: &Common, format: Format) -> Result<ExitCode, Trouble> {
    let scope = here(common)?;
    let (project, settled) = present(common, &scope.engine)?;
    let services = services(&project)?;
    let drift = drift(&scope, &project)?;
    let path = scope.engine.record(&project).and_then(|r| r.path);
    match format {
        Format::Json => ui::json(&json!({
            "schema_version": VERSION,
            "project": project,
            "place": scope.words(),
            "sandbox": scope.sandbox.as_ref().map(|s| &s.name),
            "file": path,
            "drift": drift,
            "networks": settled.networks.iter().map(|n| network_json(&settled, n)).collect::<Vec<_>>(),
            "nodes": settled.nodes.iter().map(|n| node_json(&settled, n, &services)).collect::<Vec<_>>(),
            "links": links_json(&settled),
            "policies": settled.policies.iter().map(policy_json).collect::<Vec<_>>(),
        })),
        Format::Text => {
            let file = path.map(|p| format!(" from {p}")).unwrap_or_default();
            ui::line(format!("{project} is up {}{file}", scope.words()));
            ui::out(&tree::project(&settled, Some(&services)));
            if drift > 0 {
                let words = format!(
                    "the kernel differs from this in {drift} steps: hallway plan shows them, hallway up mends it"
                );
                ui::line(styled(YELLOW, words));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn projects(common: &Common, format: Format) -> Result<ExitCode, Trouble> {
    let scope = Scope::existing(common)?;
    let mut values = Vec::new();
    let mut rows = vec![
        ["PROJECT", "NODES", "NETWORKS", "STATE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    if let Some(scope) = &scope {
        for project in scope.engine.projects() {
            let Some(record) = scope.engine.record(&project) else {
                continue;
            };
            let settled = record.applied.as_ref().or(record.pending.as_ref());
            let names = |f: fn(&Settled) -> Vec<String>| settled.map(f).unwrap_or_default();
            let nodes = names(|s| s.nodes.iter().map(|n| n.name.to_string()).collect());
            let networks = names(|s| s.networks.iter().map(|n| n.name.to_string()).collect());
            let state = if record.pending.is_some() {
                "unfinished"
            } else {
                "up"
            };
            rows.push(vec![
                project.to_string(),
                nodes.join(" "),
                networks.join(" "),
                state.into(),
            ]);
            values.push(json!({
                "schema_version": VERSION,
                "project": project,
                "sandbox": scope.sandbox.as_ref().map(|s| &s.name),
                "state": state,
                "file": record.path,
                "created": record.created,
                "nodes": nodes,
                "networks": networks,
            }));
        }
    }
    match format {
        Format::Json => ui::json(&json!(values)),
        Format::Text if values.is_empty() => {
            ui::note(common, "nothing is up; hallway up FILE builds something")
        }
        Format::Text => ui::out(&columns(&rows)),
    }
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn inspect(common: &Common, name: &Name) -> Result<ExitCode, Trouble> {
    let scope = here(common)?;
    let (project, settled) = present(common, &scope.engine)?;
    let mut value = if let Some(node) = settled.node(name) {
        let mut value = node_json(&settled, node, &services(&project)?);
        let namespaces = scope.engine.see(&project)?.observed.namespaces;
        let inode = namespaces
            .into_iter()
            .find(|n| n.name == node.netns)
            .and_then(|n| match n.state {
                NamespaceState::Mounted(inode) => Some(inode),
                NamespaceState::PlainFile | NamespaceState::Other => None,
            });
        add(&mut value, "kind", json!("node"));
        add(&mut value, "inode", json!(inode));
        add(
            &mut value,
            "routes",
            json!(
                node.routes
                    .iter()
                    .map(|r| route_json(node, r))
                    .collect::<Vec<_>>()
            ),
        );
        add(&mut value, "environment", json!(node.environment));
        value
    } else if let Some(network) = settled.network(name) {
        let mut value = network_json(&settled, network);
        add(&mut value, "kind", json!("network"));
        value
    } else {
        let known: Vec<&str> = settled
            .nodes
            .iter()
            .map(|n| n.name.as_ref())
            .chain(settled.networks.iter().map(|n| n.name.as_ref()))
            .collect();
        return Err(Trouble::usage(
            format!("project {project} has no node or network {name}"),
            format!("it has: {}", known.join(", ")),
        ));
    };
    add(&mut value, "project", json!(project));
    ui::json(&value);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn export(common: &Common) -> Result<ExitCode, Trouble> {
    let scope = here(common)?;
    let (project, _) = present(common, &scope.engine)?;
    let record = scope
        .engine
        .record(&project)
        .ok_or_else(|| Trouble::usage(format!("project {project} is not up"), ""))?;
    let path = record.path.unwrap_or_default();
    let same = parse(&path, &record.source).is_ok_and(|p| p.topology.name == project);
    let named = Document::read(&record.source).filter(|d| d.name.is_some() || !same);
    match named {
        Some(document) if !same => ui::out(
            &Document {
                name: Some(project.to_string()),
                ..document
            }
            .to_yaml(),
        ),
        Some(_) => ui::out(&record.source),
        // Named by its file: in another file it would be another project.
        None => ui::out(&format!("name: {project}\n{}", record.source)),
    }
    Ok(ExitCode::SUCCESS)
}

fn policy_json(policy: &settled::Policy) -> Value {
    json!({ "action": policy.action, "words": policy.words, "line": policy.place.line })
}

/// Which list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Nodes,
    Networks,
    Links,
}

pub(crate) fn part(common: &Common, part: Part, format: Format) -> Result<ExitCode, Trouble> {
    let scope = here(common)?;
    let (project, settled) = present(common, &scope.engine)?;
    let values: Vec<Value> = match part {
        Part::Nodes => {
            let services = services(&project)?;
            settled
                .nodes
                .iter()
                .map(|n| node_json(&settled, n, &services))
                .collect()
        }
        Part::Networks => settled
            .networks
            .iter()
            .map(|n| network_json(&settled, n))
            .collect(),
        Part::Links => links_json(&settled),
    };
    match format {
        Format::Json => ui::json(&json!(values)),
        Format::Text => ui::out(&columns(&rows(part, &settled))),
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(part: Part, settled: &Settled) -> Vec<Vec<String>> {
    let head = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    let mut out = Vec::new();
    match part {
        Part::Nodes => {
            out.push(head(&["NODE", "NAMESPACE", "ADDRESSES", "PUBLISHED"]));
            for node in &settled.nodes {
                let addresses: Vec<String> = node
                    .interfaces
                    .iter()
                    .flat_map(|i| &i.addresses)
                    .map(ToString::to_string)
                    .collect();
                let ports: Vec<String> = published(settled, node).map(tree::publish).collect();
                out.push(vec![
                    node.name.to_string(),
                    node.netns.clone(),
                    addresses.join(" "),
                    ports.join(" "),
                ]);
            }
        }
        Part::Networks => {
            out.push(head(&["NETWORK", "SUBNET", "GATEWAY", "BRIDGE", "KIND"]));
            for network in &settled.networks {
                let subnets: Vec<String> =
                    network.subnets.iter().map(|s| s.net.to_string()).collect();
                let gateways: Vec<String> = network
                    .subnets
                    .iter()
                    .map(|s| s.gateway.to_string())
                    .collect();
                let kind = if network.outside {
                    "outside"
                } else if network.internal {
                    "internal"
                } else {
                    "open"
                };
                let bridge = network.bridge.clone().unwrap_or_else(|| "(routed)".into());
                out.push(vec![
                    network.name.to_string(),
                    subnets.join(" "),
                    gateways.join(" "),
                    bridge,
                    kind.into(),
                ]);
            }
        }
        Part::Links => {
            out.push(head(&["NODE", "INTERFACE", "NODE", "INTERFACE"]));
            for cable in &settled.cables {
                out.push(vec![
                    cable.a.0.to_string(),
                    cable.a.1.clone(),
                    cable.b.0.to_string(),
                    cable.b.1.clone(),
                ]);
            }
        }
    }
    out
}

fn add(value: &mut Value, key: &str, what: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(key.into(), what);
    }
}

fn published<'a>(settled: &'a Settled, node: &'a Node) -> impl Iterator<Item = &'a Publish> {
    settled
        .publishes
        .iter()
        .filter(move |p| p.node == node.name)
}

fn mac(bytes: [u8; 6]) -> String {
    bytes.map(|b| format!("{b:02x}")).join(":")
}

fn route_json(node: &Node, route: &hallway_engine::settled::Route) -> Value {
    let interface = node.interfaces.get(route.interface).map(|i| &i.name);
    json!({ "to": route.to, "via": route.via, "interface": interface })
}

fn interface_json(interface: &Interface) -> Value {
    let (network, link) = match &interface.plug {
        Plug::Port { network, link } => (Some(network), Some(link)),
        Plug::Cable => (None, None),
    };
    json!({
        "name": interface.name,
        "mac": mac(interface.mac),
        "addresses": interface.addresses,
        "mtu": interface.mtu,
        "bandwidth": interface.bandwidth,
        "network": network,
        "host_link": link,
    })
}

fn publish_json(publish: &Publish) -> Value {
    json!({
        "host_address": publish.host_address,
        "host_ports": publish.host_ports.to_string(),
        "node_ports": publish.node_ports.to_string(),
        "protocol": publish.protocol,
    })
}

fn node_json(settled: &Settled, node: &Node, services: &[ProgramStatus]) -> Value {
    let status = services.iter().find(|s| s.node == node.name.as_ref());
    json!({
        "schema_version": VERSION,
        "name": node.name,
        "namespace": node.netns,
        "interfaces": node.interfaces.iter().map(interface_json).collect::<Vec<_>>(),
        "published": published(settled, node).map(publish_json).collect::<Vec<_>>(),
        "command": node.service.as_ref().map(|s| &s.command),
        "program": status,
    })
}

fn network_json(settled: &Settled, network: &Network) -> Value {
    let members: Vec<Value> = settled
        .nodes
        .iter()
        .flat_map(|n| n.ports().filter(|(_, of, _)| *of == &network.name).map(move |(i, ..)| (n, i)))
        .map(|(node, interface)| json!({ "node": node.name, "interface": interface.name, "addresses": interface.addresses }))
        .collect();
    json!({
        "schema_version": VERSION,
        "name": network.name,
        "bridge": network.bridge,
        "mac": mac(network.mac),
        "subnets": network.subnets,
        "internal": network.internal,
        "outside": network.outside,
        "mode": network.mode,
        "mtu": network.mtu,
        "members": members,
    })
}

fn links_json(settled: &Settled) -> Vec<Value> {
    let end = |(node, interface): &(Name, String)| json!({ "node": node, "interface": interface });
    settled
        .cables
        .iter()
        .map(|c| json!({ "schema_version": VERSION, "endpoints": [end(&c.a), end(&c.b)] }))
        .collect()
}
