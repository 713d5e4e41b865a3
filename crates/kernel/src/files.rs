//! Files and directories, past the gate: what a later process must find whole, or not at all.

use std::ffi::OsString;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::gate::{Operation, OperationKind};
use crate::{Kernel, KernelError};

/// What a replaced file outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of this process at any instant.
    Process,
    /// A power failure, too: the content is on the disk before the name changes (fsync).
    Power,
}

impl Kernel {
    fn on_path<T>(
        &self,
        kind: OperationKind,
        name: &'static str,
        path: &Path,
        act: impl FnOnce() -> std::io::Result<T>,
    ) -> Result<T, KernelError> {
        let object = path.to_string_lossy();
        self.perform(&Operation::new(kind, name, &object), || {
            act().map_err(|e| KernelError::io(name, object.clone(), &e))
        })
    }

    /// Writes a file in place: what has it open or bound sees the new content. The file is created
    /// with mode 0644 when it is not there.
    ///
    /// # Errors
    /// ENOENT without its directory; ENOSPC, with part of the content written.
    pub fn write_file(&self, path: &Path, content: &[u8]) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "write", path, || {
            std::fs::write(path, content)
        })
    }

    /// Creates a file that must not be there yet, of mode 0600. Of several processes that create
    /// the same file, one succeeds.
    ///
    /// # Errors
    /// EEXIST when it is there.
    pub fn create_file(&self, path: &Path, content: &[u8]) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "create", path, || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            options.open(path)?.write_all(content)
        })
    }

    /// Replaces a file's content, all of it or nothing: the new content is written beside it, to
    /// the name with `.new` appended, and renamed over it. Mode 0600. Two operations.
    ///
    /// # Errors
    /// ENOENT without its directory; ENOSPC. The old content is then still there.
    pub fn replace_file(
        &self,
        path: &Path,
        content: &[u8],
        durability: Durability,
    ) -> Result<(), KernelError> {
        let mut fresh = OsString::from(path);
        fresh.push(".new");
        let fresh = PathBuf::from(fresh);
        let written = self
            .on_path(OperationKind::FileWrite, "write", &fresh, || {
                let mut options = OpenOptions::new();
                options.create(true).truncate(true).write(true).mode(0o600);
                let mut file = options.open(&fresh)?;
                file.write_all(content)?;
                match durability {
                    Durability::Process => Ok(()),
                    Durability::Power => file.sync_all(),
                }
            })
            .and_then(|()| self.rename(&fresh, path));
        if let Err(error) = written {
            // The first error is the one to report; a file left here is overwritten next time.
            drop(self.remove_file(&fresh));
            return Err(error);
        }
        match (durability, path.parent()) {
            (Durability::Power, Some(directory)) => File::open(directory)
                .and_then(|d| d.sync_all())
                .map_err(|e| KernelError::io("write", directory.to_string_lossy(), &e)),
            _ => Ok(()),
        }
    }

    /// Renames a file; one that has the new name already is replaced.
    ///
    /// # Errors
    /// ENOENT when it is not there; EXDEV between file systems.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileRename, "rename", from, || {
            std::fs::rename(from, to)
        })
    }

    /// Removes a file or symbolic link; false when there was none.
    ///
    /// # Errors
    /// EISDIR; EACCES.
    pub fn remove_file(&self, path: &Path) -> Result<bool, KernelError> {
        self.on_path(OperationKind::FileRemove, "remove", path, || {
            existed(std::fs::remove_file(path))
        })
    }

    /// Makes a symbolic link at `path`.
    ///
    /// # Errors
    /// EEXIST when something is there.
    pub fn make_symlink(&self, target: &Path, path: &Path) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "link", path, || {
            std::os::unix::fs::symlink(target, path)
        })
    }

    /// Makes a directory, and those above it that are missing, with a mode like 0o700. One that is
    /// there keeps its mode.
    ///
    /// # Errors
    /// EACCES; ENOTDIR.
    pub fn make_directory(&self, path: &Path, mode: u32) -> Result<(), KernelError> {
        self.on_path(
            OperationKind::DirectoryMake,
            "make the directory",
            path,
            || DirBuilder::new().recursive(true).mode(mode).create(path),
        )
    }

    /// Removes an empty directory; false when there was none.
    ///
    /// # Errors
    /// ENOTEMPTY.
    pub fn remove_directory(&self, path: &Path) -> Result<bool, KernelError> {
        self.on_path(OperationKind::DirectoryRemove, "remove", path, || {
            existed(std::fs::remove_dir(path))
        })
    }

    /// Removes a directory with everything in it; false when there was none. Symbolic links in it
    /// are removed, not followed. One operation, which an interruption can leave half done.
    ///
    /// # Errors
    /// EACCES; EBUSY for a mount point in it.
    pub fn remove_tree(&self, path: &Path) -> Result<bool, KernelError> {
        self.on_path(OperationKind::DirectoryRemove, "remove", path, || {
            existed(std::fs::remove_dir_all(path))
        })
    }
}

fn existed(result: std::io::Result<()>) -> std::io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}
