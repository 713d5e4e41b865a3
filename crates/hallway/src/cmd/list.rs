//! The present objects: `inspect`, `export` and the lists of parts.

use std::process::ExitCode;

use hallway_engine::keeper::{self, Exit, ProgramStatus};
use hallway_engine::{Engine, Failure};
use hallway_plan::Settled;
use hallway_plan::observed::NamespaceState;
use hallway_spec::{Mode, Name};
use hallway_view::json::{self, NetworkDetails, NodeDetails};
use hallway_view::program::{Program, ProgramState};
use hallway_view::tree;

use super::logs;
use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::scope::{here, present};
use crate::{interrupt, named, ui};

/// The project's programs, from its keeper; none without a keeper.
pub(super) fn programs(engine: &Engine, settled: &Settled) -> Result<Vec<Program>, Failure> {
    let found = match engine.keeper(&settled.project, &interrupt::waiting())? {
        Some(client) => client.programs()?,
        None => Vec::new(),
    };
    let program = |status| program(engine, settled, status);
    Ok(found.into_iter().map(program).collect())
}

fn program(engine: &Engine, settled: &Settled, status: ProgramStatus) -> Program {
    let name: Option<Name> = status.node.parse().ok();
    let ended = status
        .ended_ms
        .filter(|_| status.exit != Some(Exit::Code(0)));
    let last_line = name
        .filter(|_| ended.is_some())
        .and_then(|name| logs::last_line(engine, settled, &name));
    Program {
        node: status.node,
        state: match status.state {
            keeper::ProgramState::Waiting => ProgramState::Waiting,
            keeper::ProgramState::Starting => ProgramState::Starting,
            keeper::ProgramState::Running => ProgramState::Running,
            keeper::ProgramState::Restarting => ProgramState::Restarting,
            keeper::ProgramState::Exited if status.exit.is_none() => ProgramState::Stopped,
            keeper::ProgramState::Exited => ProgramState::Exited,
        },
        pid: status.pid,
        restarts: status.restarts,
        health: status.health,
        exit_code: status.exit.map(Exit::code),
        signal: match status.exit {
            Some(Exit::Signal(signal)) => Some(signal),
            _ => None,
        },
        ended_seconds_ago: status.ended_ms.map(|ms| ms / 1000),
        last_line,
    }
}

pub(crate) fn inspect(common: &Common, name: &Name) -> Result<ExitCode, VerbError> {
    let scope = named::here(common, &[name.as_ref()])?;
    let (project, settled) = named::present(common, &scope, &[name.as_ref()])?;
    let node = match named::part(common, &scope, &settled, name.as_ref(), &[])? {
        named::NodeOrNetwork::Node(node) => node,
        named::NodeOrNetwork::Network(network) => {
            ui::json(&NetworkDetails::new(&settled, network));
            return Ok(ExitCode::SUCCESS);
        }
    };
    let observed = scope.engine.inspect(&project)?.observed;
    let inode = match &node.joined {
        Some(joined) => {
            let seen = observed.joined.get(&joined.reference);
            seen.and_then(|s| s.present()).map(|p| p.inode)
        }
        None => {
            let name = node.netns.name();
            let entry = name.and_then(|name| observed.namespace(name));
            match entry.map(|n| n.state) {
                Some(NamespaceState::Mounted(inode)) => Some(inode),
                _ => None,
            }
        }
    };
    let programs = programs(&scope.engine, &settled)?;
    ui::json(&NodeDetails::new(&settled, node, &programs, inode));
    Ok(ExitCode::SUCCESS)
}

/// Which list.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Listing {
    Nodes,
    Networks,
    Links,
    Policies,
}

pub(crate) fn list(
    common: &Common,
    listing: Listing,
    format: Format,
) -> Result<ExitCode, VerbError> {
    let scope = here(common)?;
    let (_, settled) = present(common, &scope.engine)?;
    match (format, listing) {
        (Format::Text, Listing::Nodes) if common.quiet => {
            settled.nodes.iter().for_each(|n| ui::line(n.name.as_ref()));
        }
        (Format::Text, Listing::Networks) if common.quiet => {
            settled
                .networks
                .iter()
                .for_each(|n| ui::line(n.name.as_ref()));
        }
        (Format::Text, Listing::Policies) if common.quiet => {
            let policies = settled.policies.iter();
            policies.for_each(|policy| ui::line(policy.number().to_string()));
        }
        (Format::Text, Listing::Links) if common.quiet => {
            for cable in &settled.cables {
                let [a, b] =
                    [&cable.a, &cable.b].map(|end| format!("{}:{}", end.node, end.interface));
                ui::line(format!("{a} {b}"));
            }
        }
        (Format::Text, _) => ui::table(&rows(listing, &settled)),
        (Format::Json, Listing::Nodes) => {
            ui::json(&json::nodes(&settled, &programs(&scope.engine, &settled)?))
        }
        (Format::Json, Listing::Networks) => ui::json(&json::networks(&settled)),
        (Format::Json, Listing::Links) => ui::json(&json::links(&settled)),
        (Format::Json, Listing::Policies) => ui::json(&json::policies(&settled)),
    }
    Ok(ExitCode::SUCCESS)
}

fn head(words: &[&str]) -> Vec<String> {
    words.iter().map(|w| (*w).to_owned()).collect()
}

fn joined<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|i| i.to_string()).collect::<Vec<_>>().join(" ")
}

fn rows(listing: Listing, settled: &Settled) -> Vec<Vec<String>> {
    match listing {
        Listing::Nodes => node_rows(settled),
        Listing::Networks => network_rows(settled),
        Listing::Links => link_rows(settled),
        Listing::Policies => policy_rows(settled),
    }
}

fn node_rows(settled: &Settled) -> Vec<Vec<String>> {
    let mut out = vec![head(&["NODE", "NAMESPACE", "ADDRESSES", "PUBLISHED"])];
    for node in &settled.nodes {
        let published = settled.publishes.iter().filter(|p| p.node == node.name);
        out.push(vec![
            node.name.to_string(),
            (node.joined.as_ref())
                .map_or_else(|| node.netns.to_string(), |j| j.reference.to_string()),
            joined(node.interfaces.iter().flat_map(|i| &i.addresses)),
            joined(published.map(tree::publish)),
        ]);
    }
    out
}

fn network_rows(settled: &Settled) -> Vec<Vec<String>> {
    let mut out = vec![head(&["NETWORK", "SUBNET", "GATEWAY", "BRIDGE", "KIND"])];
    for network in &settled.networks {
        let kind = if network.mode == Mode::Macvlan {
            "macvlan"
        } else if network.mode == Mode::Lan {
            "lan"
        } else if network.external {
            "external"
        } else if network.outside {
            "outside"
        } else if network.internal {
            "internal"
        } else if !network.nat {
            "open, no NAT"
        } else {
            "open"
        };
        out.push(vec![
            network.name.to_string(),
            joined(network.subnets.iter().map(|s| s.net)),
            joined(network.gateways().chain(network.routers.iter().copied())),
            network.bridge.clone().unwrap_or_else(|| "(routed)".into()),
            kind.into(),
        ]);
    }
    out
}

fn link_rows(settled: &Settled) -> Vec<Vec<String>> {
    let mut out = vec![head(&["NODE", "INTERFACE", "NODE", "INTERFACE"])];
    for cable in &settled.cables {
        out.push(vec![
            cable.a.node.to_string(),
            cable.a.interface.clone(),
            cable.b.node.to_string(),
            cable.b.interface.clone(),
        ]);
    }
    out
}

fn policy_rows(settled: &Settled) -> Vec<Vec<String>> {
    let mut out = vec![head(&["NUMBER", "POLICY", "FROM"])];
    for policy in &settled.policies {
        out.push(vec![
            policy.number().to_string(),
            policy.words.clone(),
            match policy.added_by() {
                Some(command) => command.to_owned(),
                None if policy.place.file.is_empty() => format!("line {}", policy.place.line),
                None => format!("{} line {}", policy.place.file, policy.place.line),
            },
        ]);
    }
    out
}
