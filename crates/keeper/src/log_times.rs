//! When the lines of logs were written. Programs write their logs directly; beside each log is a
//! file with the lengths of the log at certain times, from which `logs` computes the time of each
//! line. A thread waits for notifications about the directory of the logs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hallway_engine::{state, times_file};
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

use crate::options::eprint;

/// Changes within this time are noted together.
const TOGETHER: Duration = Duration::from_millis(10);

/// Notes the times of all logs of a directory, from the first program on.
#[derive(Debug, Default)]
pub(crate) struct LogTimes {
    started: bool,
}

impl LogTimes {
    /// Called before a program that writes this log is started.
    pub(crate) fn begin(&mut self, log: &Path) {
        if self.started {
            return;
        }
        self.started = true;
        let directory = log.parent().unwrap_or(log).to_owned();
        if let Err(error) = start(directory) {
            eprint(&format!("the times of log lines are not noted: {error}"));
        }
    }
}

/// Starts the thread. It ends with the process.
fn start(directory: PathBuf) -> std::io::Result<()> {
    let notifications = init(CreateFlags::CLOEXEC)?;
    add_watch(&notifications, &directory, WatchFlags::MODIFY)?;
    let thread = std::thread::Builder::new().name("log-times".into());
    thread.spawn(move || {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = Reader::new(notifications, &mut buffer);
        let mut lengths = BTreeMap::new();
        let mut changed = BTreeSet::new();
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().and_then(|n| n.to_str().ok());
                    let log = name.filter(|n| n.ends_with(".log"));
                    changed.extend(log.map(|name| directory.join(name)));
                }
                Err(Errno::INTR) => continue,
                Err(error) => {
                    return eprint(&format!("the times of log lines are not noted: {error}"));
                }
            }
            if reader.is_buffer_empty() {
                for log in std::mem::take(&mut changed) {
                    note(&log, &mut lengths);
                }
                std::thread::sleep(TOGETHER);
            }
        }
    })?;
    Ok(())
}

/// Notes the present length of a log.
fn note(log: &Path, lengths: &mut BTreeMap<PathBuf, u64>) {
    let Ok(length) = std::fs::metadata(log).map(|m| m.len()) else {
        return; // its node has been removed
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis());
    if lengths.insert(log.to_owned(), length) != Some(length) {
        let times = state::append_to_log(&times_file(log));
        if let Err(error) = times.and_then(|mut file| writeln!(file, "{length} {now}")) {
            eprint(&format!("{}: {error}", log.display()));
        }
    }
}
