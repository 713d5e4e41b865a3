//! `up`: reads the file, enters the scope and calls the engine to build it.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hallway_engine::{Applied, Caller, Cancel, Failure, Planned, Reason, Removed, RequestedState};
use hallway_import::{BuiltWith, FileFormat, without_places};
use hallway_plan::firewall_accepts::Firewall;
use hallway_spec::Name;
use hallway_view::{step, tree};

use super::{events, logs, plan, prove};
use crate::args::{Common, FileArg, Format};
use crate::diagnose::VerbError;
use crate::progress::ProgressReporter;
use crate::scope::Scope;
use crate::source::{Input, input};
use crate::subject::Subject;
use crate::{interrupt, ui};

/// The limit for an answer in attempts of `up --test`.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The project is up, but a node is not as it must be inside; as `status --exit-code`.
const NODE_DIFFERS: u8 = 3;

/// The options of `up`.
#[derive(Default)]
pub(crate) struct UpOptions {
    /// How long programs may take to become ready.
    pub(crate) wait_limit: Duration,
    /// Fail, too, if a service of a Compose file does.
    pub(crate) all_ready: bool,
    pub(crate) test: bool,
    pub(crate) repair: bool,
    pub(crate) allow_through: Vec<Firewall>,
    pub(crate) watch: bool,
    pub(crate) replace: bool,
    pub(crate) attach: bool,
}

pub(crate) fn run(
    common: &Common,
    file: &FileArg,
    options: &UpOptions,
) -> Result<ExitCode, VerbError> {
    let started = Instant::now();
    let input = input(common, file)?;
    let cancel = interrupt::watch();
    let scope = Scope::enter(common, true, &cancel)?;
    let outcome = build(common, &scope, &input, options, &cancel)
        .and_then(|applied| match options.test {
            true => tested(common, &scope, &input, applied, &cancel),
            false => Ok(applied),
        })
        .map(|applied| {
            done(common, &scope, &applied, &input.path, started);
            let code = match applied.inside {
                None => ExitCode::SUCCESS,
                Some(_) => ExitCode::from(NODE_DIFFERS),
            };
            applied.unlock();
            code
        });
    match outcome {
        Ok(_) if options.watch => {
            let project = &input.project.topology.name;
            events::follow(&scope.engine, project, Format::Text, &cancel)?;
            scope.leave(common)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(_) if options.attach => {
            attached(common, &scope, &input.project.topology.name, &cancel)?;
            scope.leave(common)?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(code) => Ok(code),
        Err(error) => {
            // The first error is the one to report.
            let _left = scope.leave(common);
            Err(error)
        }
    }
}

/// Makes a project match its file, completely or not at all.
pub(crate) fn build<'s>(
    common: &Common,
    scope: &'s Scope,
    input: &Input,
    options: &UpOptions,
    cancel: &Cancel,
) -> Result<Applied<'s>, VerbError> {
    let request = RequestedState {
        topology: &input.project.topology,
        source: &input.source,
        path: (!input.path.is_empty()).then_some(input.path.as_str()),
        ready_limit: options.wait_limit,
        all_ready: options.all_ready,
        repair: options.repair,
        replace: options.replace || input.is_named(common),
        allow_through: &options.allow_through,
    };
    let mut reporter = ProgressReporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel,
    };
    let applied = scope.engine.up(&request, &mut caller);
    let failed = |failure: &Failure| matches!(failure.reason, Reason::NotReady { .. });
    let ended = reporter.ended || applied.as_ref().is_err_and(failed);
    drop(reporter);
    if ended && can_be_stubbed(input) {
        ui::note(
            common,
            "hallway up --stub gives each service a small server on its ports instead of its program",
        );
    }
    applied.map_err(|failure| VerbError::of(failure, &input.path, &input.text))
}

/// Whether it is a translated Compose file that was read without --stub.
fn can_be_stubbed(input: &Input) -> bool {
    let built_with = BuiltWith::of(&input.source);
    without_places(&input.source) != input.source
        && FileFormat::of(&input.path, &input.text) == Some(FileFormat::Compose)
        && !built_with.flags.iter().any(|flag| flag == "--stub")
}

/// Follows the logs; when all programs have ended, or the caller cancels, the project is removed.
fn attached(
    common: &Common,
    scope: &Scope,
    project: &Name,
    cancel: &Cancel,
) -> Result<(), VerbError> {
    let record = scope.engine.record(project)?;
    if let Some(settled) = record.and_then(|r| r.applied) {
        if settled.programs().next().is_none() {
            let text = "no node has a program, so there is no output to follow; Ctrl-C removes the project";
            ui::note(common, text);
        }
        logs::follow(&scope.engine, &settled, cancel)?;
    }
    let mut reporter = ProgressReporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel: &Cancel::default(),
    };
    if scope.engine.down(project, &mut caller)? == Removed::Project {
        ui::note(common, format!("{project} is down {}", scope.words()));
    }
    Ok(())
}

fn done(common: &Common, scope: &Scope, applied: &Applied<'_>, path: &str, started: Instant) {
    let settled = &applied.planned.settled;
    let (name, place) = (&settled.project, scope.words());
    let time = ui::duration(started.elapsed());
    if !applied.changed {
        let text = format!("{name} is up {place} already; nothing to change ({time})");
        ui::note(common, text);
        return from_another_file(common, applied, path);
    }
    if common.verbose > 0 {
        let steps = plan::steps(&applied.planned);
        steps.iter().for_each(|s| ui::note(common, step::line(s)));
    }
    ui::note(common, format!("{name} is up {place} ({time})"));
    from_another_file(common, applied, path);
    if let Some(text) = plan::dropped(&applied.planned) {
        ui::note(common, text);
    }
    // The picture below has no names.
    for name in &applied.planned.plan.names {
        ui::note(common, step::line(&name.describe()));
    }
    if !common.quiet {
        ui::text(&tree::project(settled, &[]));
    }
    if let Some((why, remedy)) = no_internet(scope, &applied.planned) {
        let text = format!("nodes cannot reach the internet: {why}; {remedy}");
        ui::note(common, text);
    }
}

/// Says that the project was built from another file before, if it was.
fn from_another_file(common: &Common, applied: &Applied<'_>, path: &str) {
    let name = &applied.planned.settled.project;
    let before = applied.planned.other_file(path);
    if let Some(before) = before.filter(|_| !path.is_empty()) {
        let text = format!("{name} was up from {before}, and is now from {path}");
        ui::note(common, text);
    }
}

/// Why nodes that need internet access have none, for the first project of a sandbox. A project
/// with a network that represents the outside needs none.
fn no_internet<'s>(scope: &'s Scope, planned: &Planned) -> Option<(&'s str, &'static str)> {
    let missing = scope.sandbox.as_ref()?.internet.missing()?;
    let settled = &planned.settled;
    let first = planned.record.is_none() && scope.engine.projects().len() == 1;
    let wanted = settled.inner_networks().any(|n| !n.internal)
        && !settled.networks.iter().any(|n| n.outside);
    (first && wanted).then_some(missing)
}

/// Tests the file's expectations of what was built; if one is not met, the former state is
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
        .and_then(|mut subject| {
            subject.read_inside_for_expects()?;
            prove::expectations(&subject, ANSWER_LIMIT, cancel)
        })
        .and_then(|proof| Ok(cancel.check().map(|()| proof)?));
    let mut error = match proof {
        Ok(proof) if !prove::report_failures(common, &proof) => return Ok(applied),
        Ok(_) => VerbError::Failed(Reason::ExpectationFailed.into()),
        Err(error) => error,
    };
    let mut reporter = ProgressReporter::new(common);
    // The former state is restored even after an interruption.
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
