//! `explain` and `reach`: the prediction for one pair, and the result of one real attempt.

use std::process::ExitCode;
use std::time::Duration;

use hallway_engine::Failure;
use hallway_engine::read::probe::{self, Aim};
use hallway_plan::reach::{ListenerKind, Measured, Outcome, Path, Question, Service, World};
use hallway_view::json::{Attempt, Attempts, Explanation, Predicted, Version};
use hallway_view::path;
use hallway_view::style::{DIM, styled};

use crate::args::{Common, FileArg, Format, PairArgs, Versions};
use crate::diagnose::VerbError;
use crate::named;
use crate::subject::{Subject, asked, check_target, location};
use crate::{interrupt, ui};

/// The prediction, with the path hop by hop.
pub(crate) fn explain(
    common: &Common,
    file: &FileArg,
    pair: &PairArgs,
    format: Format,
) -> Result<ExitCode, VerbError> {
    let mut subject = Subject::any(common, file, &[&pair.from, &pair.to])?;
    let questions = asked(common, None, &mut subject, pair)?;
    let world = subject.world()?;
    let paths = predicted(&world, &questions, pair.versions);
    match format {
        Format::Json => ui::json(&Explanation {
            schema_version: Version,
            project: &subject.settled.project,
            file: &subject.file,
            paths: &paths,
        }),
        Format::Text => {
            for one in &paths {
                ui::hanging(&path::headline(one), 4);
                ui::text(&path::reason(&one.reason, &subject.file));
                ui::text(&path::hops(one, subject.policies(), common.verbose > 0));
            }
        }
    }
    Ok(code(paths.iter().map(|p| p.outcome)))
}

/// The paths of all questions.
fn predicted(world: &World<'_>, questions: &[Question], versions: Versions) -> Vec<Path> {
    let paths = questions
        .iter()
        .flat_map(|q| q.predict_of(world, |version| versions.include(version)));
    paths.collect()
}

/// 0 when everything is reachable.
fn code(outcomes: impl Iterator<Item = Outcome>) -> ExitCode {
    let mut outcomes = outcomes;
    ExitCode::from(u8::from(!outcomes.all(Outcome::reachable)))
}

/// One real attempt for each IP version.
pub(crate) fn reach(
    common: &Common,
    pair: &PairArgs,
    timeout: Duration,
    format: Format,
) -> Result<ExitCode, VerbError> {
    let ends = [pair.from.as_str(), pair.to.as_str()];
    let scope = named::here(common, &ends)?;
    let mut subject = Subject::of_scope(common, &scope)
        .map_err(|error| named::located(common, Some(&scope), &ends, error))?;
    let questions = asked(common, Some(&scope), &mut subject, pair)?;
    let world = subject.world()?;
    let mut paths = Vec::new();
    let mut aims: Vec<Aim> = Vec::new();
    for question in &questions {
        let from = location(&world, &question.from)?;
        check_target(&world, &question.to)?;
        let own = question.predict_of(&world, |version| pair.versions.include(version));
        aims.extend(own.iter().filter_map(|p| Aim::of(p, &from)));
        paths.extend(own);
    }
    let measured = probe::probe(&subject.settled, &aims, timeout, &interrupt::watch())
        .map_err(Failure::from)?;
    let mut answers = measured.into_iter();
    let attempts: Vec<Attempt<'_>> = paths
        .iter()
        .map(|p| attempt(p, p.address.and_then(|_| answers.next())))
        .collect();
    let outcomes: Vec<Outcome> = attempts.iter().map(outcome).collect();
    match format {
        Format::Json => ui::json(&Attempts {
            schema_version: Version,
            project: &subject.settled.project,
            probes: attempts,
        }),
        Format::Text => {
            for (one, predicted) in attempts.iter().zip(&paths) {
                show(one, predicted, &subject.file);
            }
        }
    }
    Ok(code(outcomes.into_iter()))
}

fn attempt(predicted: &Path, measured: Option<Measured>) -> Attempt<'_> {
    let outcome = measured.as_ref().map_or(predicted.outcome, |m| m.outcome);
    Attempt {
        from: &predicted.from,
        to: &predicted.to,
        address: predicted.address,
        service: predicted.service,
        measured,
        predicted: Predicted::of(predicted),
        agrees: predicted.outcome.agrees(outcome),
    }
}

/// The measured outcome; the predicted one if nothing was measured.
fn outcome(attempt: &Attempt<'_>) -> Outcome {
    let measured = attempt.measured.as_ref();
    measured.map_or(attempt.predicted.outcome, |m| m.outcome)
}

fn show(attempt: &Attempt<'_>, predicted: &Path, file: &str) {
    let shown = Path {
        outcome: outcome(attempt),
        ..predicted.clone()
    };
    let more = attempt.measured.as_ref().map(words).unwrap_or_default();
    let headline = format!("{}{}", path::headline(&shown), styled(DIM, more));
    ui::hanging(&headline, 4);
    if attempt.agrees {
        ui::text(&path::reason(&predicted.reason, file));
    } else if shown.outcome != Outcome::Unknown {
        ui::text(&format!(
            "  although predicted {}: {}",
            predicted.outcome, predicted.reason.text
        ));
        ui::text(&format!(
            "  help: hallway trace {from} {to} shows where it goes",
            from = predicted.from,
            to = target(predicted)
        ));
    }
}

/// The target as on the command line.
fn target(path: &Path) -> String {
    match path.service {
        Service::Icmp => path.to.clone(),
        service if path.to.contains(':') => format!("[{}]:{service}", path.to),
        service => format!("{}:{service}", path.to),
    }
}

/// Latency, the listener that answered, and other details.
fn words(measured: &Measured) -> String {
    let mut parts = Vec::new();
    if let Some(us) = measured.latency_us {
        parts.push(ui::short(Duration::from_micros(us)));
    }
    if measured.outcome == Outcome::Open && measured.listener == ListenerKind::Temporary {
        parts.push("nothing listens there; a listener of the probe answered".into());
    }
    if !measured.detail.is_empty() {
        parts.push(measured.detail.clone());
    }
    if parts.is_empty() {
        return String::new();
    }
    format!(" ({})", parts.join("; "))
}
