//! The active services, with the data that other services need.

use std::collections::BTreeMap;

use hallway_spec::problem::ImportProblem;
use hallway_spec::{Entry, Name, Place, Value, nearest};

use super::health::Becomes;
use super::{containers, empty, expose, health, images, kinds, ports, replicas, shares, words};
use crate::findings::Findings;
use crate::surroundings::{Options, Surroundings};

/// A service's connection to a network.
#[derive(Debug, Clone)]
pub(super) struct Attached {
    /// Compose's name of the network.
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) value: Value,
}

/// An active service.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) value: Value,
    /// Its nodes, one for each replica.
    pub(super) nodes: Vec<String>,
    /// A further name of the first of several nodes, like `web-1`.
    pub(super) first: Option<String>,
    pub(super) networks: Vec<Attached>,
    /// The names that `links` of other services give it.
    pub(super) linked: Vec<Value>,
    /// The service whose network it shares.
    pub(super) shares: Option<Value>,
    pub(super) ports: Vec<ports::Port>,
    /// The words of its program.
    pub(super) command: Option<Value>,
    /// The ports of its program, as far as the file specifies them.
    pub(super) ready: Vec<Value>,
    /// The health check to run.
    pub(super) healthcheck: Option<Value>,
    /// Whether its program is the small server.
    pub(super) stub: bool,
    /// The running containers that its nodes join, in the order of the nodes; none where it has a
    /// namespace of hallway's.
    pub(super) containers: Vec<String>,
    /// Why it joins none, although that was asked for.
    pub(super) joins_none: Option<String>,
}

impl Service {
    /// Whether its nodes have a program.
    pub(super) fn runs(&self) -> bool {
        let ours = self.value.get("x-hallway").and_then(|x| x.get("command"));
        self.command.is_some() || ours.is_some()
    }
}

/// Reports numbers of nodes for services that are not in the file.
fn unknown_scales(all: &[&Entry], options: &Options, findings: &mut Findings) {
    for name in options.scale.keys() {
        if !all.iter().any(|e| e.key == *name) {
            let near = nearest(name, all.iter().map(|e| e.key.as_str()));
            let kind = ImportProblem::UnknownService {
                service: name.clone(),
                nearest: near.map(str::to_owned),
            };
            // It is an option, not a part of the file.
            findings.problem(&Place::default(), kind);
        }
    }
}

/// The active services with their own network namespace.
pub(super) fn read(
    file: &Value,
    project: &str,
    options: &Options,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) -> Vec<Service> {
    let mut out = Vec::new();
    let section = file.get("services");
    let all = section.iter().flat_map(|s| s.entries());
    let all = all.filter(|e| !e.key.starts_with("x-")).collect::<Vec<_>>();
    unknown_scales(&all, options, findings);
    let mut count = 0;
    for &entry in &all {
        kinds::check(entry, findings);
        if !active(&entry.value, options) {
            continue;
        }
        let entry = &Entry {
            value: empty::without(&entry.value),
            ..entry.clone()
        };
        let shares = shares::with(&entry.value, section);
        let networks = match &shares {
            Some(_) => Vec::new(),
            None => match attached(&entry.key, &entry.place, &entry.value, findings) {
                Some(networks) => networks,
                None => continue,
            },
        };
        let nodes = replicas::nodes(&entry.key, &entry.value, &all, options, findings);
        count += nodes.len();
        if count > NODES_MAX && nodes.len() > 1 {
            let what = format!("a project of more than {NODES_MAX} nodes");
            findings.not_supported(&entry.place, what, "write fewer replicas");
            break;
        }
        let published = entry.value.get("ports");
        let mut service = Service {
            name: entry.key.clone(),
            place: entry.place.clone(),
            ports: published.map_or_else(Vec::new, |p| ports::published(p, findings)),
            value: entry.value.clone(),
            first: replicas::first(&entry.key, &nodes, &all),
            nodes,
            networks,
            linked: linked(&all, &entry.key),
            shares,
            command: None,
            ready: Vec::new(),
            healthcheck: None,
            stub: false,
            containers: Vec::new(),
            joins_none: None,
        };
        // The program of one that shares a network runs in its own container, in the same way.
        if options.join {
            join(&mut service, project, surroundings);
        }
        if service.containers.is_empty() {
            program(&mut service, options, surroundings, findings);
        }
        out.push(service);
    }
    out
}

/// The names that `links` of other services, like `db:database`, give to a service.
fn linked(all: &[&Entry], service: &str) -> Vec<Value> {
    let links = all.iter().filter_map(|e| e.value.get("links"));
    let names = links.flat_map(|l| l.items()).filter_map(|item| {
        let (to, name) = item.text()?.split_once(':')?;
        let sound = name.parse::<Name>().is_ok() && !all.iter().any(|e| e.key == name);
        (to == service && sound).then(|| Value::of_text(&item.place, name))
    });
    names.collect()
}

/// Whether it needs no profile, or one of its profiles is active.
pub(super) fn active(service: &Value, options: &Options) -> bool {
    let Some(profiles) = service.get("profiles") else {
        return true;
    };
    let mut names = profiles.items().iter().filter_map(Value::text).peekable();
    let all = options.profiles.iter().any(|p| p == "*");
    all || names.peek().is_none() || names.any(|n| options.profiles.iter().any(|p| p == n))
}

/// The networks of a service; `None` if it has no network namespace of its own.
fn attached(
    name: &str,
    place: &Place,
    value: &Value,
    findings: &mut Findings,
) -> Option<Vec<Attached>> {
    let one = |network: &str, place: &Place| {
        vec![Attached {
            name: network.to_owned(),
            place: place.clone(),
            value: Value::default(),
        }]
    };
    if value.get("provider").is_some() {
        findings.note(format!(
            "{name} is left out: a program beside Compose provides it, not a container"
        ));
        return None;
    }
    if let Some(mode) = value.get("network_mode") {
        let text = mode.text().unwrap_or_default();
        return match text {
            "none" => Some(Vec::new()),
            "bridge" | "default" => Some(one("bridge", &mode.place)),
            "host" => {
                findings.note(format!(
                    "{name} is not started: with network_mode: host it would run on the host itself"
                ));
                None
            }
            _ if text.starts_with("container:") => {
                let other = text.trim_start_matches("container:");
                findings.note(format!(
                    "{name} is not started: it shares the network of the container {other}, which is not of this file"
                ));
                None
            }
            _ => {
                findings.not_supported(
                    &mode.place,
                    format!("network_mode {text:?}"),
                    "write none, host, bridge or service:NAME, or list the networks under networks",
                );
                None
            }
        };
    }
    let Some(networks) = value.get("networks").filter(|n| !n.entries().is_empty()) else {
        return Some(one("default", place));
    };
    let mut out = Vec::new();
    for entry in networks.entries() {
        out.push(Attached {
            name: entry.key.clone(),
            place: entry.place.clone(),
            value: entry.value.clone(),
        });
    }
    // The network of the highest priority has the default route.
    let priority = |a: &Attached| {
        let text = a.value.get("gw_priority").and_then(Value::text);
        std::cmp::Reverse(text.and_then(|t| t.parse::<i64>().ok()).unwrap_or(0))
    };
    out.sort_by_key(priority);
    Some(out)
}

/// The greatest number of nodes of all services with replicas.
const NODES_MAX: usize = 100_000;

/// Decides which program runs in the nodes of a service.
fn program(
    service: &mut Service,
    options: &Options,
    surroundings: &Surroundings<'_>,
    findings: &mut Findings,
) {
    let value = service.value.clone();
    if value
        .get("x-hallway")
        .is_some_and(|x| x.get("command").is_some())
    {
        health(service, surroundings, findings);
        return;
    }
    let image = value.get("image").or_else(|| value.get("build"));
    if let Some(image) = image.filter(|_| options.stub) {
        let ports = served(service, image.text().unwrap_or_default());
        // Without ports it has no program: its own is made for the files of its image.
        if !ports.is_empty() {
            serve(service, &image.place, &ports);
        }
        return;
    }
    let Some(words) = words::of(&value, findings) else {
        return;
    };
    let first = words
        .items()
        .first()
        .and_then(Value::text)
        .unwrap_or_default();
    if image.is_some() && first.starts_with('-') {
        findings.note(format!(
            "the command of {} is not run: it has only arguments for the program of its image",
            service.name
        ));
        return;
    }
    if image.is_some() && !(surroundings.program)(first) {
        findings.note(format!(
            "the command of {} is not run: there is no program {first:?} on this machine",
            service.name
        ));
        return;
    }
    let directory = value.get("working_dir").and_then(Value::text);
    if let Some(directory) = directory.filter(|d| !(surroundings.directory)(d))
        && image.is_some()
    {
        findings.note(format!(
            "the command of {} is not run: there is no directory {directory:?} on this machine",
            service.name
        ));
        return;
    }
    service.command = Some(words);
    health(service, surroundings, findings);
}

/// The greatest number of ports of the small server.
const SERVED_MAX: usize = 64;

/// The ports of a service, as far as the file or its image specifies them.
fn served(service: &Service, image: &str) -> Vec<String> {
    let mut ranges: Vec<((u16, u16), String)> = service
        .ports
        .iter()
        .map(|p| (p.node, p.protocol.clone()))
        .collect();
    if let Some(given) = service.value.get("expose") {
        ranges.extend(expose::exposed(given));
    }
    let mut out: Vec<String> = Vec::new();
    for ((first, last), protocol) in ranges {
        for port in (first..=last).take(SERVED_MAX) {
            let text = format!("{port}/{protocol}");
            if !out.contains(&text) && out.len() < SERVED_MAX {
                out.push(text);
            }
        }
    }
    if out.is_empty() {
        out.extend(images::exposed(image).iter().map(|p| format!("{p}/tcp")));
    }
    out
}

/// Gives a service the small server on these ports.
pub(super) fn serve(service: &mut Service, place: &Place, ports: &[String]) {
    let text = |text: &str| Value::of_text(place, text);
    let words = ["hallway", "serve"].into_iter();
    let words = words.chain(ports.iter().map(String::as_str)).map(text);
    service.command = Some(Value::of_list(place, words.collect()));
    service.ready = ports.iter().map(|p| text(p)).collect();
    service.stub = true;
}

/// Sets the health check of a service, or the port that it checks.
fn health(service: &mut Service, surroundings: &Surroundings<'_>, findings: &mut Findings) {
    let Some(check) = service.value.get("healthcheck") else {
        return;
    };
    match health::becomes(check, surroundings) {
        Becomes::Nothing => {}
        Becomes::Itself => service.healthcheck = Some(check.clone()),
        Becomes::Port(port) => {
            service.ready = vec![Value::of_text(&check.place, format!("{port}/tcp"))];
        }
        Becomes::Lost(program) => findings.ignore(format!(
            "healthcheck of {} (there is no program {program:?} on this machine)",
            service.name
        )),
    }
}

/// Lets all nodes of a service join its running containers, or keeps why none does.
fn join(service: &mut Service, project: &str, surroundings: &Surroundings<'_>) {
    let nodes = service.nodes.len();
    let found = containers::find(
        project,
        &service.name,
        &service.value,
        nodes,
        surroundings.container,
    );
    match found {
        Ok(found) => {
            // Its ports are published by who runs it.
            service.ports.clear();
            service.containers = found;
        }
        Err(why) => service.joins_none = Some(why),
    }
}

/// The active services by name, with their nodes, for references.
pub(super) fn by_name(services: &[Service]) -> BTreeMap<&str, &Service> {
    services.iter().map(|s| (s.name.as_str(), s)).collect()
}
