//! `down`: programs, then everything that bears the project's mark.

use std::process::ExitCode;
use std::time::Instant;

use hallway_engine::keeper::{Client, stop_leftovers};
use hallway_engine::{Engine, Failure};
use hallway_spec::Name;

use crate::args::{Common, FileArg};
use crate::diagnose::Trouble;
use crate::scope::{Scope, project};
use crate::ui;

pub(crate) fn run(common: &Common, file: &FileArg) -> Result<ExitCode, Trouble> {
    let started = Instant::now();
    let named = file
        .path()
        .is_some()
        .then(|| project(common, file, None))
        .transpose()?;
    let Some(scope) = Scope::existing_to_change(common)? else {
        ui::note(
            common,
            format!("nothing is up: sandbox {} does not run", common.sandbox),
        );
        return Ok(ExitCode::SUCCESS);
    };
    let name = named.map_or_else(|| project(common, file, Some(&scope.engine)), Ok)?;
    let place = scope.words();
    {
        let _lock = scope
            .engine
            .lock(|| ui::note(common, "waiting for another hallway to finish…"))?;
        let count = take_down(&scope.engine, &name)?;
        if count == 0 {
            ui::note(
                common,
                format!("{name} is not up {place}: nothing to remove"),
            );
        } else {
            ui::note(
                common,
                format!(
                    "{name} is down {place} ({})",
                    ui::duration(started.elapsed())
                ),
            );
        }
    }
    scope.leave(common)?;
    Ok(ExitCode::SUCCESS)
}

/// Ends a project's programs and removes all it made; how much there was.
pub(crate) fn take_down(engine: &Engine, project: &Name) -> Result<usize, Failure> {
    let mut count = 0;
    let inodes: Vec<u64> = engine
        .see(project)?
        .observed
        .namespaces
        .iter()
        .filter(|n| n.owner.as_ref().is_some_and(|(p, _)| p == project))
        .filter_map(|n| match n.state {
            hallway_engine::NamespaceState::Mounted(inode) => Some(inode),
            _ => None,
        })
        .collect();
    count += usize::from(Client::end(project.as_ref())?);
    stop_leftovers(project.as_ref(), &inodes);
    count += engine.down(project, &mut |_, _| {})?;
    Ok(count)
}
