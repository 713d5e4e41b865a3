//! `exec` and `shell`: this process becomes a program inside a node.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hallway_engine::account;
use hallway_engine::enter::{Enter, EnterError};
use hallway_engine::keeper::{NODE_MARK, PROJECT_MARK};
use hallway_plan::settled::Node;
use hallway_spec::{Name, listed};

use crate::args::{Common, EnterArgs, ExecArgs};
use crate::diagnose::VerbError;
use crate::failure::{CommandCode, CommandError};
use crate::named;
use crate::other_scopes::{is_elsewhere, up_elsewhere};
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
    note_other_user(common, &enter.command, node.as_ref());
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
                CommandCode::BadArgument,
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
pub(crate) fn note_other_user(common: &Common, command: &[String], node: &str) {
    if let Some(text) = other_user(command, node).filter(|_| has_one_user()) {
        ui::note(common, text);
    }
}

fn other_user(command: &[String], node: &str) -> Option<String> {
    let program = Path::new(command.first()?).file_name()?.to_str()?;
    let instead = match program {
        "tcpdump" => format!("use hallway capture {node}, with -w FILE for a file"),
        "su" | "sudo" | "runuser" if command.len() > 1 => "run the command without it".to_owned(),
        _ => return None,
    };
    Some(format!(
        "{program} changes its user, and this sandbox has one user only, you: {instead}"
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
        let text = "su, sudo and tcpdump change their user, and this sandbox has one user only, you: instead of tcpdump use hallway capture NODE";
        ui::note(common, text);
    }
}

pub(crate) fn shell(common: &Common, at: &EnterArgs) -> Result<ExitCode, VerbError> {
    let program = program();
    let inside = inside(common, at, vec![program.clone()])?;
    let mut enter = inside.enter;
    let place = inside.node.as_ref();
    enter.command.extend(arguments(&program, place));
    enter.environment.extend(prompt(&program, place));
    note_one_user(common);
    Err(failed(enter.exec()))
}

pub(crate) fn failed(error: EnterError) -> VerbError {
    let code = error.exit_code();
    VerbError::Command(error.into()).with_code(code)
}

/// The name of a shell; /bin/sh is a link to one of them.
fn name_of_shell(shell: &str) -> String {
    let shell = std::fs::canonicalize(shell).unwrap_or_else(|_not_there| shell.into());
    let name = shell.file_name().and_then(|n| n.to_str());
    name.unwrap_or_default().to_owned()
}

/// The variables that make a shell show its node in the prompt. bash sets its prompt by files that
/// it reads when it starts; PROMPT_COMMAND is executed after that, and is needed once. Other shells
/// write the directory in another way, or cannot.
pub(crate) fn prompt(shell: &str, place: &str) -> Vec<(String, String)> {
    let name = name_of_shell(shell);
    let prompt = match name.as_str() {
        "bash" => format!("{place}:\\w\\$ "),
        "zsh" => format!("{place}:%~%# "),
        _ => format!("{place}$ "),
    };
    let mut out = vec![("PS1".to_owned(), prompt.clone())];
    if name == "bash" {
        let command = format!("PS1='{prompt}'; unset PROMPT_COMMAND");
        out.push(("PROMPT_COMMAND".to_owned(), command));
    }
    if home_is_closed() {
        out.push(("HOME".to_owned(), "/".to_owned()));
    }
    out
}

/// The arguments for the same: the prompt of fish is a function, which its files define.
pub(crate) fn arguments(shell: &str, place: &str) -> Vec<String> {
    if name_of_shell(shell) != "fish" {
        return Vec::new();
    }
    let prompt = format!(
        "function fish_prompt; set -l end '$ '; test (id -u) = 0; and set end '# '; echo -n '{place}:'(prompt_pwd)\"$end\"; end"
    );
    vec!["--init-command".to_owned(), prompt]
}

/// Whether root of this sandbox may not read the files of the user's home: that of root of the machine, who
/// does not exist in the sandbox. Shells print an error for each of them.
fn home_is_closed() -> bool {
    /// The number of users who do not exist in a user namespace.
    const UNKNOWN: u32 = 65534;
    let Some(home) = std::env::var_os("HOME").map(PathBuf::from) else {
        return false;
    };
    let closed = |path: &Path, right: u32| {
        let file = path.metadata();
        file.is_ok_and(|file| file.uid() == UNKNOWN && file.mode() & right == 0)
    };
    closed(&home, 0o1) || closed(&home.join(".bashrc"), 0o4)
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
    let scope = Scope::existing(common)?.ok_or_else(|| CommandError::SandboxNotUp {
        sandbox: common.sandbox.clone(),
        elsewhere: node_elsewhere(common, &at.node),
    })?;
    let (project, settled) = named::present(common, &scope, &[at.node.as_ref()])?;
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
        netns: node.netns.path(),
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

/// Where a node is if this sandbox does not run; or what else is up.
fn node_elsewhere(common: &Common, node: &Name) -> Option<String> {
    let places = named::elsewhere(common, None, None, node);
    match places.is_empty() {
        true => up_elsewhere(common, None),
        false => Some(is_elsewhere("node", node, &places)),
    }
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
        VerbError::usage(
            CommandCode::SeveralNodes,
            message,
            format!("--index 1 to {}: {names}", meant.len()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_that_become_another_user_are_known() {
        let said = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            other_user(&words, "web").unwrap_or_default()
        };
        assert!(said("/usr/bin/tcpdump -i eth0").contains("hallway capture web"));
        assert!(said("su nobody -c id").contains("one user only"));
        // It cannot become the same user again either.
        assert!(said("tcpdump -Z root -i eth0").contains("hallway capture web"));
        for line in ["ping -c 1 db", "su"] {
            assert_eq!(said(line), "", "{line}");
        }
    }
}
