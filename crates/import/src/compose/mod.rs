//! A Compose file as a hallway file.

mod absent;
mod container_names;
mod containers;
mod context;
mod cycles;
mod empty;
mod environment;
mod expose;
mod health;
mod images;
mod keys;
mod kinds;
mod names;
mod networks;
mod node;
mod notes;
mod ours;
mod port_names;
mod ports;
mod references;
mod replicas;
pub(crate) mod schema;
mod service;
mod shares;
mod stubs;
mod unpublished;
mod words;

pub(crate) use names::sysctls;
pub(crate) use node::may_fail_unless_said;

use hallway_spec::problem::ImportProblem;
use hallway_spec::{Place, Value, ValueKind};

use absent::Absent;

use crate::entries::Entries;
use crate::findings::Findings;
use crate::sources::Sources;
use crate::surroundings::{File, Options, Surroundings};
use crate::variables::{PROJECT_NAME, Variables, interpolate};

/// The project's name: of the command line, of the variable, of the last file that has one, of the
/// directory. The texts of the files may contain it as a variable, so it is read before them.
pub(crate) fn name(files: &[File], options: &Options, variables: &Variables<'_>) -> String {
    let given = options.name.clone();
    let own = || {
        files
            .iter()
            .rev()
            .find_map(|file| own_name(file, variables))
    };
    let variable = || variables.get(PROJECT_NAME).filter(|n| !n.is_empty());
    given.or_else(variable).or_else(own).unwrap_or_else(|| {
        let path = files.first().map_or("", |f| &f.path);
        let directory = options.directory.clone();
        let directory = directory.unwrap_or_else(|| crate::sources::parent(path));
        name_by(directory.rsplit('/').next().unwrap_or_default())
    })
}

/// The name of a project by that of its directory, as Compose makes it: in small letters, without other
/// characters.
fn name_by(directory: &str) -> String {
    let lower = directory.to_ascii_lowercase();
    let kept: String = lower
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    let kept = kept.trim_start_matches(['-', '_']).chars().take(63);
    let name: String = kept.collect();
    match name.is_empty() {
        true => hallway_spec::name_of("compose.yaml").to_string(),
        false => name,
    }
}

/// The key `name` of one file. What is wrong with it is reported when the file is read.
fn own_name(file: &File, variables: &Variables<'_>) -> Option<String> {
    let value = Value::read(file.text.trim_start_matches('\u{feff}')).ok()?;
    let text = value.get("name")?.text()?;
    let name = interpolate(text, &|name| variables.get(name), &mut |_| {}).ok()?;
    (!name.is_empty()).then_some(name)
}

/// The hallway file for a Compose file that was read with all files it names.
pub(crate) fn translate(
    file: &Value,
    name: &str,
    options: &Options,
    surroundings: &Surroundings<'_>,
    sources: &Sources,
    variables: &Variables<'_>,
    findings: &mut Findings,
) -> Value {
    let file = &checked(file, findings);
    let mut services = service::read(file, name, options, surroundings, findings);
    container_names::check(&services, findings);
    stubs::one_for_each_port(&mut services);
    notes::say(&services, options, findings);
    cycles::check(&services, findings);
    cycles::of_networks(&services, findings);
    let networks = networks::read(file, name, &services, findings);
    let by_name = service::by_name(&services);
    let context = context::Context {
        file,
        services: &by_name,
        networks: &networks,
        options,
        surroundings,
        variables,
        sources,
    };
    let named = services.iter().flat_map(|s| &s.ports);
    let mut chooser = ports::Chooser::new(name, surroundings, named);
    let mut nodes = Entries::default();
    for service in &services {
        for (replica, node_name) in service.nodes.iter().enumerate() {
            let value = node::node(&context, service, replica, &mut chooser, findings);
            if let Some(value) = value {
                nodes.set(node_name, &service.place, value);
            }
        }
    }
    let absent = Absent::of(file, &absent::nodes_of(&services, &nodes), options);
    let place = &file.place;
    let mut out = Entries::default();
    let name_place = file.get("name").map_or(place, |n| &n.place);
    out.set("name", name_place, Value::of_text(name_place, name));
    let isolated = networks.isolated.iter().map(|(place, name)| {
        match nodes.0.iter().any(|e| e.key == *name) {
            true => isolate(place, &format!("network:{name}")),
            false => isolate(place, name),
        }
    });
    let isolated: Vec<Value> = isolated.collect();
    out.set("networks", place, networks.entries.into_map(place));
    out.set("nodes", place, nodes.into_map(place));
    out.list("policies", place, isolated);
    ours::add(
        file.get("x-hallway"),
        &services,
        &networks.names,
        &absent,
        &mut out,
        findings,
    );
    out.into_map(place)
}

/// The file with misspelt keys replaced; problems of its keys and of the kinds of its values are reported.
fn checked(file: &Value, findings: &mut Findings) -> Value {
    let mut file = file.clone();
    let beside = beside_services(&file);
    if let Some((place, _)) = beside.first() {
        let names: Vec<String> = beside.iter().map(|(_, name)| (*name).to_owned()).collect();
        let begun = file.entries().iter().any(|e| e.key == "services");
        let problem = match begun {
            true => ImportProblem::BesideServices(names.clone()),
            false => ImportProblem::FirstVersion(names.clone()),
        };
        findings.problem(place, problem);
        if let ValueKind::Map(entries) = &mut file.kind {
            entries.retain(|e| !names.contains(&e.key));
        }
    }
    schema::check(&mut file, &schema::FILE, findings);
    for key in keys::FILE_IGNORED {
        if file.get(key).is_some() {
            findings.ignore(*key);
        }
    }
    references::check(&file, findings);
    file
}

/// Services that are not indented: `services` has no value or is not there, and they are keys of the file.
fn beside_services(file: &Value) -> Vec<(&Place, &str)> {
    let is_service = |value: &Value| {
        let has = |key: &str| value.get(key).is_some();
        ["image", "build", "command", "ports"]
            .iter()
            .any(|k| has(k))
    };
    let there = file.get("services").is_some();
    let entries = file.entries().iter().filter(|_| !there);
    let entries =
        entries.filter(|e| !schema::FILE.keys().contains(&e.key.as_str()) && is_service(&e.value));
    entries.map(|e| (&e.place, e.key.as_str())).collect()
}

/// The policy that members of a network do not reach each other.
fn isolate(place: &Place, network: &str) -> Value {
    let mut out = Entries::default();
    out.set("action", place, Value::of_text(place, "deny"));
    out.set("from", place, Value::of_text(place, network));
    out.set("to", place, Value::of_text(place, network));
    out.into_map(place)
}
