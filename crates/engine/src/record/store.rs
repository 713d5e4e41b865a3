//! Files of a scope's state directory. Every write passes the gate of a [`Kernel`] handle.

use std::path::{Path, PathBuf};

use hallway_kernel::files::Durability;
use hallway_kernel::{Kernel, KernelError};

use crate::Failure;
use crate::failure::FileAction;

/// The state of one scope: records and leases of its projects.
#[derive(Debug)]
pub(crate) struct Store {
    kernel: Kernel,
    scope: PathBuf,
}

impl Store {
    /// The state below that directory.
    pub(crate) fn new(kernel: Kernel, scope: &Path) -> Self {
        Self {
            kernel,
            scope: scope.to_owned(),
        }
    }

    /// The scope's directory.
    pub(crate) fn scope(&self) -> &Path {
        &self.scope
    }

    /// The handle that files are written with.
    pub(crate) fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// Makes a directory that only its owner may enter, with its parents.
    pub(crate) fn make_directory(&self, path: &Path) -> Result<(), Failure> {
        let made = self.kernel.make_directory(path, 0o700);
        made.map_err(failed(FileAction::Create, path))
    }

    /// Replaces a file by one with this content: readers see the old content or the new one.
    pub(crate) fn replace(&self, path: &Path, text: &[u8]) -> Result<(), Failure> {
        // The state of a scope is not needed after a reboot: the kernel's state is empty then.
        let written = self.kernel.replace_file(path, text, Durability::Process);
        written.map_err(failed(FileAction::Write, path))
    }

    /// Writes a file in place, so that programs that have it mounted see the new content. A file
    /// that has this content already is not touched.
    pub(crate) fn write_in_place(&self, path: &Path, text: &[u8]) -> Result<(), Failure> {
        if std::fs::read(path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        let written = self.kernel.write_file(path, text);
        written.map_err(failed(FileAction::Write, path))
    }

    /// Removes a file; it is not a failure if it does not exist.
    pub(crate) fn remove_file(&self, path: &Path) -> Result<(), Failure> {
        let removed = self.kernel.remove_file(path);
        removed.map(drop).map_err(failed(FileAction::Remove, path))
    }

    /// Removes a directory with everything in it; it is not a failure if it does not exist.
    pub(crate) fn remove_tree(&self, path: &Path) -> Result<(), Failure> {
        let removed = self.kernel.remove_tree(path);
        removed.map(drop).map_err(failed(FileAction::Remove, path))
    }

    /// Removes a directory if it is empty.
    pub(crate) fn remove_if_empty(&self, path: &Path) {
        // Not empty is the usual case, and not a failure.
        self.kernel.remove_directory(path).ok();
    }
}

/// Reads a file; `None` if it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    match std::fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Failure::file(FileAction::Read, path, &e)),
    }
}

fn failed(action: FileAction, path: &Path) -> impl FnOnce(KernelError) -> Failure {
    move |error| {
        let error = std::io::Error::from_raw_os_error(error.errno);
        Failure::file(action, path, &error)
    }
}
