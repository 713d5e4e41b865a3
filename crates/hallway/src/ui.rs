//! Output for people. Data goes to stdout, everything else to stderr; a reader that closes the pipe
//! is not a failure.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use crate::args::Common;

/// Prints data. A closed pipe is not a failure.
pub(crate) fn out(text: &str) {
    anstream::stdout().write_all(text.as_bytes()).ok();
}

/// Whether stdout still has a reader: a stream ends when its reader closes the pipe.
pub(crate) fn stdout_is_open() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    let mut ends = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec::default();
    let known = poll(&mut ends, Some(&at_once)).is_ok();
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    !(known && ends.iter().any(|e| e.revents().intersects(gone)))
}

/// Prints a line of data.
pub(crate) fn line(text: impl AsRef<str>) {
    out(&format!("{}\n", text.as_ref()));
}

/// Prints a value as JSON.
pub(crate) fn json(value: &serde_json::Value) {
    line(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a line for people to stderr, unless `--quiet` is given.
pub(crate) fn note(common: &Common, text: impl AsRef<str>) {
    if !common.quiet {
        anstream::eprintln!("{}", text.as_ref());
    }
}

/// How wide lines to people may be: as wide as the terminal, from 40 to 100 columns.
pub(crate) fn width() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    match size.map_or(0, |s| s.ws_col) {
        0 => 100,
        columns => usize::from(columns).clamp(40, 100),
    }
}

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

/// Shows the progress of work that takes long enough to be noticed, when stderr is a terminal.
pub(crate) fn progress(common: &Common) -> impl FnMut(usize, usize) + use<> {
    let visible = std::io::stderr().is_terminal() && !common.quiet;
    let mut bar = Bar {
        started: Instant::now(),
        drawn: None,
        columns: 0,
    };
    move |position, length| {
        if position + 1 >= length {
            bar.clear();
        } else if visible {
            bar.draw(position, length);
        }
    }
}

/// A duration in milliseconds or seconds.
pub(crate) fn duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis().max(1))
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// A duration in microseconds, milliseconds or seconds.
pub(crate) fn short(time: Duration) -> String {
    match time.as_micros() {
        us @ ..1000 => format!("{us} µs"),
        _ => duration(time),
    }
}

/// Bold.
pub(crate) const BOLD: anstyle::Style = anstyle::Style::new().bold();
/// Less important.
pub(crate) const DIM: anstyle::Style = anstyle::Style::new().dimmed();
/// Success.
pub(crate) const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
/// Warning.
pub(crate) const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
/// Error.
pub(crate) const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();

/// Text in a style.
pub(crate) fn styled(style: anstyle::Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
