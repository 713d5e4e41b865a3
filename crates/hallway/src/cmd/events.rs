//! `logs --events` and `up --watch`: events of a project without a command.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hallway_engine::keeper::KeeperError;
use hallway_engine::{Cancel, Engine, Failure, Occurrence};
use hallway_spec::Name;

use super::growing::Growing;
use crate::args::{Common, Format};
use crate::diagnose::VerbError;
use crate::scope::{here, present};
use crate::time::clock;
use crate::{interrupt, ui};

const POLL: Duration = Duration::from_millis(50);

pub(crate) fn run(
    common: &Common,
    follow: bool,
    tail: Option<usize>,
    format: Format,
) -> Result<ExitCode, VerbError> {
    let scope = here(common)?;
    let (project, _) = present(common, &scope.engine)?;
    let mut file = EventFile::new(&scope.engine, &project);
    if let Some(tail) = tail {
        file.file.skip_to_last(tail)?;
    }
    file.print(format)?;
    if follow {
        let cancel = interrupt::waiting();
        file.follow(&scope.engine, &project, format, &mut |_| {
            Ok(!cancel.is_cancelled())
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints events as they happen, until the caller cancels or the project is down.
///
/// # Errors
/// When the project's keeper ends: nothing is repaired any more.
pub(crate) fn follow(
    engine: &Engine,
    project: &Name,
    format: Format,
    cancel: &Cancel,
) -> Result<(), Failure> {
    let mut file = EventFile::new(engine, project);
    file.file.skip_to_last(0)?;
    let mut keeper = Watched::new(engine, project, cancel)?;
    file.follow(engine, project, format, &mut |engine| {
        Ok(!cancel.is_cancelled() && keeper.runs(engine, project, cancel)?)
    })
}

/// The keeper whose repairs are followed.
struct Watched {
    expected: bool,
    asked: Instant,
    absent: u32,
}

impl Watched {
    /// Between two looks at it.
    const INTERVAL: Duration = Duration::from_secs(1);
    /// A run may start another keeper: it is absent for a moment.
    const ABSENT_MAX: u32 = 2;

    /// It may have ended since the project was built.
    fn new(engine: &Engine, project: &Name, cancel: &Cancel) -> Result<Self, Failure> {
        let repairs = engine.record(project)?.is_some_and(|r| r.repair);
        Ok(Self {
            expected: repairs || engine.keeper(project, cancel)?.is_some(),
            asked: Instant::now(),
            absent: 0,
        })
    }

    fn runs(&mut self, engine: &Engine, project: &Name, cancel: &Cancel) -> Result<bool, Failure> {
        if !self.expected || self.asked.elapsed() < Self::INTERVAL {
            return Ok(true);
        }
        self.asked = Instant::now();
        self.absent = match engine.keeper(project, cancel)? {
            Some(_) => 0,
            None => self.absent + 1,
        };
        match self.absent > Self::ABSENT_MAX && engine.projects().contains(project) {
            true => Err(KeeperError::Ended.into()),
            false => Ok(true),
        }
    }
}

/// The file of a project's events, which is read as it grows.
struct EventFile {
    file: Growing,
}

impl EventFile {
    fn new(engine: &Engine, project: &Name) -> Self {
        Self {
            file: Growing::new(engine.events_file(project)),
        }
    }

    fn follow(
        &mut self,
        engine: &Engine,
        project: &Name,
        format: Format,
        goes_on: &mut dyn FnMut(&Engine) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        while goes_on(engine)? && ui::stdout_is_open() && engine.projects().contains(project) {
            self.print(format)?;
            std::thread::sleep(POLL);
        }
        self.print(format)
    }

    /// The events after those of the last call, at most a piece of the file, and whether there are more.
    /// Before the first event there is no file.
    fn piece(&mut self) -> Result<(Vec<Occurrence>, bool), Failure> {
        let Some(piece) = self.file.next()? else {
            return Ok((Vec::new(), false));
        };
        let lines = piece.bytes.split(|b| *b == b'\n');
        let events = lines.filter_map(|line| serde_json::from_slice(line).ok());
        Ok((events.collect(), piece.more))
    }

    /// Prints the events since the last call.
    fn print(&mut self, format: Format) -> Result<(), Failure> {
        loop {
            let (events, more) = self.piece()?;
            print(events.into_iter(), format);
            if !more {
                return Ok(());
            }
        }
    }
}

fn print(events: impl Iterator<Item = Occurrence>, format: Format) {
    for event in events {
        match format {
            Format::Json => ui::json_line(&event),
            Format::Text => ui::text(&format!("{} {}", clock(event.time), event.message)),
        }
    }
}
