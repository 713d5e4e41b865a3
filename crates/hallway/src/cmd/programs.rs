//! `start`, `stop` and `restart`: programs of nodes that are up.

use std::process::ExitCode;

use hallway_engine::keeper::{Client, KeeperError, ProgramState};
use hallway_engine::{Failure, Reason};
use hallway_plan::Settled;
use hallway_spec::Name;

use crate::args::Common;
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::named;
use crate::scope::Scope;
use crate::{interrupt, ui};

/// The change of a program.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ProgramChange {
    Start,
    Stop,
    Restart,
}

pub(crate) fn run(
    common: &Common,
    change: ProgramChange,
    nodes: &[Name],
) -> Result<ExitCode, VerbError> {
    let names: Vec<&str> = nodes.iter().map(AsRef::as_ref).collect();
    let scope = named::here(common, &names)?;
    let (project, settled) = named::present(common, &scope, &names)?;
    let nodes = with_programs(common, &scope, &settled, nodes)?;
    let client = scope.engine.keeper(&project, &interrupt::waiting())?;
    let client = client.ok_or_else(|| Failure::from(Reason::NoPrograms { project }))?;
    for node in &nodes {
        let done = carry_out(&client, change, node).map_err(Failure::from)?;
        ui::note(common, format!("{node} {done}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Changes one program, and returns the text about it.
fn carry_out(
    client: &Client,
    change: ProgramChange,
    node: &Name,
) -> Result<&'static str, KeeperError> {
    let ended = || -> Result<bool, KeeperError> {
        let mut programs = client.programs()?.into_iter();
        Ok(programs.any(|p| p.node == node.as_ref() && p.state == ProgramState::Exited))
    };
    match change {
        ProgramChange::Start if !ended()? => Ok("runs already"),
        ProgramChange::Start => client.restart(node.as_ref()).map(|()| "has been started"),
        ProgramChange::Stop if ended()? => Ok("does not run"),
        ProgramChange::Stop => client
            .stop_program(node.as_ref())
            .map(|()| "has been stopped"),
        ProgramChange::Restart => client.restart(node.as_ref()).map(|()| "has been restarted"),
    }
}

/// The programs that the given names mean, or all.
pub(super) fn with_programs(
    common: &Common,
    scope: &Scope,
    settled: &Settled,
    named: &[Name],
) -> Result<Vec<Name>, VerbError> {
    let mut out: Vec<Name> = Vec::new();
    for name in named {
        named::nodes(common, scope, settled, name)?;
        let programs = settled.programs_named(name);
        if programs.is_empty() {
            return Err(VerbError::usage(
                CommandCode::NoCommand,
                format!("node {name} runs no command"),
                "give it one in the file: command: python3 -m http.server 80",
            ));
        }
        for program in programs {
            if !out.contains(program.name) {
                out.push(program.name.clone());
            }
        }
    }
    let all = settled.programs().map(|p| p.name.clone());
    Ok(match named {
        [] => all.collect(),
        _ => out,
    })
}
