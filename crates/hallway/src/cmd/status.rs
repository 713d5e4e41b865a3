//! `status`: whether a project is complete.

use std::process::ExitCode;

use hallway_engine::{Completeness, Failure, Status};
use hallway_plan::Settled;
use hallway_plan::compare::{Difference, Fact, ObjectPlace};
use hallway_plan::observed::Marks;
use hallway_spec::{Name, listed};
use hallway_view::json::{self, DifferenceEntry, Version};
use hallway_view::program::Program;
use hallway_view::style::{YELLOW, styled};
use hallway_view::tree;

use super::list::programs;
use crate::again::Commands;
use crate::args::{Common, FileArg, Format};
use crate::diagnose::VerbError;
use crate::scope::{LOST, Scope, built, lost_help, not_here, not_up, project_or_stray};
use crate::ui;

/// The exit code of `status --exit-code` for a project that is not complete.
const NOT_UP: u8 = 3;
const NO_RECORD: &str = "there is no record of it";
/// At most this many differences are printed as text; with `--verbose`, and as JSON, all of them.
const SHOWN_MAX: usize = 40;

pub(crate) fn status(
    common: &Common,
    format: Format,
    exit_code: bool,
) -> Result<ExitCode, VerbError> {
    let scope = Scope::examined(common)?.map_or_else(|| Err(not_here(common)), Ok)?;
    let project = project_or_stray(common, &FileArg::default(), &scope.engine)?;
    let Some(status) = scope.engine.status(&project)? else {
        return Err(match scope.is_lost() {
            true => not_here(common),
            false => not_up(&scope.engine, &project),
        });
    };
    match format {
        Format::Json => as_json(&scope, &project, &status)?,
        Format::Text if common.quiet => {}
        Format::Text => text(common, &scope, &project, &status)?,
    }
    let code = if exit_code && status.state != Completeness::Up {
        NOT_UP
    } else {
        0
    };
    Ok(ExitCode::from(code))
}

fn as_json(scope: &Scope, project: &Name, status: &Status) -> Result<(), VerbError> {
    let settled = status.record.as_ref().and_then(built);
    let programs = known_programs(scope, settled.as_ref(), status)?;
    ui::json(&json::Status {
        schema_version: Version,
        project,
        place: scope.words(),
        sandbox: scope.sandbox.as_ref().map(|s| s.name.as_str()),
        file: status.record.as_ref().and_then(|r| r.path.clone()),
        state: status.state.word(),
        problem: status
            .unreadable
            .as_ref()
            .or(status.silent.as_ref())
            .map(|f| f.reason.to_string())
            .or(scope.is_lost().then(|| format!("of the sandbox, {LOST}")))
            .or(status.record.is_none().then(|| NO_RECORD.to_owned())),
        drift: status.differences.len(),
        differences: status
            .differences
            .iter()
            .map(DifferenceEntry::from)
            .collect(),
        networks: settled.as_ref().map(json::networks).unwrap_or_default(),
        nodes: settled
            .as_ref()
            .map(|s| json::nodes(s, &programs))
            .unwrap_or_default(),
        links: settled.as_ref().map(json::links).unwrap_or_default(),
        policies: settled.as_ref().map(json::policies).unwrap_or_default(),
    });
    Ok(())
}

fn text(common: &Common, scope: &Scope, project: &Name, status: &Status) -> Result<(), VerbError> {
    let place = scope.words();
    let file = status.record.as_ref().and_then(|r| r.path.as_ref());
    let file = file.map(|p| format!(" from {p}")).unwrap_or_default();
    let commands = Commands::new(common, scope, project);
    let Some(settled) = status.record.as_ref().and_then(built) else {
        unrecorded(scope, project, status, &commands);
        return Ok(());
    };
    match status.state {
        Completeness::Down => {
            let words = format!(
                "{project} is down {place}: it was built{file}, and none of its objects are in the kernel now"
            );
            ui::text(&styled(YELLOW, words));
            let (up, down) = up_and_down(&commands, status);
            let words = format!("{up} builds it again; {down} removes its record");
            ui::text(&words);
            return Ok(());
        }
        state => ui::text(&format!("{project} is {} {place}{file}", state.word())),
    }
    let programs = known_programs(scope, Some(&settled), status)?;
    ui::text(&tree::project(&settled, &programs));
    if let Some(failure) = &status.silent {
        let words = format!("{failure}: programs and published ports were not examined");
        ui::text(&styled(YELLOW, words));
        ui::text(&failure.help().unwrap_or_default());
    }
    if !status.stopped.is_empty() {
        ui::text(&stopped(&commands, status));
    }
    differences(common, &commands, status, &settled);
    if status.state == Completeness::Unfinished {
        let (up, down) = up_and_down(&commands, status);
        let words = format!("a run did not finish: {up} completes it, {down} removes it");
        ui::text(&styled(YELLOW, words));
    }
    Ok(())
}

/// The programs, from the keeper.
fn known_programs(
    scope: &Scope,
    settled: Option<&Settled>,
    status: &Status,
) -> Result<Vec<Program>, VerbError> {
    match settled.filter(|_| status.silent.is_none()) {
        Some(settled) => Ok(programs(&scope.engine, settled)?),
        None => Ok(Vec::new()),
    }
}

/// The commands that build a project again and remove it.
fn up_and_down(commands: &Commands<'_>, status: &Status) -> (String, String) {
    let up = commands.up(status.record.as_ref());
    (up, commands.of_project("down"))
}

/// What a command stopped, and what starts it again.
fn stopped(commands: &Commands<'_>, status: &Status) -> String {
    let names: Vec<String> = status.stopped.iter().map(Name::to_string).collect();
    let (all, each) = (listed(&names), names.join(" "));
    let start = commands.of_project("start");
    let up = commands.up(status.record.as_ref());
    format!("stopped by hallway stop: {all}; started again by {start} {each}, and by {up}")
}

fn differences(common: &Common, commands: &Commands<'_>, status: &Status, settled: &Settled) {
    let all = &status.differences;
    if all.is_empty() {
        return;
    }
    let count = ui::counted(all.len(), "difference", "differences");
    // Without that namespace, up would refuse.
    let lost = |d: &Difference| matches!(d.fact, Fact::JoinedMissing { .. });
    // Neither does it make a bridge of other programs.
    let external = |d: &Difference| match &d.fact {
        Fact::LinkMissing { link, .. } => {
            let mut networks = settled.networks.iter().filter(|n| n.external);
            networks.any(|n| n.bridge.as_ref() == Some(link))
        }
        _ => false,
    };
    let up = commands.up(status.record.as_ref());
    let left = all.iter().filter(|d| d.fact.is_left_to_others()).count();
    let remedy = match (left, all.iter().any(lost)) {
        _ if status.silent.is_some() => "repaired once the project's keeper answers".to_owned(),
        _ if all.iter().any(external) => {
            format!("{up} repairs this when the external bridge is there again")
        }
        (0, true) => format!("{up} can repair this when the namespace can be entered"),
        (0, false) => failing(all, commands, &up).unwrap_or_else(|| format!("{up} repairs this")),
        (left, _) if left == all.len() => {
            "made by other programs, and not changed by hallway".to_owned()
        }
        _ => format!("{up} repairs what other programs have not made"),
    };
    let words = format!("{count} to what was built; {remedy}:");
    ui::text(&styled(YELLOW, words));
    let shown = if common.verbose > 0 {
        all.len()
    } else {
        SHOWN_MAX
    };
    for difference in all.iter().take(shown) {
        ui::text(&format!("  {difference}"));
        if let Some(remedy) = difference.remedy() {
            ui::text(&format!("    {remedy}"));
        }
    }
    if all.len() > shown {
        ui::line(format!("  and {} more; -v lists all", all.len() - shown));
    }
}

/// What to do if nothing but programs differs, which would end again or stay as they are: their logs say why.
fn failing(all: &[Difference], commands: &Commands<'_>, up: &str) -> Option<String> {
    let failed = |d: &Difference| match (&d.fact, &d.place) {
        (
            Fact::ProgramStopped {
                by_command: false, ..
            }
            | Fact::ProgramUnhealthy,
            ObjectPlace::Node { node, .. },
        ) => Some(node.to_string()),
        _ => None,
    };
    let nodes: Option<Vec<String>> = all.iter().map(failed).collect();
    let mut nodes = nodes?;
    nodes.dedup();
    let (names, each) = (listed(&nodes), nodes.join(" "));
    let logs = commands.of_project("logs");
    let unhealthy = all.iter().filter(|d| d.fact == Fact::ProgramUnhealthy);
    Some(match unhealthy.count() {
        0 => format!("{logs} {each} shows why {names} ended; {up} starts what does not run"),
        count if count == all.len() => {
            format!("{logs} {each} shows why the health check of {names} fails")
        }
        _ => format!("{logs} {each} shows why; {up} starts what does not run"),
    })
}

/// A project without a readable record: only its marks are known.
fn unrecorded(scope: &Scope, project: &Name, status: &Status, commands: &Commands<'_>) {
    let place = scope.words();
    let why = match &status.unreadable {
        Some(failure) => failure.reason.to_string(),
        None if scope.is_lost() => LOST.to_owned(),
        None => NO_RECORD.to_owned(),
    };
    let words = format!("the state of {project} {place} is not known: {why}");
    ui::text(&styled(YELLOW, words));
    ui::line(format!("in the kernel: {}", marks(status.marks)));
    let kept = status
        .unreadable
        .as_ref()
        .filter(|f| !f.is_replaced_by_up());
    let help = || match scope.is_lost() {
        true => lost_help(&commands.of_place("up FILE"), &commands.of_place("down")),
        false => format!(
            "{} builds it again; {} removes it by its marks",
            commands.of_place("up FILE"),
            commands.of_project("down")
        ),
    };
    ui::text(&kept.and_then(Failure::help).unwrap_or_else(help));
}

fn marks(marks: Marks) -> String {
    if marks.is_empty() {
        return "nothing of it".into();
    }
    let count = |n: usize, one: &str| match n {
        1 => format!("1 {one}"),
        n => format!("{n} {one}s"),
    };
    let Marks {
        links,
        namespaces,
        tables,
    } = marks;
    format!(
        "{}, {}, {}",
        count(namespaces, "namespace"),
        count(links, "link"),
        count(tables, "table")
    )
}
