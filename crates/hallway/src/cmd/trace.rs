//! `trace`: a real packet followed from hop to hop.

use std::process::ExitCode;
use std::time::Duration;

use hallway_engine::KernelError;
use hallway_engine::read::trace::{Traced, Tracer};
use hallway_plan::reach::{Location, Path, World};
use hallway_view::json::{FollowedPacket, Predicted, Trace, Traces, Version};
use hallway_view::path;

use crate::args::{Common, Format, PairArgs};
use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::named;
use crate::subject::{Subject, asked, check_target, location};
use crate::{interrupt, ui};

/// How to trace.
pub(crate) struct TraceOptions {
    /// A sentence for each hop.
    pub(crate) explain: bool,
    /// Watch this number of packets of other programs; else send one.
    pub(crate) follow: Option<usize>,
    /// How long an answer may take.
    pub(crate) timeout: Duration,
    pub(crate) format: Format,
}

/// `--follow` checks this often whether it was interrupted.
const INTERRUPT_CHECK: Duration = Duration::from_millis(500);

pub(crate) fn run(
    common: &Common,
    pair: &PairArgs,
    how: &TraceOptions,
) -> Result<ExitCode, VerbError> {
    let ends = [pair.from.as_str(), pair.to.as_str()];
    let scope = named::here(common, &ends)?;
    let mut subject = Subject::of_scope(common, &scope)
        .map_err(|error| named::located(common, Some(&scope), &ends, error))?;
    let questions = asked(common, Some(&scope), &mut subject, pair)?;
    let world = subject.world()?;
    let tracers = Tracers {
        subject: &subject,
        world: &world,
    };
    let mut paths: Vec<(Path, Location)> = Vec::new();
    for question in questions {
        let from = location(&world, &question.from)?;
        check_target(&world, &question.to)?;
        let own = question.predict_of(&world, |version| pair.versions.include(version));
        paths.extend(own.into_iter().map(|path| (path, from.clone())));
    }
    if let Some(count) = how.follow {
        return tracers.follow(common, paths, how, count);
    }
    let mut traced = Vec::new();
    for (predicted, from) in paths {
        let tracer = tracers.begin(predicted.clone(), from)?;
        let one = tracer.probe(how.timeout).map_err(refused)?;
        if how.format == Format::Text {
            show(&one.path, &predicted, &subject, how);
        }
        traced.push((one, predicted));
    }
    if how.format == Format::Json {
        ui::json(&Traces {
            schema_version: Version,
            project: &subject.settled.project,
            file: &subject.file,
            paths: traced.iter().map(|(t, p)| entry(t, p)).collect(),
        });
    }
    let reached = traced.iter().all(|(t, _)| t.path.outcome.reachable());
    Ok(ExitCode::from(u8::from(!reached)))
}

fn refused(error: KernelError) -> VerbError {
    CommandError::Trace(error).into()
}

fn entry<'a>(traced: &'a Traced, predicted: &'a Path) -> Trace<'a> {
    Trace {
        path: &traced.path,
        measured: traced.measured.as_ref(),
        predicted: Predicted::of(predicted),
        agrees: predicted.outcome.agrees(traced.path.outcome),
    }
}

fn show(path: &Path, predicted: &Path, subject: &Subject, how: &TraceOptions) {
    ui::hanging(&path::headline(path), 4);
    ui::text(&path::reason(&path.reason, &subject.file));
    if !predicted.outcome.agrees(path.outcome) {
        ui::text(&format!(
            "  although predicted {}: {}",
            predicted.outcome, predicted.reason.text
        ));
    }
    ui::text(&path::hops(path, subject.policies(), how.explain));
}

/// The data of every tracer.
struct Tracers<'w> {
    subject: &'w Subject,
    world: &'w World<'w>,
}

impl<'w> Tracers<'w> {
    fn begin(&self, predicted: Path, from: Location) -> Result<Tracer<'w>, VerbError> {
        let environment = self.subject.environment().clone();
        Tracer::begin(self.world, environment, predicted, from).map_err(refused)
    }

    /// The packets of other programs, in order of arrival.
    fn follow(
        &self,
        common: &Common,
        paths: Vec<(Path, Location)>,
        how: &TraceOptions,
        count: usize,
    ) -> Result<ExitCode, VerbError> {
        let cancel = interrupt::watch();
        let mut tracers = Vec::new();
        for (predicted, from) in paths {
            tracers.push((self.begin(predicted.clone(), from)?, predicted));
        }
        ui::note(common, "watching; Ctrl-C ends it");
        let mut seen = 0;
        while seen < count && !cancel.is_cancelled() && ui::stdout_is_open() {
            for (tracer, predicted) in &mut tracers {
                let found = tracer
                    .follow(INTERRUPT_CHECK, &|| cancel.is_cancelled())
                    .map_err(refused)?;
                let Some(traced) = found else { continue };
                seen += 1;
                match how.format {
                    Format::Json => ui::json_line(&FollowedPacket {
                        schema_version: Version,
                        path: &traced.path,
                    }),
                    Format::Text => show(&traced.path, predicted, self.subject, how),
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
