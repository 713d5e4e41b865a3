//! Distinguishes processes from later ones with the same number, and those that are about to end.

/// PF_EXITING, linux/sched.h.
const EXITING: u64 = 0x4;

/// A process's start time (proc(5), /proc/PID/stat field 22).
pub(super) fn start_time(pid: i32) -> Option<u64> {
    stat(pid).map(|(_, started)| started)
}

/// As [`start_time`]; `None` also for one that was killed: it may still be there for a moment, and what it
/// keeps is about to be removed.
pub(super) fn lasting_start_time(pid: i32) -> Option<u64> {
    let (flags, started) = stat(pid)?;
    (flags & EXITING == 0 && !is_killed(pid)).then_some(started)
}

/// The flags and the start time; `None` for one that has ended and was not waited for yet.
fn stat(pid: i32) -> Option<(u64, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name, in parentheses, may contain anything.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let flags = fields.nth(5)?.parse().ok()?;
    let started = fields.nth(12)?.parse().ok()?;
    (state != "Z").then_some((flags, started))
}

/// Whether SIGKILL waits to be delivered to its main thread.
fn is_killed(pid: i32) -> bool {
    const KILL: u64 = 1 << 8;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = status.lines().filter_map(|line| {
        line.strip_prefix("SigPnd:")
            .or(line.strip_prefix("ShdPnd:"))
    });
    let mut masks = pending.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    masks.any(|mask| mask & KILL != 0)
}
