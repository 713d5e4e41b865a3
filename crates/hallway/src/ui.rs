//! Output for users. Data goes to stdout, everything else to stderr; a reader that closes the pipe
//! is not a failure.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Duration;

use hallway_view::table::{columns_within, fitted};

use crate::args::Common;

/// The first error of stdout that is not a closed pipe, like a full disk.
static FAILED: OnceLock<std::io::Error> = OnceLock::new();

/// Prints data. A closed pipe is not a failure; another error is reported at the end, by
/// [`output_error`]: what the command changes must not stop half way.
pub(crate) fn out(text: &str) {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            FAILED.get_or_init(|| e);
        }
        _ => {}
    }
}

/// Prints the version of hallway.
pub(crate) fn version() {
    line(concat!("hallway ", env!("CARGO_PKG_VERSION")));
}

/// Why data could not be printed.
pub(crate) fn output_error() -> Option<&'static std::io::Error> {
    FAILED.get()
}

/// Prints to stderr. There is no place to report that it cannot be written, and no reason to stop.
pub(crate) fn err(text: &str) {
    anstream::stderr().write_all(text.as_bytes()).ok();
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

/// Prints text; its lines are broken at spaces if a terminal is too narrow for them.
pub(crate) fn text(text: &str) {
    for one in text.lines() {
        let indent = one.len() - one.trim_start().len();
        hanging(one, indent + 4);
    }
}

/// Prints a line; if a terminal is too narrow for it, it is broken, and the rest is indented.
pub(crate) fn hanging(text: &str, indent: usize) {
    let width = terminal(std::io::stdout()).unwrap_or(usize::MAX);
    line(fold(text, width, indent));
}

/// Prints a line of an error in the same way, to stderr.
pub(crate) fn complain(text: &str, indent: usize) {
    err(&format!("{}\n", fold_error(text, indent)));
}

/// A line of an error, folded in the same way.
pub(crate) fn fold_error(text: &str, indent: usize) -> String {
    let width = terminal(std::io::stderr()).unwrap_or(usize::MAX);
    fold(text, width, indent)
}

/// A line of help, folded in the same way as data.
pub(crate) fn fold_help(text: &str, indent: usize) -> String {
    let width = terminal(std::io::stdout()).unwrap_or(usize::MAX);
    fold(text, width, indent)
}

/// Prints a table: as wide as a terminal, where words allow that, and one that is too narrow even then gets
/// one line for each value. Without a terminal each row is one line, for programs that read lines.
pub(crate) fn table(rows: &[Vec<String>]) {
    out(&match terminal(std::io::stdout()) {
        Some(width) => fitted(rows, width),
        None => columns_within(rows, usize::MAX),
    });
}

/// The maximal width of a matrix: that of the terminal, otherwise 100 columns.
pub(crate) fn columns() -> usize {
    terminal(std::io::stdout()).unwrap_or(100)
}

/// The width of the terminal, from 40 columns on; without one there is no limit.
pub(crate) fn stdout_width() -> usize {
    terminal(std::io::stdout()).unwrap_or(usize::MAX)
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

/// Prints a line to stderr, unless `--quiet` is given. On a terminal it is broken at spaces.
pub(crate) fn note(common: &Common, text: impl AsRef<str>) {
    if common.quiet {
        return;
    }
    let width = terminal(std::io::stderr()).unwrap_or(usize::MAX);
    for line in text.as_ref().lines() {
        err(&format!("{}\n", fold(line, width, 2)));
    }
}

/// Breaks a text at spaces so that no line has more than `width` columns, if words allow that.
/// Every line except the first is indented. Colours take no columns.
pub(crate) fn fold(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for (position, word) in text.split(' ').enumerate() {
        let length = anstream::adapter::strip_str(word)
            .to_string()
            .chars()
            .count();
        if position > 0 && column > indent && column + 1 + length > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if position > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// The columns of a terminal, otherwise those of the variable COLUMNS, from 40 on.
fn terminal(file: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(file);
    let columns = size.ok().map(|s| usize::from(s.ws_col)).filter(|c| *c > 0);
    let given = || {
        std::env::var("COLUMNS")
            .ok()?
            .parse()
            .ok()
            .filter(|c| *c > 0)
    };
    columns.or_else(given).map(|columns| columns.max(40))
}

/// The maximal width of text lines of errors: that of the terminal, from 40 to 100 columns. Without a terminal
/// nothing is folded.
pub(crate) fn width() -> usize {
    terminal(std::io::stderr()).map_or(usize::MAX, |columns| columns.min(100))
}

/// A number with its noun.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
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
