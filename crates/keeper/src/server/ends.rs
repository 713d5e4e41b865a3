//! What the keeper waits for: the end of a process, a time.

use std::time::Instant;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags};
use tokio::sync::oneshot;

/// When a run that must end is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// Whether its runner is stopped.
    Stopped(Instant),
    /// Whether it has ended.
    Ended(Instant),
}

impl Check {
    /// When that is.
    pub(super) fn at(self) -> Instant {
        match self {
            Self::Stopped(at) | Self::Ended(at) => at,
        }
    }
}

/// Becomes ready when the process has ended. A separate thread waits for it: the runtime has no
/// safe way to watch a pidfd.
pub(super) fn end_of(pid: Pid) -> std::io::Result<oneshot::Receiver<()>> {
    let process = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().spawn(move || {
        let mut ends = [PollFd::new(&process, PollFlags::IN)];
        // An error other than EINTR: the sandbox cannot be watched any more.
        rustix::io::retry_on_intr(|| poll(&mut ends, None)).ok();
        ended.send(()).ok(); // the keeper ends already
    })?;
    Ok(end)
}

/// If there is nothing to wait for, it never ends.
pub(super) async fn ended(end: Option<&mut oneshot::Receiver<()>>) {
    match end {
        Some(end) => drop(end.await), // an error means the same: the thread is gone
        None => std::future::pending().await,
    }
}

/// At that time; never without one.
pub(super) async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
