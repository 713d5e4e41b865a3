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
use crate::ui;

/// The exit code for failures of hallway, as opposed to those of the program.
const OURS: u8 = 125;

pub(crate) fn run(
    common: &Common,
    node: &Name,
    command: Vec<String>,
) -> Result<ExitCode, VerbError> {
    let enter = inside(common, node, command)?;
    if let Some(text) = other_user(&enter.command, node).filter(|_| has_one_user()) {
        ui::note(common, text);
    }
    Err(failed(enter.exec()))
}

/// A note for a program that becomes another user, if that user does not exist.
fn other_user(command: &[String], node: &Name) -> Option<String> {
    let program = Path::new(command.first()?).file_name()?.to_str()?;
    let instead = match program {
        "tcpdump" if command.iter().any(|word| word.starts_with("-Z")) => return None,
        "tcpdump" => format!("write tcpdump -Z root, or use hallway capture {node}"),
        "su" | "sudo" | "runuser" if command.len() > 1 => "run the command without it".to_owned(),
        _ => return None,
    };
    Some(format!(
        "{program} becomes another user, and this sandbox has one user only, you: {instead}"
    ))
}

/// Whether the user namespace of this process has only one user.
fn has_one_user() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let counts = map
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2));
    counts.eq(["1"])
}

pub(crate) fn shell(common: &Common, node: &Name) -> Result<ExitCode, VerbError> {
    let program = program();
    let prompt = prompt(&program, node.as_ref());
    let mut enter = inside(common, node, vec![program])?;
    enter.environment.extend(prompt);
    Err(failed(enter.exec()))
}

pub(crate) fn failed(error: EnterError) -> VerbError {
    let code = error.exit_code();
    VerbError::Command(error.into()).with_code(code)
}

/// The variables that make a shell show its node in the prompt. bash sets its prompt by files that
/// it reads when it starts; PROMPT_COMMAND is executed after that, and is needed once. Other shells
/// write the directory in another way, or cannot.
pub(crate) fn prompt(shell: &str, place: &str) -> Vec<(String, String)> {
    // /bin/sh is a link to one of them.
    let shell = std::fs::canonicalize(shell).unwrap_or_else(|_not_there| shell.into());
    let name = shell.file_name().and_then(|n| n.to_str());
    let prompt = match name {
        Some("bash") => format!("{place}:\\w\\$ "),
        Some("zsh") => format!("{place}:%~%# "),
        _ => format!("{place}$ "),
    };
    let mut out = vec![("PS1".to_owned(), prompt.clone())];
    if name == Some("bash") {
        let command = format!("PS1='{prompt}'; unset PROMPT_COMMAND");
        out.push(("PROMPT_COMMAND".to_owned(), command));
    }
    out
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
    let program = settled.program(name);
    let own = program.map_or(&node.environment, |p| p.environment);
    let mut environment: BTreeMap<String, String> = own.clone();
    environment.insert(PROJECT_MARK.into(), project.to_string());
    environment.insert(NODE_MARK.into(), name.to_string());
    Ok(Enter {
        netns: Path::new(NETNS_DIRECTORY).join(&node.netns),
        hostname: node.hostname().to_string(),
        hosts: Some(scope.engine.hosts_file(&settled.project, node)),
        resolv_conf: Some(scope.engine.resolv_file(&settled.project, node)),
        environment,
        rights: None,
        working_dir: None,
        command,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn programs_that_become_another_user_are_known() {
        let node: Name = "web".parse().unwrap();
        let said = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            other_user(&words, &node).unwrap_or_default()
        };
        assert!(said("/usr/bin/tcpdump -i eth0").contains("hallway capture web"));
        assert!(said("su nobody -c id").contains("one user only"));
        for line in ["tcpdump -Z root -i eth0", "ping -c 1 db", "su"] {
            assert_eq!(said(line), "", "{line}");
        }
    }
}
