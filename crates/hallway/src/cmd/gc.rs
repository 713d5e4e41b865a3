//! `gc`: what bears hallway's mark without a project on record.

use std::process::ExitCode;

use hallway_engine::Caller;
use serde_json::json;

use crate::args::{Common, Format};
use crate::diagnose::Trouble;
use crate::scope::Scope;
use crate::progress::Reporter;
use crate::{interrupt, ui};

pub(crate) fn run(common: &Common, yes: bool, format: Format) -> Result<ExitCode, Trouble> {
    let cancel = interrupt::waiting();
    let Some(scope) = Scope::existing_to_change(common, &cancel)? else {
        if format == Format::Json {
            ui::json(&json!([]));
        } else {
            let text = format!("sandbox {} does not run: nothing is left behind", common.sandbox);
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
