//! What the names of a command line mean: nodes by any of their names, networks, ends of policies.

use hallway_plan::Settled;
use hallway_plan::settled::{Network, Node};
use hallway_spec::{Name, listed};

use crate::args::Common;
use crate::diagnose::VerbError;
use crate::failure::{CommandCode, CommandError};
use crate::other_scopes::{self, is_elsewhere};
use crate::scope::{self, Scope};

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
    let here = scope.map(Scope::here);
    other_scopes::with(common, here, apart_from, |s| !s.named(name).is_empty())
}

/// As [`elsewhere()`], for a network.
pub(crate) fn network_elsewhere(
    common: &Common,
    scope: &Scope,
    project: &Name,
    name: &Name,
) -> Vec<String> {
    other_scopes::with(common, Some(scope.here()), Some(project), |s| {
        s.networks.iter().any(|n| n.name == *name)
    })
}

/// The flags of the other places in which a project of that name is up.
pub(crate) fn project_elsewhere(common: &Common, scope: &Scope, name: &Name) -> Vec<String> {
    other_scopes::with(common, Some(scope.here()), Some(name), |s| {
        s.project == *name
    })
}

/// The scope of a command about these nodes or networks. If it does not exist, the help says where they do.
pub(crate) fn here(common: &Common, texts: &[&str]) -> Result<Scope, VerbError> {
    scope::here(common).map_err(|error| located(common, None, texts, error))
}

/// The project of a command about these nodes or networks, with its content. If it is not up, or it is not clear
/// which one is meant, the help says where they exist.
pub(crate) fn present(
    common: &Common,
    scope: &Scope,
    texts: &[&str],
) -> Result<(Name, Settled), VerbError> {
    scope::present(common, &scope.engine)
        .map_err(|error| located(common, Some(scope), texts, error))
}

/// An error about the project of a command, with the help where one of the nodes or networks exists that the command
/// names.
pub(crate) fn located(
    common: &Common,
    scope: Option<&Scope>,
    texts: &[&str],
    error: VerbError,
) -> VerbError {
    if !error.is_about_project() {
        return error;
    }
    let is_number = |name: &&Name| name.as_ref().bytes().all(|b| b.is_ascii_digit());
    let port = common.project.as_ref().filter(is_number);
    let port = port.map_or(String::new(), |port| {
        format!("-p names the project, a port is --port {port}; ")
    });
    let names = texts.iter().filter_map(|text| {
        let text = ["node:", "network:"]
            .iter()
            .find_map(|p| text.strip_prefix(p))
            .unwrap_or(text);
        text.split(':').next().unwrap_or(text).parse::<Name>().ok()
    });
    let here = scope.map(Scope::here);
    for name in names {
        let nodes = elsewhere(common, scope, None, &name);
        if !nodes.is_empty() {
            return error.with_help(port + &is_elsewhere("node", &name, &nodes));
        }
        let has = |s: &Settled| s.networks.iter().any(|n| n.name == name);
        let networks = other_scopes::with(common, here, None, has);
        if !networks.is_empty() {
            return error.with_help(port + &is_elsewhere("network", &name, &networks));
        }
    }
    error
}

/// The one node of a project that a name means: of several, that of this name.
pub(crate) fn node<'a>(
    common: &Common,
    scope: &Scope,
    settled: &'a Settled,
    name: &Name,
) -> Result<&'a Node, VerbError> {
    match settled.owner(name) {
        Some(node) => Ok(node),
        None => only(name, &nodes(common, scope, settled, name)?),
    }
}

/// The one of the nodes that a name means.
fn only<'a>(name: &Name, nodes: &[&'a Node]) -> Result<&'a Node, VerbError> {
    match nodes {
        [node] => Ok(node),
        several => {
            let names: Vec<&str> = several.iter().map(|n| n.name.as_ref()).collect();
            Err(VerbError::usage(
                CommandCode::SeveralNodes,
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
    common: &Common,
    scope: &Scope,
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
    let help = part_elsewhere(common, scope, settled, text);
    Err(VerbError::usage(
        CommandCode::NoSuchNode,
        format!("project {} has no node or network {text}", settled.project),
        help.unwrap_or_else(|| format!("name one of: {}", listed(&known))),
    ))
}

/// Where a node or a network of that name exists.
fn part_elsewhere(common: &Common, scope: &Scope, settled: &Settled, text: &str) -> Option<String> {
    let name: Name = text.parse().ok()?;
    let project = &settled.project;
    let nodes = elsewhere(common, Some(scope), Some(project), &name);
    let (what, places) = match nodes.is_empty() {
        false => ("node", nodes),
        true => ("network", network_elsewhere(common, scope, project, &name)),
    };
    (!places.is_empty()).then(|| is_elsewhere(what, &name, &places))
}

/// An end of a policy, as files name it: a further name of nodes stands for all of them. One that this project
/// does not have, but another one, is an error.
pub(crate) fn endpoints(
    common: &Common,
    scope: &Scope,
    settled: &Settled,
    text: &str,
) -> Result<Vec<String>, VerbError> {
    const WORDS: [&str; 3] = ["host", "outside", "any"];
    let own = |name: &Name| settled.network(name).is_some() || settled.owner(name).is_some();
    let only_node = text.strip_prefix("node:");
    let nodes = match only_node.unwrap_or(text).parse::<Name>() {
        Ok(name) if !WORDS.contains(&text) && settled.network(&name).is_none() => {
            let nodes = settled.named(&name);
            let is_owner = settled.owner(&name).is_some();
            match is_owner && (only_node.is_some() || nodes.len() == 1) {
                true => Vec::new(),
                false => nodes,
            }
        }
        _ => Vec::new(),
    };
    if !nodes.is_empty() {
        return Ok(nodes.iter().map(|n| policy_name(settled, n)).collect());
    }
    let name = ["node:", "network:"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let name = name.unwrap_or(text);
    let known = WORDS.contains(&name) || name.parse().is_ok_and(|name| own(&name));
    match part_elsewhere(common, scope, settled, name).filter(|_| !known) {
        Some(help) => Err(VerbError::usage(
            CommandCode::NoSuchNode,
            format!("project {} has no node or network {name}", settled.project),
            help,
        )),
        None => Ok(vec![text.to_owned()]),
    }
}

/// The name of a node in a policy.
fn policy_name(settled: &Settled, node: &Node) -> String {
    match settled.network(&node.name) {
        Some(_) => format!("node:{}", node.name),
        None => node.name.to_string(),
    }
}
