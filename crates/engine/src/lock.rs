//! One at a time: a lock on the scope's directory, released by the kernel when its holder ends,
//! however it ends.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::{Failure, interrupt};

const PAUSE: Duration = Duration::from_millis(2);

/// While it lives, no other hallway changes this scope; shared ones go together.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for the lock; `waiting` is called once when somebody else has it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn take(directory: &Path, waiting: impl FnOnce()) -> Result<Self, Failure> {
        Self::wait(directory, waiting, FlockOperation::NonBlockingLockExclusive)
    }

    /// Waits for the lock together with others who share it.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn share(directory: &Path) -> Result<Self, Failure> {
        Self::wait(directory, || {}, FlockOperation::NonBlockingLockShared)
    }

    fn wait(
        directory: &Path,
        waiting: impl FnOnce(),
        at_once: FlockOperation,
    ) -> Result<Self, Failure> {
        let path = directory.join("lock");
        let failed = |e: std::io::Error| Failure::file("lock", &path, &e);
        let mut waiting = Some(waiting);
        loop {
            let file = open(directory, &path)?;
            if rustix::fs::flock(&file, at_once).is_err() {
                waiting.take().into_iter().for_each(|tell| tell());
                // Asked for again and again: a wait within the kernel could not be interrupted.
                while let Err(e) = rustix::fs::flock(&file, at_once) {
                    if ![Errno::INTR, Errno::WOULDBLOCK].contains(&e) {
                        return Err(failed(e.into()));
                    }
                    interrupt::check()?;
                    std::thread::sleep(PAUSE);
                }
            }
            // Whoever held it may have removed it at its end: then it locks nothing any more.
            if is_at(&file, &path) {
                return Ok(Self { _file: file });
            }
        }
    }

    /// The lock, if nobody has it now.
    #[must_use]
    pub fn try_take(directory: &Path) -> Option<Self> {
        let path = directory.join("lock");
        let file = OpenOptions::new().write(true).open(&path).ok()?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        is_at(&file, &path).then_some(Self { _file: file })
    }
}

fn open(directory: &Path, path: &Path) -> Result<File, Failure> {
    crate::record::make_directory(directory)?;
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| Failure::file("lock", path, &e))
}

fn is_at(file: &File, path: &Path) -> bool {
    let here = file.metadata().map(|m| (m.dev(), m.ino()));
    let there = std::fs::metadata(path).map(|m| (m.dev(), m.ino()));
    matches!((here, there), (Ok(a), Ok(b)) if a == b)
}
