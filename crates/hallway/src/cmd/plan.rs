//! `plan` and `validate`: what would be done, and whether a file is valid. Both change nothing.

use std::process::ExitCode;

use hallway_engine::{Engine, OtherNamespaces, Planned};
use hallway_plan::diff::described;
use hallway_plan::firewall_accepts::Firewall;
use hallway_plan::step::Described;
use hallway_view::json::{PlannedSteps, ProblemEntry, Validation, Version};
use hallway_view::style::{YELLOW, styled};
use hallway_view::{shell, step};

use crate::args::{Common, FileArg, Format};
use crate::diagnose::VerbError;
use crate::scope::{Scope, lost_sandbox};
use crate::source::{input, read};
use crate::ui;

pub(crate) fn run(
    common: &Common,
    file: &FileArg,
    through: &[Firewall],
    as_json: bool,
    detailed: bool,
) -> Result<ExitCode, VerbError> {
    let input = input(common, file)?;
    let topology = &input.project.topology;
    let scope = Scope::existing(common)?;
    let planned = match &scope {
        Some(scope) => scope.engine.plan(topology, through),
        None => Engine::plan_for_empty_host(topology, through, OtherNamespaces::Absent),
    };
    let planned = planned.map_err(|f| VerbError::of(f, &input.path, &input.text))?;
    let lost = scope.is_none() && lost_sandbox(common)?.is_some();
    let state = match lost {
        true => "which runs without a record and is ended first",
        false => "not running yet",
    };
    let place = scope.map_or_else(
        || format!("in sandbox {} ({state})", common.sandbox),
        |s| s.words(),
    );
    let steps = steps(&planned);
    let other = planned.other_file(&input.path);
    let other = other.filter(|_| !input.path.is_empty() && !input.is_named(common));
    if as_json {
        ui::json(&PlannedSteps {
            schema_version: Version,
            project: &topology.name,
            place,
            steps: &steps,
            dropped: &planned.dropped,
        });
    } else if !common.quiet {
        // With it, the exit code is the answer.
        print(common, &planned, &steps, &place, other.is_some());
    }
    if let Some(other) = other {
        let (name, path) = (&topology.name, &input.path);
        let text = format!(
            "{name} is up from {other}, which is another file than {path}: hallway up refuses that without --replace"
        );
        ui::note(common, text);
    }
    Ok(ExitCode::from(if detailed && !steps.is_empty() {
        2
    } else {
        0
    }))
}

/// Prints the steps. With `replaces`, they replace what another file built.
fn print(common: &Common, planned: &Planned, steps: &[Described], place: &str, replaces: bool) {
    let name = &planned.settled.project;
    if steps.is_empty() {
        let file = if replaces { "this file" } else { "its file" };
        ui::text(&format!("{name} matches {file} {place}; nothing to change"));
        left(planned);
        return;
    }
    for one in steps {
        ui::text(&step::line(one));
    }
    if let Some(words) = dropped(planned) {
        let words = format!("{words}; hallway export prints a file with them");
        ui::text(&styled(YELLOW, words));
    }
    left(planned);
    let count = ui::counted(steps.len(), "step", "steps");
    let replace = if replaces { " --replace" } else { "" };
    let them = if steps.len() == 1 { "it" } else { "them" };
    let text = format!("{count} to build {name} {place}; hallway up{replace} carries {them} out");
    ui::note(common, text);
}

/// What keeps the project from working, and is not changed by hallway.
fn left(planned: &Planned) {
    for difference in &planned.plan.left {
        let remedy = difference.remedy().unwrap_or_default();
        let words = format!("not changed by hallway: {difference}; {remedy}");
        ui::text(&styled(YELLOW, words));
    }
}

/// What the plan removes because it was added by single commands, as text.
pub(crate) fn dropped(planned: &Planned) -> Option<String> {
    let list = planned.dropped.join(", ");
    (!list.is_empty())
        .then(|| format!("added by single commands and not in the file, so removed: {list}"))
}

/// The whole network as a script of plain commands, or the script that removes it.
pub(crate) fn script(
    common: &Common,
    file: &FileArg,
    through: &[Firewall],
    remove: bool,
) -> Result<ExitCode, VerbError> {
    let input = read(common, file)?;
    let others = match remove {
        true => OtherNamespaces::Assumed,
        false => OtherNamespaces::Examined,
    };
    let planned = Engine::plan_for_empty_host(&input.project.topology, through, others)
        .map_err(|f| VerbError::of(f, &input.path, &input.text))?;
    ui::out(&if remove {
        shell::removal(&planned.settled)
    } else {
        shell::build(&planned.plan, &planned.settled)
    });
    Ok(ExitCode::SUCCESS)
}

/// What is done, in the kernel and by the keeper.
pub(crate) fn steps(planned: &Planned) -> Vec<Described> {
    let before = planned.record.as_ref().and_then(|r| r.applied.as_ref());
    described(&planned.plan, before, &planned.settled)
}

pub(crate) fn validate(
    common: &Common,
    file: &FileArg,
    format: Format,
) -> Result<ExitCode, VerbError> {
    match (read(common, file), format) {
        (Ok(_), Format::Text) if common.quiet => Ok(ExitCode::SUCCESS),
        (Ok(input), Format::Text) => {
            let topology = &input.project.topology;
            ui::text(&format!(
                "{} is valid: project {}, {}, {}, {}, {}",
                input.path,
                topology.name,
                ui::counted(topology.nodes.len(), "node", "nodes"),
                ui::counted(topology.networks.len(), "network", "networks"),
                ui::counted(topology.links.len(), "link", "links"),
                ui::counted(topology.policies.len(), "policy", "policies")
            ));
            Ok(ExitCode::SUCCESS)
        }
        (Ok(input), Format::Json) => {
            ui::json(&Validation {
                schema_version: Version,
                project: Some(&input.project.topology.name),
                problems: Vec::new(),
            });
            Ok(ExitCode::SUCCESS)
        }
        (Err(VerbError::File(problems)), Format::Json) => {
            ui::json(&Validation {
                schema_version: Version,
                project: None,
                problems: problems.problems.iter().map(ProblemEntry::from).collect(),
            });
            Ok(ExitCode::from(2))
        }
        (Err(error), _) => Err(error),
    }
}
