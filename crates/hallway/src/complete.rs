//! Completion of names in a shell: existing nodes, networks, projects and sandboxes. Only records
//! are read; no sandbox is entered.

use clap_complete::env::Shells;
use clap_complete::{CompletionCandidate, Shell};
use hallway_engine::sandbox;
use hallway_plan::Settled;

use crate::args::Common;
use crate::state_dir::{records, state_dir};

/// The variable with which a shell's script requests candidates from this program.
pub(crate) const VARIABLE: &str = "HALLWAY_COMPLETE";

/// The script that a shell reads to complete commands of hallway.
pub(crate) fn script(shell: Shell) -> std::io::Result<String> {
    let shells = Shells::builtins();
    let name = shell.to_string();
    let known = shells.completer(&name);
    let known = known.ok_or_else(|| std::io::Error::other(format!("{name} is not supported")))?;
    let mut out = Vec::new();
    known.write_registration(VARIABLE, "hallway", "hallway", "hallway", &mut out)?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// The value of a flag among the words that are being completed.
fn flag(names: &[&str]) -> Option<String> {
    let mut words = crate::environment::words();
    while let Some(word) = words.next() {
        if names.contains(&word.as_str()) {
            return words.next();
        }
        let joined = |name: &&str| {
            word.strip_prefix(*name)?
                .strip_prefix('=')
                .map(str::to_owned)
        };
        if let Some(value) = names.iter().find_map(joined) {
            return Some(value);
        }
    }
    None
}

/// The place and project in the words and the environment.
fn common() -> Option<Common> {
    let value = |names: &[&str], variable: &str| {
        let given = flag(names).or_else(|| std::env::var(variable).ok());
        given.filter(|v| !v.is_empty())
    };
    let project = value(&["-p", "--project"], "HALLWAY_PROJECT");
    let sandbox = value(&["--sandbox"], "HALLWAY_SANDBOX");
    Some(Common {
        project: project.and_then(|p| p.parse().ok()),
        host: crate::environment::words().any(|word| word == "--host")
            || std::env::var("HALLWAY_HOST")
                .is_ok_and(|v| !["", "0", "false"].contains(&v.as_str())),
        sandbox: sandbox.unwrap_or_else(|| "default".into()).parse().ok()?,
        state_dir: value(&["--state-dir"], "HALLWAY_STATE_DIR").map(Into::into),
        map_root: false,
        quiet: true,
        verbose: 0,
    })
}

/// The given project, or all projects.
fn settled() -> Vec<Settled> {
    let found = common().and_then(|common| {
        let engine = records(&common)?;
        let projects = engine.projects().into_iter();
        let meant = projects.filter(|p| common.project.as_ref().is_none_or(|named| named == p));
        let records = meant.filter_map(|p| engine.record(&p).ok().flatten());
        Some(records.filter_map(|r| r.applied).collect())
    });
    found.unwrap_or_default()
}

fn candidates<T: ToString>(names: impl IntoIterator<Item = T>) -> Vec<CompletionCandidate> {
    let mut names: Vec<String> = names.into_iter().map(|n| n.to_string()).collect();
    names.sort();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Nodes, and programs that share the namespace of one, by all names that they have.
pub(crate) fn nodes() -> Vec<CompletionCandidate> {
    candidates(settled().iter().flat_map(names_of_nodes))
}

fn names_of_nodes(settled: &Settled) -> Vec<String> {
    let programs = settled.programs().map(|p| p.name);
    let further = settled.nodes.iter().flat_map(|node| {
        let aliases = node.interfaces.iter().flat_map(|i| &i.aliases);
        aliases.chain(&node.hostname).chain([&node.name])
    });
    programs.chain(further).map(ToString::to_string).collect()
}

/// Networks.
pub(crate) fn networks() -> Vec<CompletionCandidate> {
    candidates(settled().iter().flat_map(|s| &s.networks).map(|n| &n.name))
}

/// Nodes and networks.
pub(crate) fn parts() -> Vec<CompletionCandidate> {
    candidates(names_of_parts())
}

/// What packets can be captured of.
pub(crate) fn captured() -> Vec<CompletionCandidate> {
    candidates(names_of_parts().into_iter().chain(["host".to_owned()]))
}

fn names_of_parts() -> Vec<String> {
    let settled = settled();
    let networks = settled.iter().flat_map(|s| &s.networks).map(|n| &n.name);
    let networks = networks.map(ToString::to_string);
    let nodes = settled.iter().flat_map(names_of_nodes);
    nodes.chain(networks).collect()
}

/// Nodes, and other clients and servers.
pub(crate) fn parties() -> Vec<CompletionCandidate> {
    let others = ["host", "outside"].map(String::from);
    candidates(settled().iter().flat_map(names_of_nodes).chain(others))
}

/// The names of ports, each with the node that has it.
fn named_ports() -> Vec<(String, String)> {
    let found = common().and_then(|common| {
        let engine = records(&common)?;
        let projects = engine.projects().into_iter();
        let meant = projects.filter(|p| common.project.as_ref().is_none_or(|named| named == p));
        let sources = meant.filter_map(|p| Some(engine.record(&p).ok()??.source));
        let topologies =
            sources.filter_map(|text| Some(hallway_spec::parse("", &text).ok()?.topology));
        let nodes = topologies.flat_map(|t| t.nodes);
        let ports = nodes.flat_map(|n| {
            let name = n.name.to_string();
            let ports = n.port_names.into_iter();
            ports.map(move |p| (name.clone(), p.name.to_string()))
        });
        Some(ports.collect())
    });
    found.unwrap_or_default()
}

/// The names of ports.
pub(crate) fn ports() -> Vec<CompletionCandidate> {
    candidates(named_ports().into_iter().map(|(_, port)| port))
}

/// Servers: nodes and others, also with the name of a port.
pub(crate) fn servers() -> Vec<CompletionCandidate> {
    let ports = named_ports()
        .into_iter()
        .map(|(node, port)| format!("{node}:{port}"));
    parties().into_iter().chain(candidates(ports)).collect()
}

/// The endpoints that a policy can have.
pub(crate) fn endpoints() -> Vec<CompletionCandidate> {
    let others = ["host", "outside", "any"].map(String::from);
    candidates(names_of_parts().into_iter().chain(others))
}

/// Projects.
pub(crate) fn projects() -> Vec<CompletionCandidate> {
    let found = common().and_then(|common| Some(records(&common)?.projects()));
    candidates(found.unwrap_or_default())
}

/// Sandboxes.
pub(crate) fn sandboxes() -> Vec<CompletionCandidate> {
    let state = common().and_then(|common| state_dir(&common).ok());
    candidates(state.iter().flat_map(|s| sandbox::list(s)).map(|s| s.name))
}
