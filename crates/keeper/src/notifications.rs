//! A thread that waits for notifications about files (inotify(7)): logs that programs have written, and
//! files of the machine that were replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use tokio::sync::mpsc::UnboundedSender;

use crate::etc_files::EtcWatch;
use crate::log_times::note;
use crate::options::eprint;

/// Changes within this time are handled together.
const TOGETHER: Duration = Duration::from_millis(10);

/// Room for about 1,500 notifications, in bytes.
const BUFFER: usize = 64 * 1024;

/// The thread, which runs from the first program on.
#[derive(Debug)]
pub(crate) struct Notifications {
    started: bool,
    /// Receives a message when files of the machine may have been replaced.
    replaced: UnboundedSender<()>,
}

impl Notifications {
    pub(crate) fn new(replaced: UnboundedSender<()>) -> Self {
        Self {
            started: false,
            replaced,
        }
    }

    /// Called before a program that writes this log is started.
    pub(crate) fn begin(&mut self, log: &Path) {
        if self.started {
            return;
        }
        self.started = true;
        let directory = log.parent().unwrap_or(log).to_owned();
        if let Err(error) = start(directory, self.replaced.clone()) {
            report(&error);
        }
    }
}

fn report(error: &dyn std::fmt::Display) {
    eprint(&format!(
        "the times of log lines are not recorded, and {NO_FILES}: {error}"
    ));
}

const NO_FILES: &str = "a replaced /etc/hosts is not detected";

/// The files of the machine; without them, if they cannot be watched.
fn watch_files(notifications: &OwnedFd) -> EtcWatch {
    EtcWatch::watch(notifications.as_fd()).unwrap_or_else(|error| {
        eprint(&format!("{NO_FILES}: {error}"));
        EtcWatch::default()
    })
}

/// Starts the thread. It ends with the process.
fn start(directory: PathBuf, replaced: UnboundedSender<()>) -> std::io::Result<()> {
    let notifications = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    let logs = add_watch(&notifications, &directory, WatchFlags::MODIFY)?;
    let files = watch_files(&notifications);
    let thread = std::thread::Builder::new().name("notifications".into());
    thread.spawn(move || {
        let end = handle(&notifications, logs, &directory, files, &replaced);
        if let Err(error) = end {
            report(&error);
        }
    })?;
    Ok(())
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "log")
}

/// The logs of a directory; none if it cannot be read.
fn logs_in(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|p| is_log(p))
}

/// Handles notifications until they cannot be read.
fn handle(
    notifications: &OwnedFd,
    logs: i32,
    directory: &Path,
    mut files: EtcWatch,
    replaced: &UnboundedSender<()>,
) -> rustix::io::Result<()> {
    let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
    let mut lengths = BTreeMap::new();
    loop {
        let mut changed = BTreeSet::new();
        let mut renew = false;
        let mut reader = Reader::new(notifications, &mut buffer);
        // All there are: programs that write much would fill the queue, and the others were lost.
        loop {
            match reader.next() {
                Ok(event) if event.wd() == logs => {
                    let name = event.file_name().and_then(|n| n.to_str().ok());
                    changed.extend(name.map(|name| directory.join(name)).filter(|p| is_log(p)));
                }
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                    renew = true;
                    changed.extend(logs_in(directory));
                }
                Ok(event) => renew |= files.concerns(&event),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(error),
            }
        }
        for log in changed {
            note(&log, &mut lengths);
        }
        if renew {
            // First the watches: what changes after them is notified.
            files = watch_files(notifications);
            replaced.send(()).ok(); // the receiver is gone when the keeper ends
        }
        std::thread::sleep(TOGETHER);
        match poll(&mut [PollFd::new(notifications, PollFlags::IN)], None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
}
