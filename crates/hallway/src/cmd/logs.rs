//! `logs`, and `up --attach`: what programs print.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use hallway_engine::{Cancel, Engine, Failure, log_file, state};
use hallway_plan::Settled;
use hallway_spec::Name;
use hallway_view::json::{LogLine, Version};
use hallway_view::style::{DIM, styled};

use super::programs::with_programs;
use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::scope::{here, present};
use crate::{interrupt, ui};

/// Of the names before the lines of several programs.
const COLOURS: [Style; 6] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Yellow.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::BrightCyan.on_default(),
];
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
    let only: Vec<Name> = node.cloned().into_iter().collect();
    let nodes = with_programs(common, &scope, &settled, &only)?;
    let mut sources = sources(&scope.engine, &settled, &nodes, format);
    for source in &mut sources {
        let text = source.more();
        let lines: Vec<&str> = text.lines().collect();
        let skip = tail.map_or(0, |tail| lines.len().saturating_sub(tail));
        source.print(lines.into_iter().skip(skip));
    }
    if follow {
        until_end(&scope.engine, &project, &mut sources, &interrupt::waiting())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what programs have written since they were started and what they write, until the caller
/// cancels or the project is down.
pub(super) fn follow(engine: &Engine, settled: &Settled, cancel: &Cancel) -> Result<(), Failure> {
    let running = settled.nodes.iter().filter(|n| n.service.is_some());
    let nodes: Vec<Name> = running.map(|n| n.name.clone()).collect();
    let mut sources = sources(engine, settled, &nodes, Format::Text);
    until_end(engine, &settled.project, &mut sources, cancel)
}

fn sources(engine: &Engine, settled: &Settled, nodes: &[Name], format: Format) -> Vec<Source> {
    let width = nodes.iter().map(|n| n.as_ref().len()).max().unwrap_or(0);
    let source = |(position, name): (usize, &Name)| {
        let colour = COLOURS
            .get(position % COLOURS.len())
            .copied()
            .unwrap_or(DIM);
        let prefix = match nodes.len() {
            1 => String::new(),
            _ => styled(colour, format!("{:width$} | ", name.as_ref())),
        };
        Some(Source {
            node: name.clone(),
            format,
            prefix,
            path: log_file(engine, settled, settled.node(name)?),
            position: 0,
        })
    };
    nodes.iter().enumerate().filter_map(source).collect()
}

fn until_end(
    engine: &Engine,
    project: &Name,
    sources: &mut [Source],
    cancel: &Cancel,
) -> Result<(), Failure> {
    loop {
        for source in sources.iter_mut() {
            let text = source.more();
            source.print(text.lines());
        }
        let goes_on = !cancel.is_cancelled() && ui::stdout_is_open();
        if !goes_on || engine.record(project)?.is_none() {
            return Ok(());
        }
        std::thread::sleep(POLL);
    }
}

/// The complete lines of a file after `position`, which is moved behind them.
pub(super) fn complete_lines(file: &mut File, position: &mut u64) -> Vec<u8> {
    // A smaller file is a new one.
    if file.metadata().is_ok_and(|m| m.len() < *position) {
        *position = 0;
    }
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
