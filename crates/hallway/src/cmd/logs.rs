//! `logs`, and `up --attach`: the output of programs.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use hallway_engine::failure::FileAction;
use hallway_engine::{Cancel, Engine, Failure, log_file, state, times_file};
use hallway_plan::Settled;
use hallway_spec::Name;
use hallway_view::json::{LogLine, Version};
use hallway_view::style::{DIM, styled};

use super::ends::Ends;
use super::growing::Growing;
use super::programs::with_programs;
use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::named;
use crate::time::{Since, clock, now};
use crate::{interrupt, ui};

/// Colours of the names before the lines of several programs.
const COLOURS: [Style; 6] = [
    AnsiColor::Cyan.on_default(),
    AnsiColor::Yellow.on_default(),
    AnsiColor::Green.on_default(),
    AnsiColor::Magenta.on_default(),
    AnsiColor::Blue.on_default(),
    AnsiColor::BrightCyan.on_default(),
];
/// How much of the end of a file of times is read: about 600,000 times.
const TIMES_MAX: u64 = 16 * 1024 * 1024;
const POLL: Duration = Duration::from_millis(100);

/// Which lines are printed, and how.
pub(crate) struct Lines {
    pub(crate) tail: Option<usize>,
    pub(crate) since: Option<Since>,
    pub(crate) timestamps: bool,
    pub(crate) format: Format,
}

/// A complete line, and when it was written in milliseconds since 1970.
struct Line {
    text: String,
    time: u64,
}

struct LogSource {
    node: Name,
    prefix: String,
    log: Growing,
    presence: Presence,
}

/// Whether there is a log.
#[derive(PartialEq, Eq)]
enum Presence {
    NotYet,
    There,
    /// It was removed, with its node.
    Removed,
}

pub(crate) fn run(
    common: &Common,
    named: &[Name],
    follow: bool,
    lines: &Lines,
) -> Result<ExitCode, VerbError> {
    let names: Vec<&str> = named.iter().map(AsRef::as_ref).collect();
    let scope = named::here(common, &names)?;
    let (project, settled) = named::present(common, &scope, &names)?;
    let nodes = with_programs(common, &scope, &settled, named)?;
    let mut sources = sources(&scope.engine, &settled, &nodes);
    let mut unread = Vec::new();
    let mut readable = Vec::new();
    for (position, source) in sources.iter_mut().enumerate() {
        source.log.unfinished = !follow;
        let skipped = lines.tail.map_or(Ok(()), |n| source.log.skip_to_last(n));
        match skipped.and_then(|()| Unprinted::of(position, source, lines)) {
            Ok(own) => readable.push(own),
            Err(failure) => unread.push(failure),
        }
    }
    match lines.timestamps {
        true => by_time(&mut sources, &mut readable, lines, &mut unread),
        false => {
            for own in readable {
                by_time(&mut sources, &mut [own], lines, &mut unread);
            }
        }
    }
    // After the lines of the others.
    if let Some(failure) = Failure::of_many(unread) {
        return Err(failure.into());
    }
    if follow {
        until_end(
            &scope.engine,
            &project,
            &mut sources,
            lines,
            &interrupt::waiting(),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lines of a source that were read and not printed yet.
struct Unprinted {
    /// Which source.
    position: usize,
    lines: VecDeque<Line>,
    /// Whether its file has more.
    more: bool,
}

impl Unprinted {
    fn of(position: usize, source: &mut LogSource, lines: &Lines) -> Result<Self, Failure> {
        let mut own = Self {
            position,
            lines: VecDeque::new(),
            more: true,
        };
        own.fill(source, lines).map(|()| own)
    }

    /// Reads until there is a line to print, or no more.
    fn fill(&mut self, source: &mut LogSource, lines: &Lines) -> Result<(), Failure> {
        let since = lines.since.map_or(0, Since::time);
        while self.lines.is_empty() && self.more {
            (self.lines, self.more) = source.more()?;
            self.lines.retain(|line| line.time >= since);
        }
        Ok(())
    }
}

/// Prints the lines of sources in the order of their times; those of one keep their order.
fn by_time(
    sources: &mut [LogSource],
    all: &mut [Unprinted],
    lines: &Lines,
    unread: &mut Vec<Failure>,
) {
    let first = |own: &&mut Unprinted| own.lines.front().map_or(u64::MAX, |line| line.time);
    while let Some(own) = all
        .iter_mut()
        .filter(|own| !own.lines.is_empty())
        .min_by_key(first)
    {
        let (Some(source), Some(line)) = (sources.get_mut(own.position), own.lines.pop_front())
        else {
            return;
        };
        source.print(&line, lines);
        if let Err(failure) = own.fill(source, lines) {
            own.more = false;
            unread.push(failure);
        }
    }
}

/// Prints what programs have written since their start and what they write from now on, until all have
/// ended, the caller cancels, or the project is down.
pub(super) fn follow(engine: &Engine, settled: &Settled, cancel: &Cancel) -> Result<(), Failure> {
    let nodes: Vec<Name> = settled.programs().map(|p| p.name.clone()).collect();
    let mut sources = sources(engine, settled, &nodes);
    let lines = Lines {
        tail: None,
        since: None,
        timestamps: false,
        format: Format::Text,
    };
    let mut ends = Ends::new(&settled.project);
    loop {
        let ended = ends.poll(engine);
        for source in &mut sources {
            // Of one that has ended nothing more comes.
            let name = source.node.as_ref();
            source.log.unfinished = ended.iter().any(|(program, _)| program == name);
        }
        print_more(&mut sources, &lines)?;
        ended.iter().for_each(|(_, line)| ui::line(line));
        if ends.all || !goes_on(engine, &settled.project, cancel)? {
            return print_rest(&mut sources, &lines);
        }
    }
}

/// The last line that a program has written.
pub(super) fn last_line(engine: &Engine, settled: &Settled, program: &Name) -> Option<String> {
    const READ: u64 = 4096;
    let mut file = state::read_log(&log_file(engine, settled, program)).ok()??;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ)))
        .ok()?;
    let mut bytes = Vec::new();
    file.take(READ).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(line.trim().replace(|c: char| c.is_control(), " "))
}

fn sources(engine: &Engine, settled: &Settled, nodes: &[Name]) -> Vec<LogSource> {
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
        LogSource {
            node: name.clone(),
            prefix,
            log: Growing::new(log_file(engine, settled, name)),
            presence: Presence::NotYet,
        }
    };
    nodes.iter().enumerate().map(source).collect()
}

fn until_end(
    engine: &Engine,
    project: &Name,
    sources: &mut [LogSource],
    lines: &Lines,
    cancel: &Cancel,
) -> Result<(), Failure> {
    loop {
        print_more(sources, lines)?;
        let removed = sources.iter().all(|s| s.presence == Presence::Removed);
        if removed || !goes_on(engine, project, cancel)? {
            return print_rest(sources, lines);
        }
    }
}

/// Prints what programs have written last, also without an end of the line.
fn print_rest(sources: &mut [LogSource], lines: &Lines) -> Result<(), Failure> {
    for source in &mut *sources {
        source.log.unfinished = true;
    }
    print_more(sources, lines)
}

fn print_more(sources: &mut [LogSource], lines: &Lines) -> Result<(), Failure> {
    for source in sources {
        loop {
            let (read, more) = source.more()?;
            read.iter().for_each(|line| source.print(line, lines));
            if !more {
                break;
            }
        }
    }
    Ok(())
}

/// Waits briefly; whether the output is still read and the project still exists.
fn goes_on(engine: &Engine, project: &Name, cancel: &Cancel) -> Result<bool, Failure> {
    let reads = !cancel.is_cancelled() && ui::stdout_is_open();
    if !reads || engine.record(project)?.is_none() {
        return Ok(false);
    }
    std::thread::sleep(POLL);
    Ok(true)
}

impl LogSource {
    /// The complete lines after those of the last call, at most a piece of the file; and whether there
    /// are more.
    fn more(&mut self) -> Result<(VecDeque<Line>, bool), Failure> {
        let Some(piece) = self.log.next()? else {
            if self.presence == Presence::There {
                self.presence = Presence::Removed;
            }
            return Ok((VecDeque::new(), false));
        };
        self.presence = Presence::There;
        if piece.bytes.is_empty() {
            return Ok((VecDeque::new(), false));
        }
        let times = Times::read(self.log.path(), &piece.file)?;
        let mut end = piece.start;
        let lines = piece.bytes.split_inclusive(|b| *b == b'\n');
        let line = |bytes: &[u8]| {
            end += bytes.len() as u64;
            let text = String::from_utf8_lossy(bytes);
            Line {
                text: text.trim_end_matches(['\n', '\r']).to_owned(),
                time: times.at(end),
            }
        };
        Ok((lines.map(line).collect(), piece.more))
    }

    fn print(&self, line: &Line, lines: &Lines) {
        let time = clock(line.time);
        match lines.format {
            Format::Text if lines.timestamps => {
                ui::line(format!(
                    "{}{} {}",
                    self.prefix,
                    styled(DIM, time),
                    line.text
                ));
            }
            Format::Text => ui::line(format!("{}{}", self.prefix, line.text)),
            // A stream: one object a line.
            Format::Json => ui::json_line(&LogLine {
                line: &line.text,
                time: &time,
                node: &self.node,
                schema_version: Version,
            }),
        }
    }
}

/// The lengths of a log at certain times, which only grow.
struct Times {
    lengths: Vec<(u64, u64)>,
    /// When the log was written to last: the time of lines after all these lengths.
    last: u64,
}

impl Times {
    /// Without the file of times, the time of the last line is that of all; before the first time that is
    /// read, it is that of all.
    fn read(path: &Path, log: &File) -> Result<Self, Failure> {
        let path = times_file(path);
        let mut text = Vec::new();
        if let Some(mut file) = state::read_log(&path)? {
            let failed = |e| Failure::file(FileAction::Read, &path, &e);
            let length = file.metadata().map_err(failed)?.len();
            let start = length.saturating_sub(TIMES_MAX);
            file.seek(SeekFrom::Start(start)).map_err(failed)?;
            let mut part = file.take(TIMES_MAX);
            part.read_to_end(&mut text).map_err(failed)?;
        }
        let text = String::from_utf8_lossy(&text);
        let pair = |line: &str| {
            let (length, time) = line.split_once(' ')?;
            Some((length.parse().ok()?, time.parse().ok()?))
        };
        let modified = log.metadata().and_then(|m| m.modified()).ok();
        let since = modified.and_then(|m| m.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            lengths: text.lines().filter_map(pair).collect(),
            last: since.map_or_else(now, |since| since.as_millis() as u64),
        })
    }

    /// When the byte before this offset was written.
    fn at(&self, end: u64) -> u64 {
        let first = self.lengths.partition_point(|(length, _)| *length < end);
        self.lengths.get(first).map_or(self.last, |(_, time)| *time)
    }
}
