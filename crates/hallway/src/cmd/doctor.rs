//! `doctor`: what this machine supports.

use std::process::ExitCode;

use hallway_engine::doctor::{Check, CheckOutcome, checks};
use hallway_view::json::{self, CheckEntry, Version};

use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::ui;
use hallway_view::style::{GREEN, RED, YELLOW, styled};

pub(crate) fn run(_common: &Common, format: Format) -> Result<ExitCode, VerbError> {
    let checks = checks();
    match format {
        Format::Json => {
            ui::json(&checks.iter().map(entry).collect::<Vec<_>>());
        }
        Format::Text => {
            for check in &checks {
                let word = match check.outcome {
                    CheckOutcome::Ok => styled(GREEN, "ok     "),
                    CheckOutcome::Warning => styled(YELLOW, "less   "),
                    CheckOutcome::Missing => styled(RED, "missing"),
                };
                ui::hanging(&format!("{word}  {}: {}", check.name, check.found), 9);
                for line in check.advice.lines() {
                    ui::hanging(&format!("         {line}"), 13);
                }
            }
        }
    }
    let missing = checks.iter().any(|c| c.outcome == CheckOutcome::Missing);
    Ok(if missing {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn entry(check: &Check) -> CheckEntry<'_> {
    CheckEntry {
        advice: &check.advice,
        found: &check.found,
        name: check.name,
        outcome: match check.outcome {
            CheckOutcome::Ok => json::CheckOutcome::Ok,
            CheckOutcome::Warning => json::CheckOutcome::Warning,
            CheckOutcome::Missing => json::CheckOutcome::Missing,
        },
        schema_version: Version,
    }
}
