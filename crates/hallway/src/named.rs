//! What the names of a command line mean: nodes by any of their names, networks, ends of policies.

use std::path::Path;

use hallway_engine::{Engine, Workplace, sandbox};
use hallway_plan::Settled;
use hallway_plan::settled::{Network, Node};
use hallway_spec::{Name, listed};

use crate::args::Common;
use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::scope::{self, Scope, state_dir};

/// The nodes of a project that a name means; at least one.
pub(crate) fn nodes<'a>(
    common: &Common,
    scope: &Scope,
    settled: &'a Settled,
    name: &Name,
) -> Result<Vec<&'a Node>, VerbError> {
    let found = settled.named(name);
    match found.is_empty() {
        false => Ok(found),
        true => Err(CommandError::NoSuchNode {
            project: settled.project.clone(),
            node: name.clone(),
            nodes: settled.nodes.iter().map(|n| n.name.clone()).collect(),
            elsewhere: elsewhere(common, Some(scope), Some(&settled.project), name),
        }
        .into()),
    }
}

/// The flags of the projects that have a node of that name, apart from one of this scope: others of it,
/// and those of other sandboxes and of the host, if their records can be read from here.
pub(crate) fn elsewhere(
    common: &Common,
    scope: Option<&Scope>,
    apart_from: Option<&Name>,
    name: &Name,
) -> Vec<String> {
    with(common, scope, apart_from, |s| !s.named(name).is_empty())
}

/// As [`elsewhere`], for a network.
pub(crate) fn network_elsewhere(
    common: &Common,
    scope: &Scope,
    project: &Name,
    name: &Name,
) -> Vec<String> {
    with(common, Some(scope), Some(project), |s| {
        s.networks.iter().any(|n| n.name == *name)
    })
}

/// The flags of the projects for which `has` is true.
fn with(
    common: &Common,
    scope: Option<&Scope>,
    apart_from: Option<&Name>,
    has: impl Fn(&Settled) -> bool,
) -> Vec<String> {
    let mut out = Vec::new();
    let mut look = |engine: &Engine, flags: &str| {
        for project in engine.projects() {
            let other = flags.is_empty() && Some(&project) == apart_from;
            let record = (!other)
                .then(|| engine.record(&project).ok().flatten())
                .flatten();
            if record.and_then(|r| r.applied).is_some_and(|s| has(&s)) {
                out.push(format!("{flags}-p {project}"));
            }
        }
    };
    if let Some(scope) = scope {
        look(&scope.engine, "");
    }
    // In a sandbox this process is root, whose own directory is another one.
    let entered = scope.and_then(|scope| scope.sandbox.as_ref());
    let state = match entered {
        Some(sandbox) => sandbox.scope().ancestors().nth(2).map(Path::to_owned),
        None => state_dir(common).ok(),
    };
    if let Some(state) = state {
        let here = entered.map(|s| s.name.as_str());
        for sandbox in sandbox::on_records(&state) {
            if Some(sandbox.name.as_str()) != here {
                let engine = Engine::new(sandbox.scope(), Workplace::default());
                look(&engine, &format!("--sandbox {} ", sandbox.name));
            }
        }
        if (here.is_some() || scope.is_none()) && state.join("host").is_dir() {
            let engine = Engine::new(&state.join("host"), Workplace::default());
            look(&engine, "--host ");
        }
    }
    out
}

/// The project of a command about a node. If it is not clear which one, the help says where a node of
/// that name exists.
pub(crate) fn present(
    common: &Common,
    scope: &Scope,
    node: Option<&Name>,
) -> Result<(Name, Settled), VerbError> {
    scope::present(common, &scope.engine).map_err(|error| {
        let places = node.map(|node| elsewhere(common, Some(scope), None, node));
        match (error, node, places.as_deref()) {
            (VerbError::Usage(message, _), Some(node), Some(places @ [_, ..])) => VerbError::usage(
                message,
                format!(
                    "there is a node {node}; name its project with {}",
                    places.join(" or ")
                ),
            ),
            (error, ..) => error,
        }
    })
}

/// The one node of a project that a name means.
pub(crate) fn node<'a>(
    common: &Common,
    scope: &Scope,
    settled: &'a Settled,
    name: &Name,
) -> Result<&'a Node, VerbError> {
    only(name, &nodes(common, scope, settled, name)?)
}

/// The one of the nodes that a name means.
fn only<'a>(name: &Name, nodes: &[&'a Node]) -> Result<&'a Node, VerbError> {
    match nodes {
        [node] => Ok(node),
        several => {
            let names: Vec<&str> = several.iter().map(|n| n.name.as_ref()).collect();
            Err(VerbError::usage(
                format!("{name} means {} nodes", several.len()),
                format!("name one of them: {}", listed(&names)),
            ))
        }
    }
}

/// A node or a network.
pub(crate) enum NodeOrNetwork<'a> {
    Node(&'a Node),
    Network(&'a Network),
}

/// The node or network that a name means. A network is preferred to nodes that have the name as a
/// further one. `beside` are other words that the command takes there.
pub(crate) fn part<'a>(
    settled: &'a Settled,
    text: &str,
    beside: &[&str],
) -> Result<NodeOrNetwork<'a>, VerbError> {
    if let Ok(name) = text.parse::<Name>() {
        if let Some(node) = settled.owner(&name) {
            return Ok(NodeOrNetwork::Node(node));
        }
        if let Some(network) = settled.network(&name) {
            return Ok(NodeOrNetwork::Network(network));
        }
        let nodes = settled.named(&name);
        if !nodes.is_empty() {
            return Ok(NodeOrNetwork::Node(only(&name, &nodes)?));
        }
    }
    let nodes = settled.nodes.iter().map(|n| n.name.as_ref());
    let networks = settled.networks.iter().map(|n| n.name.as_ref());
    let known = nodes.chain(networks).chain(beside.iter().copied());
    let known: Vec<&str> = known.collect();
    Err(VerbError::usage(
        format!("project {} has no node or network {text}", settled.project),
        format!("name one of: {}", listed(&known)),
    ))
}

/// An end of a policy, as files name it: a further name of nodes stands for all of them.
pub(crate) fn endpoints(settled: &Settled, text: &str) -> Vec<String> {
    const WORDS: [&str; 3] = ["host", "outside", "any"];
    let own = |name: &Name| settled.network(name).is_some() || settled.owner(name).is_some();
    let nodes = match text.strip_prefix("node:").unwrap_or(text).parse::<Name>() {
        Ok(name) if !WORDS.contains(&text) && !own(&name) => settled.named(&name),
        _ => Vec::new(),
    };
    match nodes.is_empty() {
        true => vec![text.to_owned()],
        false => nodes.iter().map(|n| policy_name(settled, n)).collect(),
    }
}

/// The name of a node in a policy.
fn policy_name(settled: &Settled, node: &Node) -> String {
    match settled.network(&node.name) {
        Some(_) => format!("node:{}", node.name),
        None => node.name.to_string(),
    }
}
