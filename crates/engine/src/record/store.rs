//! Files of a scope's state directory. Every write passes the gate of a [`Kernel`] handle.

use std::path::{Path, PathBuf};

use hallway_kernel::files::{self, DirectoryEntry, Durability};
use hallway_kernel::{Kernel, KernelError};

use crate::failure::FileAction;
use crate::{Failure, Reason};

/// The largest file that is read, in bytes. A record of 10,000 nodes is about a tenth of it.
pub(crate) const READ_MAX: u64 = 64 * 1024 * 1024;

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

    /// As [`Self::make_directory`]; one that exists is not an operation.
    pub(crate) fn ensure_directory(&self, path: &Path) -> Result<(), Failure> {
        match hallway_kernel::private::is_there(path).map_err(failed(FileAction::Use, path))? {
            true => Ok(()),
            false => self.make_directory(path),
        }
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
        if read(path)?.is_some_and(|old| old == text) {
            return Ok(());
        }
        let written = self.kernel.write_file(path, text);
        written.map_err(failed(FileAction::Write, path))
    }

    /// As [`Self::write_in_place`], for a file that programs in nodes see. What another program has
    /// put in its place (a directory, a link) is removed.
    pub(crate) fn write_view(&self, path: &Path, text: &[u8]) -> Result<(), Failure> {
        let access = files::access(path).map_err(failed(FileAction::Read, path))?;
        let other = access.is_some_and(|found| found != files::Access::public());
        // A file of another user is written again.
        if (other && self.kernel.make_file_public(path).is_err()) || read(path).is_err() {
            self.remove_tree(path)?;
        }
        self.write_in_place(path, text)
    }

    /// Creates a file that must not exist yet; false if it exists.
    pub(crate) fn create(&self, path: &Path, text: &[u8]) -> Result<bool, Failure> {
        created(self.kernel.create_file(path, text), path)
    }

    /// Gives a file a further name in its directory; false if that name is taken.
    pub(crate) fn link(&self, from: &Path, to: &Path) -> Result<bool, Failure> {
        created(self.kernel.link_file(from, to), to)
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

    /// Removes as much as possible of a directory with everything in it, and returns what is left.
    pub(crate) fn clear_tree(&self, path: &Path) -> Vec<Failure> {
        let mut left = Vec::new();
        let removed = self.kernel.clear_tree(path, |part| {
            left.push(Reason::StateLeft { left: part }.into());
        });
        left.extend(removed.err().map(failed(FileAction::Remove, path)));
        left
    }

    /// Removes a directory if it is empty. If something is mounted there, it can never be removed.
    pub(crate) fn remove_unless_used(&self, path: &Path) -> Option<Failure> {
        let error = self.kernel.remove_directory(path).err()?;
        let left = files::Left {
            path: path.to_owned(),
            errno: error.errno,
        };
        (left.is_mounted()).then(|| Reason::StateLeft { left }.into())
    }

    /// Removes a directory if it is empty.
    pub(crate) fn remove_if_empty(&self, path: &Path) {
        // A directory with content is the usual case, and not a failure.
        self.kernel.remove_directory(path).ok();
    }
}

/// Reads a file; `None` if it does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    files::read(path, READ_MAX).map_err(failed(FileAction::Read, path))
}

/// Opens a file to read; `None` if it does not exist.
pub(crate) fn open(path: &Path) -> Result<Option<std::fs::File>, Failure> {
    files::open(path).map_err(failed(FileAction::Read, path))
}

/// The content of a directory; empty if it does not exist.
pub(crate) fn list(path: &Path) -> Result<Vec<DirectoryEntry>, Failure> {
    files::list(path).map_err(failed(FileAction::Read, path))
}

/// Whether such a file exists, even one that cannot be used.
pub(crate) fn is_there(path: &Path) -> bool {
    !matches!(files::open(path), Ok(None))
}

fn created(outcome: Result<(), KernelError>, path: &Path) -> Result<bool, Failure> {
    match outcome {
        Ok(()) => Ok(true),
        Err(e) if e.is_exists() => Ok(false),
        Err(e) => Err(failed(FileAction::Create, path)(e)),
    }
}

/// The failure of an action on a file. A refusal because it is not safe has its own reason.
pub(crate) fn failed(action: FileAction, path: &Path) -> impl FnOnce(KernelError) -> Failure {
    move |error| {
        if let Some(why) = error.detail {
            let path = PathBuf::from(error.object);
            return Reason::StateUnsafe { path, why }.into();
        }
        let error = std::io::Error::from_raw_os_error(error.errno);
        Failure::file(action, path, &error)
    }
}
