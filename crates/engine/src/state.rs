//! The state directory, for callers: which one may be used, and files in it apart from records.
//!
//! Everything here goes through `hallway_kernel::files`, which refuses what another user could have
//! put there.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hallway_kernel::gate::{Operation, OperationKind};
use hallway_kernel::{Kernel, KernelError, files, private};
use rustix::fs::AtFlags;

use crate::failure::FileAction;
use crate::record::{Store, store};
use crate::{Failure, Reason};

/// How much of a log's end is quoted at most, in bytes.
const QUOTED_MAX: u64 = 64 * 1024;

/// A directory for state, by a path without symbolic links: one that does not exist yet, or that
/// belongs to this user and that no other user can write to.
///
/// # Errors
/// [`crate::Reason::StateUnsafe`], with what is wrong.
pub fn directory(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |e| store::failed(FileAction::Use, path)(e);
    let physical = private::physical(&absolute(path)?).map_err(failed)?;
    private::check(&physical).map_err(failed)?;
    if physical.to_str().is_none() {
        // The keeper and other helpers get the path as an argument, and notes have it as text.
        let why = "its path is not UTF-8".to_owned();
        return Err(Reason::StateUnsafe {
            path: physical,
            why,
        }
        .into());
    }
    Ok(physical)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|e| Failure::file(FileAction::Use, path, &e))
}

/// The path of a state directory as marks have it, also of one that cannot be used.
///
/// # Errors
/// When there is no current directory for a relative path.
pub fn named(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = absolute(path)?;
    Ok(private::physical(&absolute).unwrap_or(absolute))
}

/// Whether the lock of a scope can be used, if there is one: its file system may have become read-only.
///
/// # Errors
/// [`crate::Reason::StateFile`], with what is wrong.
pub fn check_lock(directory: &Path) -> Result<(), Failure> {
    let lock = directory.join("lock");
    match store::is_there(&lock) {
        true => files::open_or_create(&lock)
            .map(drop)
            .map_err(store::failed(FileAction::Lock, &lock)),
        false => Ok(()),
    }
}

/// Whether the state of a scope may be kept in this directory: it does not exist, or belongs to this
/// user, and no other user can read or change it.
///
/// # Errors
/// [`crate::Reason::StateUnsafe`], with what is wrong.
pub fn check(path: &Path) -> Result<(), Failure> {
    private::check(path).map_err(store::failed(FileAction::Use, path))?;
    let Ok(found) = std::fs::symlink_metadata(path) else {
        return Ok(());
    };
    let mode = found.mode() & 0o777;
    match mode & 0o700 {
        0o700 => Ok(()),
        _ => Err(Reason::StateUnsafe {
            path: path.to_owned(),
            why: format!("its owner cannot read and change it (mode {mode:03o})"),
        }
        .into()),
    }
}

/// A new, empty state directory of this command alone, in place of one that cannot be used. It is
/// removed at the end.
#[derive(Debug)]
pub struct Substitute {
    path: PathBuf,
}

/// Where it can be: only root can change the first, and the others are sticky.
const PLACES: [&str; 3] = ["/run", "/dev/shm", "/tmp"];

impl Substitute {
    /// Makes one.
    ///
    /// # Errors
    /// When no directory can be made.
    pub fn make() -> Result<Self, Failure> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanoseconds = now.unwrap_or_default().as_nanos();
        let name = format!("hallway-{}-{nanoseconds}", std::process::id());
        let mut failures = Vec::new();
        for place in PLACES {
            let path = Path::new(place).join(&name);
            // It must not exist: another user could have made it.
            let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
            let made = made.map_err(|e| Failure::file(FileAction::Create, &path, &e));
            match made.and_then(|()| check(&path)) {
                Ok(()) => return Ok(Self { path }),
                Err(failure) => failures.push(failure),
            }
        }
        let none = Reason::Bug("there is no place for a directory");
        Err(Failure::of_many(failures).unwrap_or_else(|| none.into()))
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Substitute {
    fn drop(&mut self) {
        remove_tree(&self.path).ok(); // an empty directory is left at most
    }
}

fn the_store(path: &Path) -> Store {
    Store::new(Kernel::new(), path)
}

/// Makes a directory, with its missing parents.
///
/// # Errors
/// The operating system's error, or why it is not safe.
pub fn make_directory(path: &Path) -> Result<(), Failure> {
    the_store(path).make_directory(path)
}

/// Writes a file that only this user can read.
///
/// # Errors
/// As [`make_directory`].
pub fn write(path: &Path, text: &[u8]) -> Result<(), Failure> {
    the_store(path).replace(path, text)
}

/// Writes as much into the directory of a scope as a project needs, and removes it: whether `up` can keep
/// its state there.
///
/// # Errors
/// As [`check`] and [`make_directory`].
pub fn try_scope(state: &Path, scope: &Path) -> Result<(), Failure> {
    const SIZE: usize = 64 * 1024;
    check(scope)?;
    check_lock(scope)?;
    let file = scope.join(format!("doctor-{}", std::process::id()));
    let made = make_directory(scope);
    let written = made.and_then(|()| write(&file, &[0; SIZE]));
    let removed = match store::is_there(&file) {
        true => remove_file(&file),
        false => Ok(()),
    };
    remove_if_empty(scope);
    remove_if_empty(state);
    written.and(removed)
}

/// Removes a directory with everything in it.
///
/// # Errors
/// As [`make_directory`].
pub fn remove_tree(path: &Path) -> Result<(), Failure> {
    the_store(path).remove_tree(path)
}

/// Removes a directory if it is empty.
pub fn remove_if_empty(path: &Path) {
    the_store(path).remove_if_empty(path);
}

/// The same, with the directory above it open: it is found also where its path leads elsewhere.
pub fn remove_if_empty_in(parent: impl AsFd, name: &OsStr) {
    let shown = name.to_string_lossy();
    let operation = Operation::new(OperationKind::DirectoryRemove, "remove", &shown);
    let removed = Kernel::new().perform(&operation, || {
        rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR)
            .map_err(|e| KernelError::new("remove", shown.clone(), e))
    });
    removed.ok(); // one with content stays
}

/// Removes a file or socket; it is not a failure if it does not exist.
///
/// # Errors
/// As [`make_directory`].
pub fn remove_file(path: &Path) -> Result<(), Failure> {
    the_store(path).remove_file(path)
}

/// A short path of a socket, valid as long as the descriptor beside it is open.
///
/// # Errors
/// As [`make_directory`].
pub fn socket_path(path: &Path) -> Result<(OwnedFd, PathBuf), Failure> {
    files::socket_path(path).map_err(store::failed(FileAction::Use, path))
}

/// Opens a log to read; `None` if there is none yet.
///
/// # Errors
/// As [`make_directory`].
pub fn read_log(path: &Path) -> Result<Option<File>, Failure> {
    files::open(path).map_err(store::failed(FileAction::Read, path))
}

/// Opens a log to append to; it is made if there is none.
///
/// # Errors
/// The reason is in the error's text.
pub fn append_to_log(path: &Path) -> std::io::Result<File> {
    files::append(path).map_err(|e| std::io::Error::other(e.to_string()))
}

/// Opens a log and empties it.
pub(crate) fn create_log(path: &Path) -> std::io::Result<File> {
    let file = files::open_or_create(path).map_err(|e| std::io::Error::other(e.to_string()))?;
    file.set_len(0)?;
    Ok(file)
}

/// The end of a log; empty if there is none that can be read.
pub(crate) fn end_of(path: &Path) -> String {
    let read = || -> Option<Vec<u8>> {
        let mut file = files::open(path).ok()??;
        let length = file.metadata().ok()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(QUOTED_MAX)))
            .ok()?;
        let mut text = Vec::new();
        file.take(QUOTED_MAX).read_to_end(&mut text).ok()?;
        Some(text)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}
