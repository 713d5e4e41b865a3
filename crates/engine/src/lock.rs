//! One at a time: a lock on the scope's directory, released by the kernel when its holder ends,
//! however it ends.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::FlockOperation;

use crate::Failure;

/// While it lives, no other hallway changes this scope.
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
        let path = directory.join("lock");
        let failed = |e: std::io::Error| Failure::file("lock", &path, &e);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            waiting();
            while let Err(e) = rustix::fs::flock(&file, FlockOperation::LockExclusive) {
                if e != rustix::io::Errno::INTR {
                    return Err(failed(e.into()));
                }
            }
        }
        Ok(Self { _file: file })
    }
}
