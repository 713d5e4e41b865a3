//! `sandbox`: list, enter and end sandboxes.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use hallway_engine::enter::{EnterError, become_its_root};
use hallway_engine::sandbox::{self, Internet, Sandbox};
use hallway_engine::{Engine, Workplace};
use hallway_spec::Name;
use hallway_view::json::{SandboxEntry, SandboxInternet, Version};

use crate::args::{Common, Format, SandboxVerb};
use crate::diagnose::VerbError;
use crate::scope::{self, state_dir};
use crate::{interrupt, ui, unusable};

pub(crate) fn run(common: &Common, verb: SandboxVerb) -> Result<ExitCode, VerbError> {
    match verb {
        SandboxVerb::Ls { format } => list(common, format.format),
        SandboxVerb::Shell { command } => shell(common, command),
        SandboxVerb::Rm { name } => remove(common, &name.unwrap_or_else(|| common.sandbox.clone())),
    }
}

fn projects(sandbox: &Sandbox) -> Vec<Name> {
    Engine::new(sandbox.scope(), Workplace::default()).projects()
}

fn list(common: &Common, format: Format) -> Result<ExitCode, VerbError> {
    let mut values = Vec::new();
    let mut rows = vec![
        ["SANDBOX", "PID", "PROJECTS", "INTERNET"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for sandbox in sandbox::list(&state_dir(common)?) {
        let projects = projects(&sandbox);
        let names: Vec<&str> = projects.iter().map(AsRef::as_ref).collect();
        let internet = match &sandbox.internet {
            Internet::Pasta(_) => "through pasta".to_owned(),
            Internet::None(why) => format!("none: {why}"),
        };
        rows.push(vec![
            sandbox.name.clone(),
            sandbox.pid.to_string(),
            match sandbox.lost {
                true => "not known".to_owned(),
                false => names.join(" "),
            },
            internet,
        ]);
        values.push(SandboxEntry {
            created: sandbox.created,
            internet: match sandbox.internet {
                Internet::Pasta(pid) => SandboxInternet::Pasta(pid),
                Internet::None(why) => SandboxInternet::None(why),
            },
            problem: sandbox.lost.then_some(scope::LOST),
            name: sandbox.name,
            pid: sandbox.pid,
            projects,
            schema_version: Version,
        });
    }
    match format {
        Format::Json => ui::json(&values),
        Format::Text if values.is_empty() => ui::note(common, "no sandbox runs"),
        Format::Text if common.quiet => values.iter().for_each(|v| ui::line(&v.name)),
        Format::Text => ui::table(&rows),
    }
    for lost in values.iter().filter(|v| v.problem.is_some()) {
        let name = &lost.name;
        let text = format!(
            "sandbox {name} runs, but {}; hallway --sandbox {name} status shows what is in it, hallway sandbox rm {name} ends it",
            scope::LOST
        );
        ui::note(common, text);
    }
    Ok(ExitCode::SUCCESS)
}

/// A shell in the sandbox itself, where its bridges and rules are.
fn shell(common: &Common, command: Vec<String>) -> Result<ExitCode, VerbError> {
    let sandbox = scope::sandbox(common, &interrupt::waiting())?;
    sandbox.enter_for_program()?;
    let place = format!("sandbox {}", sandbox.name);
    let command = if command.is_empty() {
        super::exec::note_one_user(common);
        let program = super::exec::program();
        let arguments = super::exec::arguments(&program, &place);
        std::iter::once(program).chain(arguments).collect()
    } else {
        super::exec::note_other_user(common, &command, "NODE");
        command
    };
    let Some((program, arguments)) = command.split_first() else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut command = Command::new(program);
    become_its_root(&mut command);
    let error = command
        .args(arguments)
        .env("PATH", hallway_engine::enter::search_path())
        .envs(super::exec::prompt(program, &place))
        .exec();
    Err(super::exec::failed(EnterError::of_program(
        program, None, error,
    )))
}

fn remove(common: &Common, name: &Name) -> Result<ExitCode, VerbError> {
    if let Some((sandbox, why)) = unusable::sandbox(common, name.as_ref()) {
        unusable::end(common, &sandbox, &why)?;
        return Ok(ExitCode::SUCCESS);
    }
    let state = state_dir(common)?;
    let found = sandbox::find(&state, name.as_ref());
    match found.or_else(|| sandbox::lost(&state, name.as_ref())) {
        Some(sandbox) => {
            sandbox.end()?;
            ui::note(common, format!("sandbox {name} has ended"));
            sandbox.remove()?;
        }
        None => {
            sandbox::clear(&state, name.as_ref());
            ui::note(common, format!("sandbox {name} does not run"));
        }
    }
    Ok(ExitCode::SUCCESS)
}
