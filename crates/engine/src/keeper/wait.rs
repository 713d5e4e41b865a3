//! Waiting for a process that may be stopped or hang: with a limit, and not when cancelled.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal};

use super::KeeperError;
use crate::Cancel;

/// How long a process may take for an answer that needs no work, on a busy machine. With the time to end it,
/// it is less than 10 s.
pub(crate) const ANSWER_LIMIT: Duration = Duration::from_secs(6);
/// How long to wait for a process that is stopped (SIGSTOP, a debugger).
const STOPPED_LIMIT: Duration = Duration::from_secs(1);
/// How often a wait checks whether it is cancelled.
const SLICE: Duration = Duration::from_millis(50);
/// How long a process that was asked to end may take before it is killed.
const FORCE_LIMIT: Duration = Duration::from_secs(3);

/// Waits until there is something to read, at most `limit`; whether there is.
///
/// # Errors
/// When the caller cancels, or the process is stopped.
pub(crate) fn readable(
    fd: impl AsFd,
    process: Pid,
    cancel: &Cancel,
    limit: Duration,
) -> Result<bool, KeeperError> {
    let started = Instant::now();
    let slice = Timespec {
        tv_sec: 0,
        tv_nsec: SLICE.subsec_nanos().into(),
    };
    loop {
        let mut ends = [PollFd::new(&fd, PollFlags::IN)];
        let ready = rustix::io::retry_on_intr(|| poll(&mut ends, Some(&slice)));
        if ready.map_err(|e| KeeperError::Lost(e.into()))? > 0 {
            return Ok(true);
        }
        if let Err(failure) = cancel.check() {
            return Err(KeeperError::Cancelled(Box::new(failure)));
        }
        if started.elapsed() > STOPPED_LIMIT && is_stopped(process) {
            return Err(KeeperError::Stopped {
                pid: process.as_raw_nonzero().get(),
            });
        }
        if started.elapsed() > limit {
            return Ok(false);
        }
    }
}

/// Waits, at most `limit`, until a process has ended; whether it has.
///
/// # Errors
/// As [`readable`].
pub(crate) fn ended(process: Pid, cancel: &Cancel, limit: Duration) -> Result<bool, KeeperError> {
    match rustix::process::pidfd_open(process, PidfdFlags::empty()) {
        Ok(fd) => readable(fd, process, cancel, limit),
        Err(_no_such_process) => Ok(true),
    }
}

/// Ends a process that does not answer: it is continued, asked to end, and killed if it does not.
///
/// # Errors
/// When the caller cancels.
pub(crate) fn force(process: Pid, cancel: &Cancel) -> Result<(), KeeperError> {
    // It has ended meanwhile: then there is nothing to do.
    rustix::process::kill_process(process, Signal::TERM).ok();
    rustix::process::kill_process(process, Signal::CONT).ok();
    match ended(process, cancel, FORCE_LIMIT) {
        Ok(true) => return Ok(()),
        Ok(false) | Err(KeeperError::Stopped { .. }) => {}
        Err(cancelled) => return Err(cancelled),
    }
    rustix::process::kill_process(process, Signal::KILL).ok();
    ended(process, cancel, FORCE_LIMIT).map(drop)
}

/// Whether a process is stopped, by a signal or by a debugger.
#[must_use]
pub fn is_stopped(process: Pid) -> bool {
    matches!(process_state(process), Some('T' | 't'))
}

/// The state of a process (proc(5), /proc/PID/stat field 3); none without such a process.
#[must_use]
pub fn process_state(process: Pid) -> Option<char> {
    let process = procfs::process::Process::new(process.as_raw_nonzero().get()).ok()?;
    Some(process.stat().ok()?.state)
}
