//! `exec` and `shell`: this process becomes a program inside a node.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use hallway_engine::enter::{Enter, EnterError};
use hallway_engine::keeper::{NODE_MARK, PROJECT_MARK};
use hallway_spec::{NETNS_DIRECTORY, Name};

use crate::args::Common;
use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::scope::{Scope, present};

/// Failures of hallway, as opposed to those of the program.
const OURS: u8 = 125;

pub(crate) fn run(
    common: &Common,
    node: &Name,
    command: Vec<String>,
) -> Result<ExitCode, VerbError> {
    Err(failed(inside(common, node, command)?.exec()))
}

pub(crate) fn shell(common: &Common, node: &Name) -> Result<ExitCode, VerbError> {
    let mut enter = inside(common, node, vec![program()])?;
    let prompt = format!("{node}:\\w\\$ ");
    enter.environment.insert("PS1".into(), prompt);
    Err(failed(enter.exec()))
}

fn failed(error: EnterError) -> VerbError {
    let code = error.exit_code();
    VerbError::Command(error.into()).with_code(code)
}

/// The user's shell.
pub(crate) fn program() -> String {
    std::env::var("SHELL")
        .ok()
        .filter(|s| Path::new(s).exists())
        .unwrap_or_else(|| "/bin/sh".into())
}

fn inside(common: &Common, name: &Name, command: Vec<String>) -> Result<Enter, VerbError> {
    entry(common, name, command).map_err(|error| error.with_code(OURS))
}

fn entry(common: &Common, name: &Name, command: Vec<String>) -> Result<Enter, VerbError> {
    let scope = Scope::existing(common)?
        .ok_or_else(|| CommandError::SandboxNotUp(common.sandbox.clone()))?;
    let (project, settled) = present(common, &scope.engine)?;
    let Some(node) = settled.node(name) else {
        let nodes = settled.nodes.iter().map(|n| n.name.clone()).collect();
        let node = name.clone();
        return Err(CommandError::NoSuchNode {
            project,
            node,
            nodes,
        }
        .into());
    };
    let mut environment: BTreeMap<String, String> = node.environment.clone();
    environment.insert(PROJECT_MARK.into(), project.to_string());
    environment.insert(NODE_MARK.into(), name.to_string());
    Ok(Enter {
        netns: Path::new(NETNS_DIRECTORY).join(&node.netns),
        hostname: name.to_string(),
        hosts: Some(scope.engine.hosts_file(&settled.project, node)),
        resolv_conf: Some(scope.engine.resolv_file(&settled.project, node)),
        environment,
        rights: None,
        working_dir: None,
        command,
    })
}
