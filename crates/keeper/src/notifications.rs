//! A thread that waits for notifications about files (inotify(7)): logs that programs have written, and
//! files of the machine that were replaced.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use tokio::sync::mpsc::UnboundedSender;

use crate::etc_files::EtcFiles;
use crate::log_times::note;
use crate::options::eprint;

/// Changes within this time are handled together.
const TOGETHER: Duration = Duration::from_millis(10);

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
        "the times of log lines are not noted, and a replaced /etc/hosts is not noticed: {error}"
    ));
}

/// Starts the thread. It ends with the process.
fn start(directory: PathBuf, replaced: UnboundedSender<()>) -> std::io::Result<()> {
    let notifications = init(CreateFlags::CLOEXEC)?;
    let logs = add_watch(&notifications, &directory, WatchFlags::MODIFY)?;
    let mut files = EtcFiles::watch(notifications.as_fd())?;
    let thread = std::thread::Builder::new().name("notifications".into());
    thread.spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(&notifications, &mut buffer);
        let mut lengths = BTreeMap::new();
        let mut changed = BTreeSet::new();
        let mut renew = false;
        loop {
            match reader.next() {
                Ok(event) if event.wd() == logs => {
                    let name = event.file_name().and_then(|n| n.to_str().ok());
                    let log = name.filter(|n| n.ends_with(".log"));
                    changed.extend(log.map(|name| directory.join(name)));
                }
                Ok(event) => renew |= files.concerns(&event),
                Err(Errno::INTR) => continue,
                Err(error) => return report(&error),
            }
            if !reader.is_buffer_empty() {
                continue;
            }
            for log in std::mem::take(&mut changed) {
                note(&log, &mut lengths);
            }
            if std::mem::take(&mut renew) {
                // First the watches: what changes after them is notified.
                match EtcFiles::watch(notifications.as_fd()) {
                    Ok(present) => files = present,
                    Err(error) => report(&error),
                }
                replaced.send(()).ok(); // the receiver is gone when the keeper ends
            }
            std::thread::sleep(TOGETHER);
        }
    })?;
    Ok(())
}
