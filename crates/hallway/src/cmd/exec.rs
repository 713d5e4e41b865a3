//! `exec` and `shell`: this process becomes a program inside a node.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use hallway_engine::account;
use hallway_engine::enter::{Enter, EnterError};
use hallway_engine::keeper::{NODE_MARK, PROJECT_MARK};
use hallway_plan::settled::Node;
use hallway_spec::{NETNS_DIRECTORY, Name, listed};

use crate::args::{Common, EnterArgs, ExecArgs};
use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::named;
use crate::scope::{self, Scope};
use crate::ui;

/// The exit code for failures of hallway, as opposed to those of the program.
const OURS: u8 = 125;

pub(crate) fn run(common: &Common, args: ExecArgs) -> Result<ExitCode, VerbError> {
    let inside = inside(common, &args.at, args.command)?;
    let (mut enter, node) = (inside.enter, inside.node);
    if let Some(user) = &args.user {
        let account = account::of(&node, Some(user), None);
        let account = account.map_err(|failure| VerbError::from(failure).with_code(OURS))?;
        enter.rights = account.rights;
        enter.environment.extend(account.environment);
    }
    enter.environment.extend(variables(&args.env)?);
    if let Some(directory) = args.workdir {
        if directory.is_absolute() {
            let text = directory.to_string_lossy().into_owned();
            enter.environment.insert("PWD".into(), text);
        }
        enter.working_dir = Some(directory);
    }
    if let Some(text) = other_user(&enter.command, &node).filter(|_| has_one_user()) {
        ui::note(common, text);
    }
    Err(failed(enter.exec()))
}

/// The variables of `-e`. A name alone is one of hallway's own environment.
fn variables(given: &[String]) -> Result<Vec<(String, String)>, VerbError> {
    let mut out = Vec::new();
    for text in given {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), None),
        };
        if name.is_empty() || text.contains('\0') {
            let error = VerbError::usage(
                format!("{text:?} is not a variable"),
                "write NAME=VALUE, like -e LANG=C",
            );
            return Err(error.with_code(OURS));
        }
        let value = value.or_else(|| std::env::var(name).ok());
        out.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(out)
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

/// A note for shells in which no program can become another user.
pub(crate) fn note_one_user(common: &Common) {
    if has_one_user() {
        let text = "su, sudo and tcpdump become another user, and this sandbox has one user only, you: write tcpdump -Z root, or use hallway capture NODE";
        ui::note(common, text);
    }
}

pub(crate) fn shell(common: &Common, at: &EnterArgs) -> Result<ExitCode, VerbError> {
    let program = program();
    let inside = inside(common, at, vec![program.clone()])?;
    let mut enter = inside.enter;
    let prompt = prompt(&program, inside.node.as_ref());
    enter.environment.extend(prompt);
    note_one_user(common);
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

/// What is needed to run a program in a node.
struct Inside {
    enter: Enter,
    /// The node, or the program that shares its namespace.
    node: Name,
}

fn inside(common: &Common, at: &EnterArgs, command: Vec<String>) -> Result<Inside, VerbError> {
    entry(common, at, command).map_err(|error| error.with_code(OURS))
}

fn entry(common: &Common, at: &EnterArgs, command: Vec<String>) -> Result<Inside, VerbError> {
    if scope::lost_sandbox(common)?.is_some() {
        return Err(scope::not_here(common));
    }
    let scope = Scope::existing(common)?
        .ok_or_else(|| CommandError::SandboxNotUp(common.sandbox.clone()))?;
    let (project, settled) = named::present(common, &scope, Some(&at.node))?;
    let meant = named::nodes(common, &scope, &settled, &at.node)?;
    let node = chosen(&meant, at)?;
    let shared = settled.program(&at.node).filter(|p| p.node == node);
    let name = shared.map_or(&node.name, |program| program.name);
    let program = settled.program(name);
    let own = program.map_or(&node.environment, |p| p.environment);
    let mut environment: BTreeMap<String, String> = own.clone();
    environment.insert(PROJECT_MARK.into(), project.to_string());
    environment.insert(NODE_MARK.into(), name.to_string());
    let enter = Enter {
        netns: Path::new(NETNS_DIRECTORY).join(&node.netns),
        hostname: node.hostname().to_string(),
        hosts: Some(scope.engine.hosts_file(&settled.project, node)),
        resolv_conf: Some(scope.engine.resolv_file(&settled.project, node)),
        environment,
        rights: None,
        settings: account::settings(node),
        working_dir: None,
        command,
    };
    let node = name.clone();
    Ok(Inside { enter, node })
}

/// The node of that number among those of a name.
fn chosen<'a>(meant: &[&'a Node], at: &EnterArgs) -> Result<&'a Node, VerbError> {
    let index = at.index.map_or(1, NonZeroUsize::get);
    let found = index.checked_sub(1).and_then(|i| meant.get(i)).copied();
    found.ok_or_else(|| {
        let names: Vec<&str> = meant.iter().map(|n| n.name.as_ref()).collect();
        let (name, names) = (&at.node, listed(&names));
        let message = match meant {
            [_] => format!("there is one node {name}"),
            _ => format!("there are {} nodes {name}", meant.len()),
        };
        VerbError::usage(message, format!("--index 1 to {}: {names}", meant.len()))
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
