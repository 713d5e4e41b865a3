//! One process at a time: a lock on a project and one on the whole scope, both of one file, released
//! by the kernel when their holder ends, for any reason.
//!
//! A run has both, the project's first. While it waits for programs it has only the project's:
//! meanwhile others change their projects, and keepers repair them.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use hallway_kernel::{Kernel, files};
use hallway_plan::mark;
use hallway_spec::Name;
use rustix::fs::{FlockOperation, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use crate::failure::FileAction;
use crate::record::{Store, store};
use crate::{Cancel, Failure};

const PAUSE: Duration = Duration::from_millis(2);
/// A wait shorter than this is not reported: keepers sometimes hold the lock for a moment.
const NOT_REPORTED: u32 = 25;

/// While it exists, no other hallway changes this scope, or, for a time, this project; shared ones do
/// not exclude one another.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock, also on the project if there is one; `waiting` is called once if another
    /// process holds it for a while.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn take(
        directory: &Path,
        project: Option<&Name>,
        cancel: &Cancel,
        waiting: impl FnOnce(),
    ) -> Result<Self, Failure> {
        let lock = Self::wait(directory, cancel, waiting, |file| {
            if let Some(project) = project {
                lock_project(file, project)?;
            }
            rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)
        })?;
        lock.note_time()
            .map_err(|e| Failure::file(FileAction::Lock, &directory.join("lock"), &e.into()))?;
        Ok(lock)
    }

    /// Does something with the lock on the project alone.
    pub(crate) fn without_scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let unlocked = rustix::fs::flock(&self.file, FlockOperation::Unlock).is_ok();
        let out = work();
        while unlocked
            && let Err(Errno::INTR | Errno::WOULDBLOCK) =
                rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive)
        {
            std::thread::sleep(PAUSE);
        }
        self.note_time().ok(); // only puts off a comparison
        out
    }

    /// The modification time is the time the lock was taken: a keeper compares only some time after
    /// each run.
    fn note_time(&self) -> Result<(), Errno> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let of = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
        let times = Timestamps {
            last_access: of(0, UTIME_OMIT),
            last_modification: of(
                now.as_secs().try_into().unwrap_or(i64::MAX),
                now.subsec_nanos().into(),
            ),
        };
        rustix::fs::futimens(&self.file, &times)
    }

    /// When a run last took it, if one ever did.
    #[must_use]
    pub fn last_taken(directory: &Path) -> Option<SystemTime> {
        let file = files::open(&directory.join("lock")).ok()??;
        file.metadata().ok()?.modified().ok()
    }

    /// Waits for the lock and shares it with others.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn share(directory: &Path, cancel: &Cancel) -> Result<Self, Failure> {
        let shared = FlockOperation::NonBlockingLockShared;
        Self::wait(directory, cancel, || {}, |f| rustix::fs::flock(f, shared))
    }

    fn wait(
        directory: &Path,
        cancel: &Cancel,
        waiting: impl FnOnce(),
        at_once: impl Fn(&File) -> Result<(), Errno>,
    ) -> Result<Self, Failure> {
        let path = directory.join("lock");
        let failed = |e: std::io::Error| Failure::file(FileAction::Lock, &path, &e);
        let mut waiting = Some(waiting);
        loop {
            let file = open(directory, &path)?;
            let mut tries = 0;
            // Tried repeatedly: a wait within the kernel could not be cancelled.
            while let Err(e) = at_once(&file) {
                if ![Errno::INTR, Errno::WOULDBLOCK].contains(&e) {
                    return Err(failed(e.into()));
                }
                cancel.check()?;
                tries += 1;
                if tries == NOT_REPORTED
                    && let Some(waiting) = waiting.take()
                {
                    waiting();
                }
                std::thread::sleep(PAUSE);
            }
            // A former holder may have removed the file: then this lock protects nothing.
            if is_at(&file, &path)? {
                return Ok(Self { file });
            }
        }
    }

    /// Whether another process holds or shares the lock now.
    #[must_use]
    pub fn is_taken(directory: &Path) -> bool {
        directory.join("lock").exists() && Self::try_take(directory).is_none()
    }

    /// The lock, if no other process holds it now.
    #[must_use]
    pub fn try_take(directory: &Path) -> Option<Self> {
        let path = directory.join("lock");
        files::open(&path).ok()??; // is not made here
        let file = files::open_or_create(&path).ok()?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).ok()?;
        is_at(&file, &path).ok()?.then_some(Self { file })
    }
}

fn open(directory: &Path, path: &Path) -> Result<File, Failure> {
    Store::new(Kernel::new(), directory).make_directory(directory)?;
    files::open_or_create(path).map_err(store::failed(FileAction::Lock, path))
}

/// By the number of a byte that only few projects have in common.
fn lock_project(file: &File, project: &Name) -> Result<(), Errno> {
    let offset = mark::stable_hash(&[project.as_ref()]) as u32;
    hallway_kernel::sys::lock_byte(file.as_fd(), offset)
        .map_err(|e| Errno::from_raw_os_error(e.errno))
}

/// Whether the path still leads to the file.
fn is_at(file: &File, path: &Path) -> Result<bool, Failure> {
    let place = |file: &File| file.metadata().map(|m| (m.dev(), m.ino()));
    let failed = |e: std::io::Error| Failure::file(FileAction::Lock, path, &e);
    let there = files::open(path).map_err(store::failed(FileAction::Lock, path))?;
    let there = there.as_ref().map(place).transpose().map_err(failed)?;
    Ok(there == Some(place(file).map_err(failed)?))
}
