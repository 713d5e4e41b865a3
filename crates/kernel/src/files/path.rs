//! Paths, types and permissions of files.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use crate::KernelError;
use crate::private::refuse;

pub(super) const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);
pub(super) const PUBLIC: Mode = PRIVATE.union(Mode::RGRP).union(Mode::ROTH);

/// The directory and the name of a path.
pub(crate) fn split(path: &Path) -> Result<(&Path, &OsStr), KernelError> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(refuse(path, Errno::INVAL, "it is not the path of a file")),
    }
}

/// The type of the file with a name, without following links; `None` if there is none.
pub(super) fn kind(directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<Option<FileType>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(e),
    }
}
