//! The engine's events as text: warnings, the awaited node, and a progress bar.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use hallway_engine::Event;
use hallway_engine::keeper::Awaited;
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
pub(crate) struct Reporter<'a> {
    common: &'a Common,
    bar: Option<Bar>,
    /// The node that the run waits for, and after how long it is printed.
    waiting: Option<(String, Duration)>,
}

impl<'a> Reporter<'a> {
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
            waiting: None,
        }
    }

    fn clear(&mut self) {
        if let Some(bar) = &mut self.bar {
            bar.clear();
        }
    }

    /// Printed after a second, and again when the wait is ten times as long; on a terminal the same line counts
    /// the seconds.
    fn waiting_for(&mut self, node: &str, awaited: &Awaited, waited: Duration) {
        if self.waiting.as_ref().is_none_or(|(name, _)| name != node) {
            self.waiting = Some((node.to_owned(), WAIT_SHOWN));
        }
        let Some((_, due)) = self.waiting.as_mut().filter(|(_, due)| waited >= *due) else {
            return;
        };
        let seconds = waited.as_secs();
        let text = format!("waiting for {node}{awaited}, {seconds} s");
        match &mut self.bar {
            Some(bar) => {
                *due = Duration::from_secs(seconds + 1);
                bar.say(&text);
            }
            None => {
                *due = waited * 10;
                ui::note(self.common, text);
            }
        }
    }
}

impl hallway_engine::Reporter for Reporter<'_> {
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
                self.clear();
                plain(&warning, self.common);
            }
            Event::WaitingFor {
                node,
                awaited,
                waited,
            } => self.waiting_for(&node, &awaited, waited),
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
