//! `up`: reads the file, enters the scope and has the engine build it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hallway_engine::{Applied, Caller, Cancel, Reason, Request};
use hallway_plan::through::Firewall;
use hallway_view::tree;

use super::{events, plan, prove};
use crate::args::{Common, FileArg, Format};
use crate::diagnose::VerbError;
use crate::progress::Reporter;
use crate::scope::Scope;
use crate::source::{Input, read};
use crate::subject::Subject;
use crate::{interrupt, ui};

/// How long an answer may take while `up --test` makes its attempts.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The file, by its absolute path: the project may be used from another directory later.
pub(crate) fn input(common: &Common, file: &FileArg) -> Result<Input, VerbError> {
    let mut input = read(common, file)?;
    if input.path == "-" {
        input.path.clear();
    } else if let Ok(path) = std::path::absolute(&input.path) {
        input.path = path.display().to_string();
    }
    Ok(input)
}

/// What is asked of `up`.
pub(crate) struct Options {
    pub(crate) wait_timeout: u64,
    pub(crate) test: bool,
    pub(crate) repair: bool,
    pub(crate) allow_through: Vec<Firewall>,
    pub(crate) watch: bool,
}

/// How a project is built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How<'a> {
    pub(crate) ready_limit: Duration,
    pub(crate) repair: bool,
    pub(crate) allow_through: &'a [Firewall],
}

pub(crate) fn run(
    common: &Common,
    file: &FileArg,
    options: &Options,
) -> Result<ExitCode, VerbError> {
    let started = Instant::now();
    let input = input(common, file)?;
    let cancel = interrupt::watch();
    let scope = Scope::enter(common, true, &cancel)?;
    let how = How {
        ready_limit: Duration::from_secs(options.wait_timeout),
        repair: options.repair,
        allow_through: &options.allow_through,
    };
    let outcome = build(common, &scope, &input, how, &cancel)
        .and_then(|applied| match options.test {
            true => tested(common, &scope, &input, applied, &cancel),
            false => Ok(applied),
        })
        .map(|applied| done(common, &scope, &applied, started));
    match outcome {
        Ok(()) if options.watch => {
            let project = &input.project.topology.name;
            events::follow(&scope.engine, project, Format::Text, &cancel)?;
            scope.leave(common)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => {
            scope.leave(common)?;
            Err(error)
        }
    }
}

/// Makes a project match its file, all of it or nothing.
pub(crate) fn build<'s>(
    common: &Common,
    scope: &'s Scope,
    input: &Input,
    how: How<'_>,
    cancel: &Cancel,
) -> Result<Applied<'s>, VerbError> {
    let request = Request {
        topology: &input.project.topology,
        source: &input.text,
        path: (!input.path.is_empty()).then_some(input.path.as_str()),
        ready_limit: how.ready_limit,
        repair: how.repair,
        allow_through: how.allow_through,
    };
    let mut reporter = Reporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel,
    };
    let applied = scope.engine.up(&request, &mut caller);
    applied.map_err(|failure| VerbError::of(failure, &input.path, &input.text))
}

fn done(common: &Common, scope: &Scope, applied: &Applied<'_>, started: Instant) {
    let settled = &applied.planned.settled;
    let (name, place) = (&settled.project, scope.words());
    let time = ui::duration(started.elapsed());
    if !applied.changed {
        let text = format!("{name} is up {place} already; nothing to change ({time})");
        return ui::note(common, text);
    }
    ui::note(common, format!("{name} is up {place} ({time})"));
    if let Some(text) = plan::dropped(&applied.planned) {
        ui::note(common, text);
    }
    if !common.quiet {
        ui::out(&tree::project(settled, &[]));
    }
}

/// Tests what the file expects on what was built; if it is not true, what was there before is
/// restored. The scope stays locked meanwhile.
fn tested<'s>(
    common: &Common,
    scope: &Scope,
    input: &Input,
    applied: Applied<'s>,
    cancel: &Cancel,
) -> Result<Applied<'s>, VerbError> {
    let named = Common {
        project: Some(input.project.topology.name.clone()),
        ..common.clone()
    };
    let proof = Subject::of_scope(&named, scope)
        .and_then(|subject| prove::expectations(&subject, ANSWER_LIMIT, cancel))
        .and_then(|proof| Ok(cancel.check().map(|()| proof)?));
    let mut error = match proof {
        Ok(proof) if !prove::report_failures(common, &proof) => return Ok(applied),
        Ok(_) => VerbError::Failed(Reason::ExpectationFailed.into()),
        Err(error) => error,
    };
    let mut reporter = Reporter::new(common);
    // What was interrupted is restored all the same.
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel: &Cancel::default(),
    };
    let undone = applied.roll_back(&mut caller);
    match (&mut error, undone) {
        (VerbError::Failed(failure), Err(more)) => failure.also.push(more),
        (_, undone) => undone?,
    }
    Err(error)
}
