//! `graph`: a picture of a project.

use std::process::ExitCode;

use hallway_engine::read::live::live;
use hallway_engine::{Completeness, Engine, OtherNamespaces};
use hallway_plan::Settled;
use hallway_plan::compare::{Difference, Fact};
use hallway_spec::Name;
use hallway_view::graph::{Graph, dot, mermaid, svg, text};

use super::list::programs;
use crate::again::Commands;
use crate::args::{Common, GraphArgs, Picture};
use crate::diagnose::VerbError;
use crate::failure::{CommandCode, CommandError};
use crate::scope::{Scope, here, present, project, running};
use crate::source::read;
use crate::ui;

pub(crate) fn run(common: &Common, args: &GraphArgs) -> Result<ExitCode, VerbError> {
    if let Some(ending) = args.unknown_ending() {
        return Err(VerbError::usage(
            CommandCode::BadArgument,
            format!("hallway cannot write .{ending} files"),
            "name a file that ends with .svg, .dot or .mmd, which other programs convert; or give --format",
        ));
    }
    // Before a sandbox is entered, since the terminal and the file are the user's.
    let width = ui::stdout_width();
    let existing = match args.live {
        true => Some(existing(common, args)?),
        false => None,
    };
    let settled = match &existing {
        Some((.., settled)) => settled.clone(),
        None => settled(common, args)?,
    };
    let mut graph = Graph::new(&settled);
    if args.live {
        // Without an answer of the keeper, the note below says what is known.
        let programs = existing
            .as_ref()
            .and_then(|(scope, ..)| programs(&scope.engine, &settled).ok());
        graph = graph.with(&settled, &live(&settled)?, &programs.unwrap_or_default());
    }
    let picture = match args.picture() {
        Picture::Text => text(&graph, width),
        Picture::Mermaid => mermaid(&graph),
        Picture::Dot => dot(&graph),
        Picture::Svg => svg(&graph),
    };
    match &args.output {
        None => ui::out(&picture),
        Some(path) => std::fs::write(path, picture).map_err(|e| CommandError::write(path, &e))?,
    }
    if args.live && graph.missing() > 0 {
        let up = match &existing {
            Some((scope, project, _)) => {
                let record = scope.engine.record(project)?;
                Commands::new(common, scope, project).up(record.as_ref())
            }
            None => "hallway up".to_owned(),
        };
        ui::note(common, format!("something is missing: {up} repairs it"));
    } else if let Some((scope, project, _)) = &existing {
        note_state(common, scope, project)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints that a project differs from what was built.
fn note_state(common: &Common, scope: &Scope, project: &Name) -> Result<(), VerbError> {
    if let Some(status) = scope.engine.status(project)?
        && status.state != Completeness::Up
    {
        let (state, count) = (status.state.word(), status.differences.len());
        let differences = ui::counted(count, "difference", "differences");
        let commands = Commands::new(common, scope, project);
        let (names, up) = (
            commands.of_project("status"),
            commands.up(status.record.as_ref()),
        );
        let is_unhealthy = |d: &Difference| d.fact == Fact::ProgramUnhealthy;
        let repairs = match status.differences.iter().all(is_unhealthy) {
            true => String::new(),
            false => format!(", {up} repairs them"),
        };
        let words = format!("{project} is {state}: {differences}; {names} names them{repairs}");
        ui::note(common, words);
    }
    Ok(())
}

/// The project in its present state.
fn existing(common: &Common, args: &GraphArgs) -> Result<(Scope, Name, Settled), VerbError> {
    let scope = here(common)?;
    let mut common = common.clone();
    if args.file.path().is_some() {
        common.project = Some(project(&common, &args.file, Some(&scope.engine))?);
    }
    let (name, settled) = present(&common, &scope.engine)?;
    Ok((scope, name, settled))
}

/// The running project, unless a file is named; the file of the directory if none is running.
fn settled(common: &Common, args: &GraphArgs) -> Result<Settled, VerbError> {
    if args.file.path().is_none()
        && let Some(scope) = Scope::existing(common)?
        && let Some(name) = running(common, &scope.engine)?
    {
        let named = Common {
            project: Some(name),
            ..common.clone()
        };
        return Ok(present(&named, &scope.engine)?.1);
    }
    let input = read(common, &args.file)?;
    let planned =
        Engine::plan_for_empty_host(&input.project.topology, &[], OtherNamespaces::Assumed);
    Ok(planned
        .map_err(|f| VerbError::of(f, &input.path, &input.text))?
        .settled)
}
