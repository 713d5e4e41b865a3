//! `trace`: a real packet followed from hop to hop.

use std::process::ExitCode;
use std::time::Duration;

use hallway_engine::reach::{At, Path, Question, World};
use hallway_engine::read::trace::{Traced, Tracer};
use hallway_engine::{Failure, interrupt};
use serde_json::{Value, json};

use super::ask::of_version;
use crate::args::{Common, Format, PairArgs};
use crate::diagnose::Trouble;
use crate::render::path;
use crate::scope::here;
use crate::subject::{Subject, asked, pair, place};
use crate::ui;

/// How to go about it.
pub(crate) struct How {
    /// A sentence for each hop.
    pub(crate) explain: bool,
    /// Watch others' packets, so many; else send one.
    pub(crate) follow: Option<usize>,
    pub(crate) timeout: Duration,
    pub(crate) format: Format,
}

/// `--follow` without end still looks up now and then, for Ctrl-C.
const LOOK_UP: Duration = Duration::from_secs(1);

pub(crate) fn run(common: &Common, who: &PairArgs, how: &How) -> Result<ExitCode, Trouble> {
    let scope = here(common)?;
    let subject = Subject::of_scope(common, &scope)?;
    let world = subject.world()?;
    let (from, to, service) = pair(&world, &who.from, &who.to)?;
    let at = place(&world, &from)?;
    asked(&world, &to)?;
    let question = Question { from, to, service };
    let paths = of_version(question.predict(&world), who.versions);
    if let Some(count) = how.follow {
        return follow(common, &subject, (&world, at, paths), how, count);
    }
    let mut traced = Vec::new();
    for predicted in paths {
        let tracer = begin(&subject, &world, predicted.clone(), &at)?;
        let one = tracer.probe(how.timeout).map_err(refused)?;
        if how.format == Format::Text {
            show(&one.path, &predicted, &subject, how);
        }
        traced.push((one, predicted));
    }
    if how.format == Format::Json {
        let paths: Vec<Value> = traced.iter().map(|(t, p)| row(t, p)).collect();
        ui::json(&json!({
            "schema_version": 1,
            "project": subject.settled.project,
            "file": subject.file,
            "paths": paths,
        }));
    }
    let reached = traced.iter().all(|(t, _)| t.path.outcome.reachable());
    Ok(ExitCode::from(u8::from(!reached)))
}

fn begin<'w>(
    subject: &Subject,
    world: &'w World<'w>,
    predicted: Path,
    at: &At,
) -> Result<Tracer<'w>, Trouble> {
    let environment = subject.environment().clone();
    Tracer::begin(world, environment, predicted, at.clone()).map_err(|e| refused(e).into())
}

fn refused(error: hallway_engine::KernelError) -> Failure {
    Failure::kernel("trace", "the packet cannot be followed", error)
}

fn row(traced: &Traced, predicted: &Path) -> Value {
    json!({
        "path": traced.path,
        "measured": traced.measured,
        "predicted": { "outcome": predicted.outcome, "reason": predicted.reason },
        "agrees": traced.path.outcome.reachable() == predicted.outcome.reachable(),
    })
}

fn show(path: &Path, predicted: &Path, subject: &Subject, how: &How) {
    ui::line(path::headline(path));
    ui::out(&path::reason(&path.reason, &subject.file));
    if path.outcome.reachable() != predicted.outcome.reachable() {
        ui::line(format!(
            "  although predicted {}: {}",
            predicted.outcome, predicted.reason.text
        ));
    }
    ui::out(&path::ways(path, how.explain));
}

/// Others' packets, as they come.
fn follow(
    common: &Common,
    subject: &Subject,
    (world, at, paths): (&World<'_>, At, Vec<Path>),
    how: &How,
    count: usize,
) -> Result<ExitCode, Trouble> {
    interrupt::watch();
    let mut tracers = Vec::new();
    for predicted in paths {
        tracers.push((begin(subject, world, predicted.clone(), &at)?, predicted));
    }
    ui::note(common, "watching; Ctrl-C ends it");
    let mut seen = 0;
    while seen < count && interrupt::came().is_none() && ui::stdout_is_open() {
        for (tracer, predicted) in &mut tracers {
            let limit = LOOK_UP / 2;
            let found = tracer
                .follow(limit, &|| interrupt::came().is_some())
                .map_err(refused)?;
            let Some(traced) = found else { continue };
            seen += 1;
            match how.format {
                Format::Json => {
                    ui::line(json!({ "schema_version": 1, "path": traced.path }).to_string())
                }
                Format::Text => show(&traced.path, predicted, subject, how),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
