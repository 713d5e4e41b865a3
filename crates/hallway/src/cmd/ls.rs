//! `ls`: the projects that are up.

use std::process::{ExitCode, Stdio};

use hallway_engine::{Engine, Failure, Reason, Workplace};
use hallway_plan::Settled;
use hallway_spec::Name;
use hallway_view::json::{ProjectEntry, Version};

use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::failure::CommandError;
use crate::scope::{Scope, built, elsewhere, state_dir};
use crate::ui;

pub(crate) fn projects(common: &Common, all: bool, format: Format) -> Result<ExitCode, VerbError> {
    let mut scope = None;
    let (values, code) = match all {
        true => everywhere(common)?,
        false => {
            scope = Scope::examined(common)?;
            (here_only(scope.as_ref())?, ExitCode::SUCCESS)
        }
    };
    match format {
        Format::Json => ui::json(&values),
        Format::Text if values.is_empty() => {
            let help = || "hallway up FILE builds something".to_owned();
            let help = elsewhere(common, scope.as_ref()).unwrap_or_else(help);
            ui::note(common, format!("nothing is up; {help}"));
        }
        Format::Text if common.quiet => values.iter().for_each(|v| ui::line(v.project.as_ref())),
        Format::Text => ui::table(&rows(&values, all)),
    }
    Ok(code)
}

/// The projects of the command line's scope.
fn here_only(scope: Option<&Scope>) -> Result<Vec<ProjectEntry>, VerbError> {
    let mut values = Vec::new();
    if let Some(scope) = scope {
        let mut names = scope.engine.projects();
        names.extend(scope.engine.orphaned_objects()?.projects);
        for some in names.chunks(ASKED_AT_ONCE) {
            values.extend(entries(scope, some)?);
        }
    }
    Ok(values)
}

/// How many keepers are asked at the same time. One that is stopped takes a second.
const ASKED_AT_ONCE: usize = 64;

/// The entries of projects, read at the same time.
fn entries(scope: &Scope, projects: &[Name]) -> Result<Vec<ProjectEntry>, Failure> {
    std::thread::scope(|threads| {
        let read = |project: &Name| {
            let project = project.clone();
            threads.spawn(move || entry(scope, project))
        };
        let started: Vec<_> = projects.iter().map(read).collect();
        let panicked = |_| Err(Reason::Bug("reading the state of a project panicked").into());
        let found = started.into_iter();
        let found = found.map(|thread| thread.join().unwrap_or_else(panicked));
        Ok(found
            .collect::<Result<Vec<_>, Failure>>()?
            .into_iter()
            .flatten()
            .collect())
    })
}

/// The projects of every sandbox of the state directory, and of the host. A process that has entered
/// one sandbox cannot enter the next, so each is read by a separate process, which reports itself
/// what it cannot read.
fn everywhere(common: &Common) -> Result<(Vec<ProjectEntry>, ExitCode), VerbError> {
    let state = state_dir(common)?;
    let sandboxes = hallway_engine::sandbox::list(&state).into_iter();
    let mut places: Vec<Vec<String>> = sandboxes
        .map(|s| vec!["--sandbox".to_owned(), s.name])
        .collect();
    // Where no other process may read the kernel's state, the directory alone shows it.
    let host = state.join("host");
    let left = || Engine::new(&host, Workplace::default()).orphaned_objects();
    if host.is_dir() || left().is_ok_and(|left| !left.projects.is_empty()) {
        places.push(vec!["--host".to_owned()]);
    }
    let not_run = |error| CommandError::Exec {
        program: "hallway ls".to_owned(),
        error,
    };
    let (mut values, mut code) = (Vec::new(), ExitCode::SUCCESS);
    let mut started = Vec::new();
    for place in places {
        let mut command = std::process::Command::new("/proc/self/exe");
        command.args(["ls", "--format", "json", "--state-dir"]);
        command.arg(&state).args(&place).env_remove("HALLWAY_HOST");
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        started.push(command.spawn().map_err(not_run)?);
    }
    for process in started {
        let output = process.wait_with_output().map_err(not_run)?;
        match serde_json::from_slice::<Vec<ProjectEntry>>(&output.stdout) {
            Ok(found) if output.status.success() => values.extend(found),
            _ => code = ExitCode::FAILURE,
        }
    }
    Ok((values, code))
}

fn entry(scope: &Scope, project: Name) -> Result<Option<ProjectEntry>, Failure> {
    let Some(status) = scope.engine.status(&project)? else {
        return Ok(None); // removed since it was listed
    };
    let settled = status.record.as_ref().and_then(built);
    let names = |f: fn(&Settled) -> Vec<String>| settled.as_ref().map(f).unwrap_or_default();
    Ok(Some(ProjectEntry {
        schema_version: Version,
        project,
        sandbox: scope.sandbox.as_ref().map(|s| s.name.clone()),
        state: status.state.word().to_owned(),
        nodes: names(|s| s.nodes.iter().map(|n| n.name.to_string()).collect()),
        networks: names(|s| s.networks.iter().map(|n| n.name.to_string()).collect()),
        created: status.record.as_ref().map_or(0, |r| r.created),
        file: status.record.and_then(|r| r.path),
    }))
}

/// Names in a cell; `node ls` and `network ls` list all.
fn cell(names: &[String]) -> String {
    const SHOWN: usize = 12;
    match names.len().checked_sub(SHOWN) {
        None | Some(0 | 1) => names.join(" "),
        Some(more) => {
            let shown: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
            format!("{} and {more} others", shown.join(" "))
        }
    }
}

/// With `places`, the first column is the place where each is built.
fn rows(values: &[ProjectEntry], places: bool) -> Vec<Vec<String>> {
    let head = ["PLACE", "PROJECT", "NODES", "NETWORKS", "STATE"]
        .map(str::to_owned)
        .to_vec();
    let row = |entry: &ProjectEntry| {
        let place = entry.sandbox.as_ref();
        vec![
            place.map_or_else(|| "host".to_owned(), |s| format!("sandbox {s}")),
            entry.project.to_string(),
            cell(&entry.nodes),
            cell(&entry.networks),
            entry.state.clone(),
        ]
    };
    let all = std::iter::once(head).chain(values.iter().map(row));
    all.map(|row| row.into_iter().skip(usize::from(!places)).collect())
        .collect()
}
