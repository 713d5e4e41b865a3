//! The engine's events as text: warnings, the awaited node, and a progress bar.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use hallway_engine::keeper::AwaitedProgram;
use hallway_engine::{Event, Warning};
use hallway_view::step;

use crate::args::Common;
use crate::diagnose::plain;
use crate::ui;

/// Work shorter than this is not shown.
const QUICK: Duration = Duration::from_millis(300);
/// A wait for a program shorter than this is not shown.
const WAIT_SHOWN: Duration = Duration::from_secs(1);
/// The bar is drawn at most this often.
const REDRAW: Duration = Duration::from_millis(50);
/// The length of the full bar, in columns; with its text it fits into 40.
const BAR: usize = 20;

/// A progress bar on the last line of the terminal.
struct Bar {
    started: Instant,
    drawn: Option<Instant>,
    /// Its length on the terminal.
    columns: usize,
}

impl Bar {
    fn draw(&mut self, position: usize, length: usize) {
        let due = match self.drawn {
            None => self.started.elapsed() > QUICK,
            Some(last) => last.elapsed() > REDRAW,
        };
        if due {
            let full = (position * BAR).checked_div(length).unwrap_or(0).min(BAR);
            let (done, open) = ("█".repeat(full), "░".repeat(BAR - full));
            let text = format!("{done}{open} {position}/{length} steps");
            ui::err(&format!("\r{text}"));
            self.columns = text.chars().count();
            self.drawn = Some(Instant::now());
        }
    }

    /// Shows a text in the place of the bar, cut to the width of the terminal.
    fn say(&mut self, text: &str) {
        let text: String = text.chars().take(ui::width() - 1).collect();
        let columns = text.chars().count();
        let rest = " ".repeat(self.columns.saturating_sub(columns));
        ui::err(&format!("\r{text}{rest}\r{text}"));
        self.columns = columns;
        self.drawn = Some(Instant::now());
    }

    /// Removes the bar; the next line begins in its place.
    fn clear(&mut self) {
        if self.drawn.take().is_some() {
            ui::err(&format!("\r{}\r", " ".repeat(self.columns)));
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Shows the events of a run on stderr, unless `--quiet` is given.
pub(crate) struct ProgressReporter<'a> {
    common: &'a Common,
    bar: Option<Bar>,
    /// The nodes that were named as those that the run waits for, and after how long they are named again.
    named: BTreeSet<String>,
    due: Duration,
    /// Whether a program failed that no other requires.
    pub(crate) ended: bool,
}

impl<'a> ProgressReporter<'a> {
    pub(crate) fn new(common: &'a Common) -> Self {
        let visible = std::io::stderr().is_terminal() && !common.quiet;
        let bar = visible.then(|| Bar {
            started: Instant::now(),
            drawn: None,
            columns: 0,
        });
        Self {
            common,
            bar,
            named: BTreeSet::new(),
            due: Duration::ZERO,
            ended: false,
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.clear();
        }
    }

    /// Printed after a second, again when the wait is ten times as long, and for programs that were not named yet;
    /// on a terminal the same line counts the seconds.
    fn waiting_for(&mut self, programs: &[AwaitedProgram], waited: Duration) {
        let seconds = waited.as_secs();
        if waited < WAIT_SHOWN {
            return;
        }
        let names = programs.iter().map(|p| p.node.as_str());
        match &mut self.bar {
            Some(bar) => bar.say(&fitted(programs, seconds, ui::width() - 1)),
            None if waited >= self.due || names.clone().any(|name| !self.named.contains(name)) => {
                self.due = waited * 10;
                self.named.extend(names.map(ToOwned::to_owned));
                ui::note(self.common, waits(programs, programs.len(), seconds));
            }
            None => {}
        }
    }
}

/// The line about a wait, with the first `shown` programs.
fn waits(programs: &[AwaitedProgram], shown: usize, seconds: u64) -> String {
    let named: Vec<String> = programs
        .iter()
        .take(shown)
        .map(ToString::to_string)
        .collect();
    let more = match programs.len() - named.len() {
        0 => String::new(),
        1 => " and 1 other".to_owned(),
        more => format!(" and {more} others"),
    };
    format!("waiting for {}{more}, {seconds} s", named.join("; "))
}

/// The same with as many programs as fit into so many columns; at least one.
fn fitted(programs: &[AwaitedProgram], seconds: u64, columns: usize) -> String {
    // Each name takes a column at least, so that more need not be tried.
    let mut shown = programs.len().min(columns);
    loop {
        let line = waits(programs, shown, seconds);
        if shown <= 1 || line.chars().count() <= columns {
            return line;
        }
        shown -= 1;
    }
}

impl hallway_engine::Reporter for ProgressReporter<'_> {
    fn report(&mut self, event: Event) {
        match event {
            Event::WaitingForLock => {
                ui::note(self.common, "waiting for another hallway to finish…");
            }
            Event::StepStarted { position, steps } => {
                if let Some(bar) = &mut self.bar {
                    bar.draw(position, steps);
                }
            }
            Event::StepsDone | Event::Restoring => self.clear(),
            Event::Warning(warning) if !self.common.quiet => {
                self.ended |= matches!(warning, Warning::NotRequired(_));
                self.clear();
                plain(&warning, self.common);
            }
            Event::WaitingFor { programs, waited } => self.waiting_for(&programs, waited),
            Event::Removed { steps } if self.common.verbose > 0 => {
                self.clear();
                steps
                    .iter()
                    .for_each(|s| ui::note(self.common, step::line(s)));
            }
            Event::Planned { .. } | Event::Removed { .. } | Event::Warning(_) => {}
        }
    }
}
