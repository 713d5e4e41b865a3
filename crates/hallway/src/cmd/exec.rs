//! `exec` and `shell`: this process becomes a program inside a node.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use hallway_engine::Failure;
use hallway_engine::enter::{Enter, EnterError};
use hallway_engine::keeper::{NODE_MARK, PROJECT_MARK};
use hallway_spec::Name;

use super::workload::NETNS;
use crate::args::Common;
use crate::diagnose::Trouble;
use crate::scope::{Scope, present};

/// Our own failures, told apart from the program's.
const OURS: u8 = 125;

pub(crate) fn run(common: &Common, node: &Name, command: Vec<String>) -> Result<ExitCode, Trouble> {
    let error = inside(common, node, command)?.exec();
    let code = error.exit_code();
    Err(Trouble::Code(failure(&error), code))
}

pub(crate) fn shell(common: &Common, node: &Name) -> Result<ExitCode, Trouble> {
    let mut enter = inside(common, node, vec![program()])?;
    enter
        .environment
        .insert("PS1".into(), format!("{node}:\\w\\$ "));
    let error = enter.exec();
    let code = error.exit_code();
    Err(Trouble::Code(failure(&error), code))
}

/// The user's shell.
pub(crate) fn program() -> String {
    std::env::var("SHELL")
        .ok()
        .filter(|s| Path::new(s).exists())
        .unwrap_or_else(|| "/bin/sh".into())
}

fn failure(error: &EnterError) -> Failure {
    Failure::new("exec", error.to_string())
}

fn inside(common: &Common, name: &Name, command: Vec<String>) -> Result<Enter, Trouble> {
    let own = |failure: Failure| Trouble::Code(failure, OURS);
    let scope = Scope::existing(common).map_err(own)?.ok_or_else(|| {
        own(
            Failure::new("not-up", format!("sandbox {} does not run", common.sandbox))
                .help("hallway up FILE starts it"),
        )
    })?;
    let (project, settled) = present(common, &scope.engine).map_err(|t| match t {
        Trouble::Usage(message, help) => own(Failure::new("not-up", message).help(help)),
        other => other,
    })?;
    let Some(node) = settled.node(name) else {
        let nodes: Vec<String> = settled.nodes.iter().map(|n| n.name.to_string()).collect();
        return Err(own(Failure::new(
            "no-such-node",
            format!("project {project} has no node {name}"),
        )
        .help(format!("its nodes: {}", nodes.join(", ")))));
    };
    let mut environment: BTreeMap<String, String> = node.environment.clone();
    environment.insert(PROJECT_MARK.into(), project.to_string());
    environment.insert(NODE_MARK.into(), name.to_string());
    Ok(Enter {
        netns: Path::new(NETNS).join(&node.netns),
        hostname: name.to_string(),
        hosts: Some(scope.engine.hosts_file(&settled.project, node)),
        resolv_conf: scope.engine.resolv_file(&settled.project, node),
        environment,
        working_dir: None,
        command,
    })
}
