//! `gc`: objects with hallway's mark whose project is not on record.

use std::process::ExitCode;

use hallway_engine::Caller;
use hallway_spec::Name;
use hallway_view::json::{StrayProject, Version};

use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::progress::Reporter;
use crate::scope::{self, Scope};
use crate::{interrupt, ui};

pub(crate) fn run(common: &Common, yes: bool, format: Format) -> Result<ExitCode, VerbError> {
    let cancel = interrupt::waiting();
    if !yes && let Some(lost) = scope::lost_sandbox(common)? {
        let text = format!(
            "sandbox {} has lost its state directory; hallway gc --yes ends it",
            lost.name
        );
        ui::note(common, text);
        if format == Format::Json {
            print(&[], yes);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let Some(scope) = Scope::existing_to_change(common, &cancel)? else {
        if format == Format::Json {
            print(&[], yes);
        } else {
            let text = format!(
                "sandbox {} does not run: nothing is left behind",
                common.sandbox
            );
            ui::note(common, text);
        }
        return Ok(ExitCode::SUCCESS);
    };
    let mut reporter = Reporter::new(common);
    let mut caller = Caller {
        reporter: &mut reporter,
        cancel: &cancel,
    };
    let strays = scope.engine.collect_strays(yes, &mut caller)?;
    match format {
        Format::Json => print(&strays, yes),
        Format::Text if strays.is_empty() => ui::note(common, "nothing is left behind"),
        Format::Text => {
            for project in &strays {
                ui::line(format!(
                    "{project}  {}",
                    if yes { "removed" } else { "not on record" }
                ));
            }
            if !yes {
                ui::note(common, "hallway gc --yes removes what is left");
            }
        }
    }
    drop(reporter);
    // A sandbox without a project on record is ended here, and the state of the host is removed.
    if yes || scope.sandbox.is_none() {
        scope.leave(common)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the projects as JSON.
fn print(strays: &[Name], removed: bool) {
    let entry = |project| StrayProject {
        project,
        removed,
        schema_version: Version,
    };
    ui::json(&strays.iter().map(entry).collect::<Vec<_>>());
}
