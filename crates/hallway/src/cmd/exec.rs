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
use crate::scope::{Scope, node, present};

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
    enter.environment.extend(prompt(node.as_ref()));
    Err(failed(enter.exec()))
}

fn failed(error: EnterError) -> VerbError {
    let code = error.exit_code();
    VerbError::Command(error.into()).with_code(code)
}

/// The variables that make a shell show where it is. bash sets its prompt by files that it reads at
/// its start; what is in PROMPT_COMMAND comes after them, and is needed once.
pub(crate) fn prompt(place: &str) -> [(String, String); 2] {
    let prompt = format!("{place}:\\w\\$ ");
    let command = format!("PS1='{prompt}'; unset PROMPT_COMMAND");
    [
        ("PS1".to_owned(), prompt),
        ("PROMPT_COMMAND".to_owned(), command),
    ]
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
    let node = node(common, &scope, &settled, name)?;
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
