//! Output for people. Data goes to stdout, everything else to stderr; a reader that closes the pipe
//! is not a failure.

use std::io::Write as _;
use std::time::Duration;

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
pub(crate) fn json(value: &impl serde::Serialize) {
    line(serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a value as one line of JSON.
pub(crate) fn json_line(value: &impl serde::Serialize) {
    line(serde_json::to_string(value).unwrap_or_default());
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
