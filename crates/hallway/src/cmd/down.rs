//! `down`: takes a project down.

use std::process::ExitCode;
use std::time::Instant;

use hallway_engine::{Caller, Removed};

use crate::args::{Common, FileArg};
use crate::diagnose::VerbError;
use crate::progress::ProgressReporter;
use crate::scope::{Scope, ToRemove, elsewhere, project, to_remove};
use crate::{interrupt, named, ui};

pub(crate) fn run(common: &Common, file: &FileArg) -> Result<ExitCode, VerbError> {
    let started = Instant::now();
    if file.path().is_some() {
        project(common, file, None)?; // an unreadable file is reported, also if nothing is up
    }
    let (cancel, late) = interrupt::until_begun();
    let Some(scope) = Scope::existing_to_change(common, &cancel)? else {
        let more = elsewhere(common, None).map_or(String::new(), |more| format!("; {more}"));
        let text = format!(
            "nothing is up: sandbox {} does not run{more}",
            common.sandbox
        );
        ui::note(common, text);
        return Ok(ExitCode::SUCCESS);
    };
    let ToRemove { name, unnamed } = to_remove(common, file, &scope.engine)?;
    let place = scope.words();
    let mut reporter = ProgressReporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel: &cancel,
    };
    let saying = late.said(common, "down");
    let removed = scope.engine.down(&name, &mut caller);
    drop(saying);
    let text = match removed? {
        Removed::Nothing => {
            let places = named::project_elsewhere(common, &scope, &name);
            let places = match places.is_empty() {
                true => String::new(),
                false => format!("; it is up elsewhere: {}", places.join(" or ")),
            };
            format!("{name} is not up {place}: nothing to remove{places}")
        }
        Removed::Project => {
            let time = ui::duration(started.elapsed());
            let from = unnamed.map_or(String::new(), |path| format!("; it was built from {path}"));
            format!("{name} is down {place} ({time}){from}")
        }
    };
    drop(reporter);
    ui::note(common, text);
    scope.leave(common)?;
    Ok(ExitCode::SUCCESS)
}
