//! `doctor`: what this machine can do.

use std::process::ExitCode;

use hallway_engine::doctor::{Outcome, checks};
use serde_json::json;

use crate::args::{Common, Format};
use crate::diagnose::Trouble;
use crate::ui;
use hallway_view::style::{GREEN, RED, YELLOW, styled};

pub(crate) fn run(_common: &Common, format: Format) -> Result<ExitCode, Trouble> {
    let checks = checks();
    match format {
        Format::Json => {
            let mut list = Vec::new();
            for check in &checks {
                let mut value = serde_json::to_value(check).unwrap_or_default();
                if let Some(object) = value.as_object_mut() {
                    object.insert("schema_version".into(), json!(1));
                }
                list.push(value);
            }
            ui::json(&json!(list));
        }
        Format::Text => {
            for check in &checks {
                let word = match check.outcome {
                    Outcome::Ok => styled(GREEN, "ok     "),
                    Outcome::Warning => styled(YELLOW, "less   "),
                    Outcome::Missing => styled(RED, "missing"),
                };
                ui::line(format!("{word}  {}: {}", check.name, check.found));
                for line in check.advice.lines() {
                    ui::line(format!("         {line}"));
                }
            }
        }
    }
    let missing = checks.iter().any(|c| c.outcome == Outcome::Missing);
    Ok(if missing {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
