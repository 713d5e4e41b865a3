//! The engine's events for people: warnings, what is waited for, and a progress bar.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use hallway_engine::Event;

use crate::args::Common;
use crate::diagnose::plain;
use crate::ui;

/// Work shorter than this is not shown.
const QUICK: Duration = Duration::from_millis(300);
/// The bar is drawn at most this often.
const REDRAW: Duration = Duration::from_millis(50);
/// The length of the full bar, in columns; with its text it fits into 40.
const BAR: usize = 20;

/// A progress bar on the last line of the terminal.
struct Bar {
    started: Instant,
    drawn: Option<Instant>,
    /// How long it is on the terminal.
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
            anstream::eprint!("\r{text}");
            self.columns = text.chars().count();
            self.drawn = Some(Instant::now());
        }
    }

    /// Removes the bar, so that the next line begins where it was.
    fn clear(&mut self) {
        if self.drawn.take().is_some() {
            anstream::eprint!("\r{}\r", " ".repeat(self.columns));
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
    /// The node that the run waits for, and how often the engine has reported it.
    waiting: Option<(String, usize)>,
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

    /// The engine reports a node once a second: the second report comes after one second.
    fn waiting_for(&mut self, node: String) {
        let before = self.waiting.take().filter(|(name, _)| *name == node);
        let count = before.map_or(1, |(_, count)| count + 1);
        if count == 2 {
            self.clear();
            ui::note(self.common, format!("waiting for {node}"));
        }
        self.waiting = Some((node, count));
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
            Event::WaitingFor { node } => self.waiting_for(node),
            Event::Planned { .. } | Event::Warning(_) => {}
        }
    }
}
