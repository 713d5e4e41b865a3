//! `logs` and `restart`.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use hallway_engine::{Failure, Reason, log_file, state};
use hallway_plan::Settled;
use hallway_spec::Name;
use hallway_view::json::{LogLine, Version};

use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::scope::{Scope, here, present};
use crate::{interrupt, scope, ui};

const POLL: Duration = Duration::from_millis(100);

struct Source {
    node: Name,
    format: Format,
    prefix: String,
    path: PathBuf,
    position: u64,
}

pub(crate) fn run(
    common: &Common,
    node: Option<&Name>,
    (follow, tail): (bool, Option<usize>),
    format: Format,
) -> Result<ExitCode, VerbError> {
    let scope = here(common)?;
    let (project, settled) = present(common, &scope.engine)?;
    let nodes = with_programs(common, &scope, &settled, node)?;
    let width = nodes.iter().map(|n| n.as_ref().len()).max().unwrap_or(0);
    let mut sources: Vec<Source> = nodes
        .iter()
        .filter_map(|name| {
            let path = log_file(&scope.engine, &settled, settled.node(name)?);
            let prefix = if nodes.len() > 1 {
                format!("{:width$} | ", name.as_ref())
            } else {
                String::new()
            };
            Some(Source {
                node: name.clone(),
                format,
                prefix,
                path,
                position: 0,
            })
        })
        .collect();
    for source in &mut sources {
        let text = source.more();
        let lines: Vec<&str> = text.lines().collect();
        let skip = tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        source.print(lines.into_iter().skip(skip));
    }
    while follow && ui::stdout_is_open() && scope.engine.record(&project)?.is_some() {
        std::thread::sleep(POLL);
        for source in &mut sources {
            let text = source.more();
            source.print(text.lines());
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The complete lines of a file after `position`, which is moved behind them.
pub(super) fn complete_lines(file: &mut File, position: &mut u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if file.seek(SeekFrom::Start(*position)).is_ok() {
        file.read_to_end(&mut bytes).ok();
    }
    let whole = bytes
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |end| end + 1);
    bytes.truncate(whole);
    *position += whole as u64;
    bytes
}

impl Source {
    /// The complete lines written since the last call.
    fn more(&mut self) -> String {
        let bytes = match state::read_log(&self.path) {
            Ok(Some(mut file)) => complete_lines(&mut file, &mut self.position),
            _ => Vec::new(),
        };
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn print<'a>(&self, lines: impl Iterator<Item = &'a str>) {
        for line in lines {
            match self.format {
                Format::Text => ui::line(format!("{}{line}", self.prefix)),
                // A stream: one object a line.
                Format::Json => ui::json_line(&LogLine {
                    line,
                    node: &self.node,
                    schema_version: Version,
                }),
            }
        }
    }
}

fn with_programs(
    common: &Common,
    scope: &Scope,
    settled: &Settled,
    only: Option<&Name>,
) -> Result<Vec<Name>, VerbError> {
    if let Some(name) = only {
        scope::node(common, scope, settled, name)?;
    }
    let all = settled
        .nodes
        .iter()
        .filter(|n| n.service.is_some())
        .map(|n| n.name.clone());
    let chosen: Vec<Name> = all.filter(|n| only.is_none_or(|o| o == n)).collect();
    match only {
        Some(name) if chosen.is_empty() => Err(VerbError::usage(
            format!("node {name} runs no command"),
            "give it one in the file: command: python3 -m http.server 80",
        )),
        _ => Ok(chosen),
    }
}

pub(crate) fn restart(common: &Common, node: Option<&Name>) -> Result<ExitCode, VerbError> {
    let scope = here(common)?;
    let (project, settled) = present(common, &scope.engine)?;
    let nodes = with_programs(common, &scope, &settled, node)?;
    let client = scope.engine.keeper(&project, &interrupt::waiting())?;
    let client = client.ok_or_else(|| {
        let project = project.clone();
        Failure::from(Reason::NoPrograms { project })
    })?;
    for node in &nodes {
        client.restart(node.as_ref()).map_err(Failure::from)?;
        ui::note(common, format!("{node} has been restarted"));
    }
    Ok(ExitCode::SUCCESS)
}
