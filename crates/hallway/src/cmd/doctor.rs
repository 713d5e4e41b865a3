//! `doctor`: what this machine supports.

use std::process::ExitCode;

use hallway_engine::doctor::{self, Check, CheckOutcome, TrialPlace, checks};
use hallway_engine::{Failure, state};
use hallway_view::json::{self, CheckEntry, Version};

use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::scope::{state_dir, workplace};
use crate::ui;
use hallway_view::style::{GREEN, RED, YELLOW, styled};

/// Where `up` works with these arguments.
fn place(common: &Common) -> Result<TrialPlace, Failure> {
    let state = state_dir(common)?;
    if common.host {
        // What is built for the trial has its state elsewhere: that of projects on the host stays as it is.
        state::try_scope(&state, &state.join("host"))?;
        return Ok(TrialPlace::Host);
    }
    Ok(TrialPlace::Sandbox {
        state,
        map_root: common.map_root,
    })
}

/// Tries what `up` needs, in this process, by the words of the process that started it.
pub(crate) fn attempt(mut words: impl Iterator<Item = String>) -> Result<(), Failure> {
    let name = words.next().unwrap_or_default();
    let place = match words.next() {
        None => TrialPlace::Host,
        Some(state) => TrialPlace::Sandbox {
            state: state.into(),
            map_root: words.next().is_some(),
        },
    };
    for line in doctor::attempt(&place, &name, workplace()?) {
        ui::line(line);
    }
    Ok(())
}

pub(crate) fn run(common: &Common, format: Format) -> Result<ExitCode, VerbError> {
    let checks = checks(&place(common));
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
