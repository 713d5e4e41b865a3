//! What people see while something happens. Data goes to stdout, everything else to stderr; a
//! reader that hangs up is no failure.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::args::Common;

/// Prints data. A closed pipe is not our failure.
pub(crate) fn out(text: &str) {
    anstream::stdout().write_all(text.as_bytes()).ok();
}

/// Whether somebody reads what is printed: a stream ends when its reader hangs up.
pub(crate) fn heard() -> bool {
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

/// Tells people something, unless they asked for quiet.
pub(crate) fn note(common: &Common, text: impl AsRef<str>) {
    if !common.quiet {
        anstream::eprintln!("{}", text.as_ref());
    }
}

/// A bar for work that takes long enough to be noticed; nothing when nobody looks.
pub(crate) fn progress(common: &Common) -> impl FnMut(usize, usize) + use<> {
    let visible = std::io::stderr().is_terminal() && !common.quiet;
    let bar = ProgressBar::with_draw_target(
        Some(0),
        if visible {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        },
    );
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} steps") {
        bar.set_style(style);
    }
    let started = std::time::Instant::now();
    move |position, length| {
        if started.elapsed() > Duration::from_millis(300) {
            bar.set_length(length as u64);
            bar.set_position(position as u64);
        }
        if position + 1 >= length {
            bar.finish_and_clear();
        }
    }
}

/// A duration as people say it.
pub(crate) fn duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis().max(1))
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// A short time as people say it, with what matters of it.
pub(crate) fn short(time: Duration) -> String {
    match time.as_micros() {
        us @ ..1000 => format!("{us} µs"),
        _ => duration(time),
    }
}
