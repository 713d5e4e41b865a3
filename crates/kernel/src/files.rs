//! Files and directories, written through the gate: each is found complete, or not at all.
//!
//! Every path is absolute, and is walked as [`crate::private`] describes: directories that another
//! user can change, and symbolic links, are refused. A file is regular and has one name: special
//! files and links in its place are refused too.

mod open;
mod path;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::gate::{Operation, OperationKind};
use crate::private;
use crate::{Kernel, KernelError};

pub(crate) use path::split;
use path::{PRIVATE, PUBLIC, kind};

pub use open::{
    Access, DirectoryEntry, Left, access, append, list, open, open_or_create, read, socket_path,
};

/// The event that a replaced file survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The end of this process at any instant.
    Process,
    /// A power failure, too: the content is on the disk before the name changes (fsync).
    Power,
}

fn existed(result: rustix::io::Result<()>) -> rustix::io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(e) => Err(e),
    }
}

/// An operation on a path: its name, its directory and its name there.
struct At<'a> {
    name: &'static str,
    path: &'a Path,
}

impl At<'_> {
    fn failed(&self, error: Errno) -> KernelError {
        KernelError::new(self.name, self.path.to_string_lossy(), error)
    }
}

impl Kernel {
    fn on_path<T>(
        &self,
        kind: OperationKind,
        name: &'static str,
        path: &Path,
        act: impl FnOnce(&At<'_>) -> Result<T, KernelError>,
    ) -> Result<T, KernelError> {
        let object = path.to_string_lossy();
        self.perform(&Operation::new(kind, name, &object), || {
            act(&At { name, path })
        })
    }

    /// The directory that a path is in, and its name there. The last directory stays open: files
    /// are often written one after another into the same one.
    fn place<'p>(&self, path: &'p Path) -> Result<(Arc<OwnedFd>, &'p OsStr), KernelError> {
        let (parent, name) = split(path)?;
        if let Some(known) = self.last_directory(parent) {
            return Ok((known, name));
        }
        let directory = Arc::new(private::directory(parent, None)?);
        self.keep_directory(parent, &directory);
        Ok((directory, name))
    }

    /// Writes a file in place: processes that have it open, and mounts of it, get the new content.
    /// The file is created with mode 0644 if it does not exist.
    ///
    /// # Errors
    /// ENOENT without its directory; ENOSPC, with part of the content written.
    pub fn write_file(&self, path: &Path, content: &[u8]) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "write", path, |at| {
            let (directory, name) = self.place(path)?;
            let mut file = open::in_place(&directory, name, path, PUBLIC)?;
            let written = file.write_all(content);
            written.map_err(|e| KernelError::io(at.name, path.to_string_lossy(), &e))?;
            // Afterwards: a reader never finds it empty.
            rustix::fs::ftruncate(&file, content.len() as u64).map_err(|e| at.failed(e))
        })
    }

    /// Gives a file the permissions that [`Self::write_file`] gives a new one. Processes that have it
    /// mounted see the change.
    ///
    /// # Errors
    /// EPERM for what is not a regular file of this user with one name.
    pub fn make_file_public(&self, path: &Path) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "change the mode", path, |_at| {
            let (directory, name) = self.place(path)?;
            open::make_public(&directory, name, path)
        })
    }

    /// Creates a file that must not exist yet, with mode 0600. If several processes create the same
    /// file, one succeeds.
    ///
    /// # Errors
    /// EEXIST when it exists.
    pub fn create_file(&self, path: &Path, content: &[u8]) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "create", path, |at| {
            let (directory, name) = self.place(path)?;
            fresh(at, &directory, name, content).map(drop)
        })
    }

    /// Adds to the end of a file, which is created with mode 0600 if it does not exist.
    ///
    /// # Errors
    /// ENOENT without its directory; ENOSPC, with part of the content written.
    pub fn append_file(&self, path: &Path, content: &[u8]) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "append to", path, |at| {
            let written = open::append(path)?.write_all(content);
            written.map_err(|e| KernelError::io(at.name, path.to_string_lossy(), &e))
        })
    }

    /// Replaces a file's content, completely or not at all: the new content is written to the name
    /// with `.new` appended, which is then renamed. Mode 0600. Two operations.
    ///
    /// # Errors
    /// ENOENT without its directory; ENOSPC. The old content then still exists.
    pub fn replace_file(
        &self,
        path: &Path,
        content: &[u8],
        durability: Durability,
    ) -> Result<(), KernelError> {
        let mut draft = OsString::from(path);
        draft.push(".new");
        let draft = Path::new(&draft);
        let written = self
            .on_path(OperationKind::FileWrite, "write", draft, |at| {
                let (directory, name) = self.place(draft)?;
                existed(rustix::fs::unlinkat(&directory, name, AtFlags::empty()))
                    .map_err(|e| at.failed(e))?;
                let file = fresh(at, &directory, name, content)?;
                match durability {
                    Durability::Process => Ok(()),
                    Durability::Power => rustix::fs::fsync(&file).map_err(|e| at.failed(e)),
                }
            })
            .and_then(|()| self.rename(draft, path));
        if let Err(error) = written {
            // The first error is the one to report; a file left here is replaced next time.
            drop(self.remove_file(draft));
            return Err(error);
        }
        match durability {
            Durability::Power => self.sync_directory(path),
            Durability::Process => Ok(()),
        }
    }

    fn sync_directory(&self, path: &Path) -> Result<(), KernelError> {
        let (directory, _) = self.place(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::openat(&directory, ".", flags, Mode::empty())
            .and_then(rustix::fs::fsync)
            .map_err(|e| KernelError::new("write", path.to_string_lossy(), e))
    }

    /// Gives a file a further name in the same directory, which must not exist yet. If several
    /// processes take the same name, one succeeds.
    ///
    /// # Errors
    /// EEXIST when something has the name.
    pub fn link_file(&self, from: &Path, to: &Path) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "create", to, |at| {
            let (directory, new) = self.place(to)?;
            let (_, old) = split(from)?;
            rustix::fs::linkat(&directory, old, &directory, new, AtFlags::empty())
                .map_err(|e| at.failed(e))
        })
    }

    /// Renames a file within its directory; a file that has the new name already is replaced.
    ///
    /// # Errors
    /// ENOENT when it does not exist, or the file with the new name is not a regular file.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileRename, "rename", from, |at| {
            let (directory, new) = self.place(to)?;
            let (_, old) = split(from)?;
            match kind(&directory, new).map_err(|e| at.failed(e))? {
                None | Some(FileType::RegularFile) => {}
                Some(other) => return Err(open::not_regular(to, other)),
            }
            rustix::fs::renameat(&directory, old, &directory, new).map_err(|e| at.failed(e))
        })
    }

    /// Removes a file or symbolic link, which is not followed; false when there was none.
    ///
    /// # Errors
    /// EISDIR; EACCES.
    pub fn remove_file(&self, path: &Path) -> Result<bool, KernelError> {
        self.removal(OperationKind::FileRemove, path, |directory, name| {
            rustix::fs::unlinkat(directory, name, AtFlags::empty())
        })
    }

    /// False when the file, or its directory, did not exist.
    fn removal(
        &self,
        kind: OperationKind,
        path: &Path,
        act: impl FnOnce(&OwnedFd, &OsStr) -> rustix::io::Result<()>,
    ) -> Result<bool, KernelError> {
        self.on_path(kind, "remove", path, |at| {
            let (directory, name) = match self.place(path) {
                Err(e) if e.errno == Errno::NOENT.raw_os_error() => return Ok(false),
                place => place?,
            };
            existed(act(&directory, name)).map_err(|e| at.failed(e))
        })
    }

    /// Makes a symbolic link at `path`.
    ///
    /// # Errors
    /// EEXIST when the path exists.
    pub fn make_symlink(&self, target: &Path, path: &Path) -> Result<(), KernelError> {
        self.on_path(OperationKind::FileWrite, "link", path, |at| {
            let (directory, name) = self.place(path)?;
            rustix::fs::symlinkat(target, &directory, name).map_err(|e| at.failed(e))
        })
    }

    /// Makes a directory, with its missing parents, with a mode like 0o700. An existing one keeps
    /// its mode.
    ///
    /// # Errors
    /// EACCES; ENOTDIR.
    pub fn make_directory(&self, path: &Path, mode: u32) -> Result<(), KernelError> {
        let name = "make the directory";
        self.on_path(OperationKind::DirectoryMake, name, path, |_| {
            if self.last_directory(path).is_none() {
                let made = private::directory(path, Some(Mode::from_raw_mode(mode)))?;
                self.keep_directory(path, &Arc::new(made));
            }
            Ok(())
        })
    }

    /// Removes an empty directory; false when there was none.
    ///
    /// # Errors
    /// ENOTEMPTY.
    pub fn remove_directory(&self, path: &Path) -> Result<bool, KernelError> {
        self.removal(OperationKind::DirectoryRemove, path, |directory, name| {
            rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)
        })
    }

    /// Removes a directory with everything in it; false when there was none. Symbolic links in it
    /// are removed, not followed. One operation, which an interruption can leave half done.
    ///
    /// # Errors
    /// EACCES; EBUSY for a mount point in it. Everything else is removed.
    pub fn remove_tree(&self, path: &Path) -> Result<bool, KernelError> {
        let mut first = None;
        let existed = self.clear_tree(path, |left| {
            first.get_or_insert(left);
        })?;
        match first {
            Some(Left { path, errno }) => Err(KernelError {
                operation: "remove",
                object: path.to_string_lossy().into_owned(),
                errno,
                detail: None,
            }),
            None => Ok(existed),
        }
    }

    /// The same, with everything that could not be removed as a value.
    ///
    /// # Errors
    /// When the directory that it is in cannot be used.
    pub fn clear_tree(&self, path: &Path, left: impl FnMut(Left)) -> Result<bool, KernelError> {
        let mut all = Vec::new();
        let removed = self.removal(OperationKind::DirectoryRemove, path, |directory, name| {
            if kind(directory, name)?.is_none() {
                return Err(Errno::NOENT);
            }
            open::remove_tree(directory, name, path, &mut all);
            Ok(())
        });
        all.into_iter().for_each(left);
        removed
    }
}

/// A file that did not exist, with this content.
fn fresh(
    at: &At<'_>,
    directory: &OwnedFd,
    name: &OsStr,
    content: &[u8],
) -> Result<File, KernelError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory, name, flags, PRIVATE).map_err(|e| at.failed(e))?;
    let mut file = File::from(fd);
    file.write_all(content)
        .map_err(|e| KernelError::io(at.name, at.path.to_string_lossy(), &e))?;
    Ok(file)
}
