//! `gc`: what bears hallway's mark without a project on record.

use std::process::ExitCode;

use serde_json::json;

use super::down::take_down;
use crate::args::{Common, Format};
use crate::diagnose::Trouble;
use crate::scope::Scope;
use crate::ui;

pub(crate) fn run(common: &Common, yes: bool, format: Format) -> Result<ExitCode, Trouble> {
    let Some(scope) = Scope::existing_to_change(common)? else {
        if format == Format::Json {
            ui::json(&json!([]));
        } else {
            ui::note(
                common,
                format!(
                    "sandbox {} does not run: nothing is left behind",
                    common.sandbox
                ),
            );
        }
        return Ok(ExitCode::SUCCESS);
    };
    let _lock = scope
        .engine
        .lock(|| ui::note(common, "waiting for another hallway to finish…"))?;
    let strays = scope.engine.strays()?;
    for project in strays.iter().filter(|_| yes) {
        take_down(&scope.engine, project)?;
    }
    match format {
        Format::Json => {
            let list: Vec<_> = strays
                .iter()
                .map(|p| json!({ "schema_version": 1, "project": p, "removed": yes }))
                .collect();
            ui::json(&json!(list));
        }
        Format::Text if strays.is_empty() => ui::note(common, "nothing is left behind"),
        Format::Text => {
            for project in &strays {
                ui::line(format!(
                    "{project}  {}",
                    if yes { "removed" } else { "not on record" }
                ));
            }
            if !yes {
                ui::note(common, "hallway gc --yes removes it");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
