//! `gc`: objects with hallway's mark whose project is not on record.

use std::process::ExitCode;

use hallway_engine::{Caller, OrphanedObjects};
use hallway_view::json::{OrphanedObject, Version};

use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::progress::ProgressReporter;
use crate::scope::{self, Scope};
use crate::{interrupt, ui, unusable};

pub(crate) fn run(common: &Common, yes: bool, format: Format) -> Result<ExitCode, VerbError> {
    // Only what removes something goes on to its end.
    let (cancel, late) = match yes {
        true => {
            let (cancel, late) = interrupt::until_begun();
            (cancel, Some(late))
        }
        false => (interrupt::watch(), None),
    };
    if !yes
        && !common.host
        && let Some((sandbox, why)) = unusable::sandbox(common, common.sandbox.as_ref())
    {
        let name = &sandbox.name;
        let text = format!("sandbox {name} runs, but {why}; hallway gc --yes ends it");
        ui::note(common, text);
        if format == Format::Json {
            print(&OrphanedObjects::default(), yes);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if !yes && let Some(lost) = scope::lost_sandbox(common)? {
        let text = format!(
            "sandbox {} has lost its state directory; hallway gc --yes ends it",
            lost.name
        );
        ui::note(common, text);
        if format == Format::Json {
            print(&OrphanedObjects::default(), yes);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(scope) = Scope::existing_to_change(common, &cancel)? else {
        if format == Format::Json {
            print(&OrphanedObjects::default(), yes);
        } else {
            let text = format!(
                "sandbox {} does not run: nothing is left behind",
                common.sandbox
            );
            ui::note(common, text);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let mut reporter = ProgressReporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel: &cancel,
    };
    let saying = late.map(|late| late.said(common, "gc"));
    let orphaned_objects = scope.engine.collect_orphaned_objects(yes, &mut caller);
    drop(saying);
    let orphaned_objects = orphaned_objects?;
    if !yes {
        cancel.check()?;
    }
    match format {
        Format::Json => print(&orphaned_objects, yes),
        Format::Text => text(common, &orphaned_objects, yes),
    }
    drop(reporter);
    // A sandbox without a project on record is ended here, and the state of the host is removed.
    if yes || scope.sandbox.is_none() {
        scope.leave(common)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(common: &Common, orphaned_objects: &OrphanedObjects, removed: bool) {
    let state = if removed { "removed" } else { "not on record" };
    for project in &orphaned_objects.projects {
        ui::line(format!("{project}  {state}"));
    }
    for route in &orphaned_objects.routes {
        ui::line(format!("route unreachable {route}  {state}"));
    }
    for other in &orphaned_objects.elsewhere {
        let directory = other.state_directory().display();
        let project = &other.project;
        ui::note(
            common,
            format!("{project} is up with state directory {directory}: it stays"),
        );
    }
    match orphaned_objects.projects.is_empty() && orphaned_objects.routes.is_empty() {
        true => ui::note(common, "nothing is left behind"),
        false if !removed => ui::note(common, "hallway gc --yes removes what is left"),
        false => {}
    }
}

/// Prints what is left as JSON.
fn print(orphaned_objects: &OrphanedObjects, removed: bool) {
    let projects = orphaned_objects
        .projects
        .iter()
        .map(|project| OrphanedObject {
            project: Some(project),
            route: None,
            removed,
            schema_version: Version,
        });
    let routes = orphaned_objects.routes.iter().map(|route| OrphanedObject {
        project: None,
        route: Some(*route),
        removed,
        schema_version: Version,
    });
    ui::json(&projects.chain(routes).collect::<Vec<_>>());
}
