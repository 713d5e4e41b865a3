//! `explain` and `reach`: what is predicted of one pair, and what one real attempt shows.

use std::process::ExitCode;
use std::time::Duration;

use hallway_engine::Failure;
use hallway_engine::read::probe::{self, Aim, Listener, Measured};
use hallway_plan::reach::{Outcome, Path, Question};
use serde_json::{Value, json};

use crate::args::{Common, FileArg, Format, Versions};
use crate::diagnose::Trouble;
use crate::render::path;
use crate::scope::here;
use crate::subject::{Subject, asked, pair, place};
use crate::ui::{self, DIM, styled};

/// What is predicted, with the way hop by hop.
pub(crate) fn explain(
    common: &Common,
    file: &FileArg,
    (from, to): (&str, &str),
    versions: Versions,
    format: Format,
) -> Result<ExitCode, Trouble> {
    let subject = Subject::any(common, file)?;
    let world = subject.world()?;
    let (from, to, service) = pair(&world, from, to)?;
    let question = Question { from, to, service };
    let paths = of_version(question.predict(&world), versions);
    match format {
        Format::Json => ui::json(&json!({
            "schema_version": 1,
            "project": subject.settled.project,
            "file": subject.file,
            "paths": paths,
        })),
        Format::Text => {
            for one in &paths {
                ui::line(path::headline(one));
                ui::out(&path::reason(&one.reason, &subject.file));
                ui::out(&path::ways(one, common.verbose > 0));
            }
        }
    }
    Ok(code(paths.iter().map(|p| p.outcome)))
}

/// Those of the address families asked for; all, if none of them is.
pub(crate) fn of_version(paths: Vec<Path>, versions: Versions) -> Vec<Path> {
    let wanted = |p: &Path| p.address.is_none_or(|a| versions.include(a.is_ipv4()));
    if paths.iter().any(wanted) {
        paths.into_iter().filter(wanted).collect()
    } else {
        paths
    }
}

/// 0 when everything is reachable.
fn code(outcomes: impl Iterator<Item = Outcome>) -> ExitCode {
    let mut outcomes = outcomes;
    ExitCode::from(u8::from(!outcomes.all(Outcome::reachable)))
}

/// One real attempt for each address family.
pub(crate) fn reach(
    common: &Common,
    (from, to): (&str, &str),
    versions: Versions,
    timeout: Duration,
    format: Format,
) -> Result<ExitCode, Trouble> {
    let scope = here(common)?;
    let subject = Subject::of_scope(common, &scope)?;
    let world = subject.world()?;
    let (from, to, service) = pair(&world, from, to)?;
    let at = place(&world, &from)?;
    asked(&world, &to)?;
    let question = Question { from, to, service };
    let paths = of_version(question.predict(&world), versions);
    let aims: Vec<Aim> = paths.iter().filter_map(|p| Aim::of(p, &at)).collect();
    let measured = probe::probe(&subject.settled, &aims, timeout).map_err(Failure::from)?;
    let mut outcomes = Vec::new();
    let mut rows: Vec<Value> = Vec::new();
    let mut answers = measured.into_iter();
    for one in &paths {
        let answer = one.address.and_then(|_| answers.next());
        let outcome = answer.as_ref().map_or(one.outcome, |m| m.outcome);
        outcomes.push(outcome);
        let agrees = outcome.reachable() == one.outcome.reachable();
        match format {
            Format::Json => rows.push(json!({
                "from": one.from,
                "to": one.to,
                "address": one.address,
                "service": one.service,
                "measured": answer,
                "predicted": { "outcome": one.outcome, "reason": one.reason },
                "agrees": agrees,
            })),
            Format::Text => {
                let shown = Path {
                    outcome,
                    ..one.clone()
                };
                let more = answer.as_ref().map(words).unwrap_or_default();
                ui::line(format!("{}{}", path::headline(&shown), styled(DIM, more)));
                if agrees {
                    ui::out(&path::reason(&one.reason, &subject.file));
                } else {
                    ui::line(format!(
                        "  although predicted {}: {}",
                        one.outcome, one.reason.text
                    ));
                    ui::line(format!(
                        "  help: hallway trace {from} {to} shows where it goes",
                        from = one.from,
                        to = target(one)
                    ));
                }
            }
        }
    }
    if format == Format::Json {
        ui::json(&json!({
            "schema_version": 1,
            "project": subject.settled.project,
            "probes": rows,
        }));
    }
    Ok(code(outcomes.into_iter()))
}

/// As it is written on the command line.
pub(crate) fn target(path: &Path) -> String {
    match path.service {
        hallway_plan::reach::Service::Icmp => path.to.clone(),
        hallway_plan::reach::Service::Port(port) if path.to.contains(':') => {
            format!("[{}]:{port}", path.to)
        }
        hallway_plan::reach::Service::Port(port) => format!("{}:{port}", path.to),
    }
}

/// Latency, who answered, and what else there is to say.
fn words(measured: &Measured) -> String {
    let mut parts = Vec::new();
    if let Some(us) = measured.latency_us {
        parts.push(ui::short(Duration::from_micros(us)));
    }
    if measured.outcome == Outcome::Open && measured.listener == Listener::Temporary {
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
