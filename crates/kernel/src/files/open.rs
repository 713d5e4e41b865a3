//! Opening, reading and listing files in a directory that only this user can change.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::path::{PRIVATE, PUBLIC, kind, split};
use crate::KernelError;
use crate::private::{self, refuse};

fn failed(name: &'static str, path: &Path, error: Errno) -> KernelError {
    KernelError::new(name, path.to_string_lossy(), error)
}

pub(super) fn not_regular(path: &Path, kind: FileType) -> KernelError {
    let what = match kind {
        FileType::Symlink => "it is a symbolic link",
        FileType::Directory => "it is a directory",
        _ => "it is a special file",
    };
    let errno = match kind {
        FileType::Symlink => Errno::LOOP,
        FileType::Directory => Errno::ISDIR,
        _ => Errno::PERM,
    };
    refuse(path, errno, what)
}

/// Opens a regular file; opening a device or FIFO in its place does not block.
fn regular(
    directory: &OwnedFd,
    name: &OsStr,
    path: &Path,
    flags: OFlags,
    mode: Mode,
) -> Result<File, KernelError> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory, name, flags, mode).map_err(|error| {
        match (error, kind(directory, name)) {
            (Errno::NOENT, _) => failed("open", path, error),
            (_, Ok(Some(FileType::RegularFile) | None) | Err(_)) => failed("open", path, error),
            (_, Ok(Some(other))) => not_regular(path, other),
        }
    })?;
    let stat = rustix::fs::fstat(&fd).map_err(|e| failed("open", path, e))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        other => return Err(not_regular(path, other)),
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        let why = format!("it belongs to user {}", stat.st_uid);
        return Err(refuse(path, Errno::PERM, why));
    }
    if stat.st_mode & 0o022 != 0 {
        return Err(refuse(path, Errno::PERM, "other users can write to it"));
    }
    Ok(File::from(fd))
}

/// A file that is written to must have no other name.
fn with_one_name(file: File, path: &Path) -> Result<File, KernelError> {
    let stat = rustix::fs::fstat(&file).map_err(|e| failed("open", path, e))?;
    match stat.st_nlink {
        0 | 1 => Ok(file),
        _ => Err(refuse(path, Errno::MLINK, "it is a link to another file")),
    }
}

/// Opens a file to be written in place; one that is created gets exactly this mode.
pub(super) fn in_place(
    directory: &OwnedFd,
    name: &OsStr,
    path: &Path,
    mode: Mode,
) -> Result<File, KernelError> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
    match regular(directory, name, path, new, mode) {
        Ok(file) => {
            // Regardless of the umask: others read it where it is mounted.
            rustix::fs::fchmod(&file, mode).map_err(|e| failed("write", path, e))?;
            Ok(file)
        }
        Err(e) if e.errno == Errno::EXIST.raw_os_error() => {
            let file = regular(directory, name, path, OFlags::WRONLY, Mode::empty())?;
            with_one_name(file, path)
        }
        Err(e) => Err(e),
    }
}

/// Opens a file to read; `None` if it does not exist.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn open(path: &Path) -> Result<Option<File>, KernelError> {
    let (parent, name) = split(path)?;
    let opened = private::directory(parent, None)
        .and_then(|directory| regular(&directory, name, path, OFlags::RDONLY, Mode::empty()));
    match opened {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.errno == Errno::NOENT.raw_os_error() => Ok(None),
        Err(e) => Err(e),
    }
}

/// Reads a file of at most `limit` bytes; `None` if it does not exist.
///
/// # Errors
/// EFBIG when it is larger; a refusal has the reason as its detail.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, KernelError> {
    let Some(file) = open(path)? else {
        return Ok(None);
    };
    let length = file.metadata().map_or(0, |m| m.len());
    let mut content = Vec::with_capacity(usize::try_from(length.min(limit)).unwrap_or(0) + 1);
    file.take(limit.saturating_add(1))
        .read_to_end(&mut content)
        .map_err(|e| KernelError::io("read", path.to_string_lossy(), &e))?;
    if content.len() as u64 > limit {
        let why = format!("it has more than {limit} bytes");
        return Err(refuse(path, Errno::FBIG, why));
    }
    Ok(Some(content))
}

/// Opens a file to append to, of mode 0600 when it is created.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn append(path: &Path) -> Result<File, KernelError> {
    writable(path, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE)
}

/// Opens a file to write, of mode 0600 when it is created; its content is kept.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn open_or_create(path: &Path) -> Result<File, KernelError> {
    writable(path, OFlags::RDWR | OFlags::CREATE)
}

fn writable(path: &Path, flags: OFlags) -> Result<File, KernelError> {
    let (parent, name) = split(path)?;
    let directory = private::directory(parent, None)?;
    with_one_name(regular(&directory, name, path, flags, PRIVATE)?, path)
}

/// A path of the same file, by a descriptor of its directory: short enough for the address of a
/// socket, and still the same file after changes of the directories above. It is valid as long as
/// the descriptor is open.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn socket_path(path: &Path) -> Result<(OwnedFd, PathBuf), KernelError> {
    let (parent, name) = split(path)?;
    let directory = private::directory(parent, None)?;
    let short = Path::new("/proc/self/fd")
        .join(directory.as_raw_fd().to_string())
        .join(name);
    Ok((directory, short))
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its name.
    pub name: OsString,
    /// When it was last modified.
    pub modified: SystemTime,
    /// Who may read and write it; none if it is not a regular file.
    pub access: Option<Access>,
}

/// Who may read and write a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The number of its owner.
    pub owner: u32,
    /// Its permissions.
    pub mode: u32,
}

impl Access {
    /// That of a file of this user which all users may read.
    #[must_use]
    pub fn public() -> Self {
        Self {
            owner: rustix::process::geteuid().as_raw(),
            mode: PUBLIC.bits(),
        }
    }

    fn of(stat: &rustix::fs::Stat) -> Option<Self> {
        let regular = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        regular.then_some(Self {
            owner: stat.st_uid,
            mode: stat.st_mode & 0o7777,
        })
    }
}

/// Who may read and write a file; none if there is no regular file.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn access(path: &Path) -> Result<Option<Access>, KernelError> {
    let (parent, name) = split(path)?;
    let directory = match private::directory(parent, None) {
        Err(e) if e.errno == Errno::NOENT.raw_os_error() => return Ok(None),
        other => other?,
    };
    match rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Access::of(&stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(failed("read", path, e)),
    }
}

/// Gives a regular file of this user, with one name, the permissions of a public one.
pub(super) fn make_public(
    directory: &OwnedFd,
    name: &OsStr,
    path: &Path,
) -> Result<(), KernelError> {
    let failed = |e| failed("write", path, e);
    // Nothing of it is read: its permissions may not allow that.
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(directory, name, flags, Mode::empty()).map_err(failed)?;
    let stat = rustix::fs::fstat(&fd).map_err(failed)?;
    let own = Access::of(&stat).is_some_and(|a| a.owner == Access::public().owner);
    if !own || stat.st_nlink > 1 {
        return Err(refuse(path, Errno::PERM, "it is not a file of this user"));
    }
    let same = format!("/proc/self/fd/{}", fd.as_raw_fd());
    rustix::fs::chmod(same, PUBLIC).map_err(failed)
}

/// The entries of a directory, in no order; empty if there is no such directory.
///
/// # Errors
/// A refusal has the reason as its detail.
pub fn list(path: &Path) -> Result<Vec<DirectoryEntry>, KernelError> {
    let directory = match private::directory(path, None) {
        Err(e) if e.errno == Errno::NOENT.raw_os_error() => return Ok(Vec::new()),
        other => other?,
    };
    let failed = |e| failed("list", path, e);
    let mut out = Vec::new();
    for entry in entries(&directory).map_err(failed)? {
        match rustix::fs::statat(&directory, &entry, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => {
                let seconds = Duration::from_secs(stat.st_mtime.cast_unsigned());
                let modified =
                    SystemTime::UNIX_EPOCH + seconds + Duration::from_nanos(stat.st_mtime_nsec);
                out.push(DirectoryEntry {
                    name: entry,
                    modified,
                    access: Access::of(&stat),
                });
            }
            Err(Errno::NOENT) => {} // removed meanwhile
            Err(e) => return Err(failed(e)),
        }
    }
    Ok(out)
}

fn entries(directory: &OwnedFd) -> rustix::io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let readable = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    let mut out = Vec::new();
    for entry in Dir::new(readable)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if name != "." && name != ".." {
            out.push(name.to_owned());
        }
    }
    Ok(out)
}

/// Something that could not be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// Where it is.
    pub path: PathBuf,
    /// Why: EBUSY where something is mounted.
    pub errno: i32,
}

impl Left {
    /// Whether something is mounted there.
    #[must_use]
    pub fn is_mounted(&self) -> bool {
        self.errno == Errno::BUSY.raw_os_error()
    }

    /// Why it is left, in words.
    #[must_use]
    pub fn why(&self) -> String {
        match self.is_mounted() {
            true => "something is mounted there".into(),
            false => std::io::Error::from_raw_os_error(self.errno).to_string(),
        }
    }
}

/// Removes the file or directory with a name, with everything in it that can be removed; the rest is
/// added to `left`. Neither links nor mount points are followed.
pub(super) fn remove_tree(directory: &OwnedFd, name: &OsStr, path: &Path, left: &mut Vec<Left>) {
    let before = left.len();
    let removed = remove_content(directory, name, path, left);
    // A directory that is not empty now has the reason in it.
    if let Err(e) = removed
        && e != Errno::NOENT
        && left.len() == before
    {
        left.push(Left {
            path: path.to_owned(),
            errno: e.raw_os_error(),
        });
    }
}

fn remove_content(
    directory: &OwnedFd,
    name: &OsStr,
    path: &Path,
    left: &mut Vec<Left>,
) -> rustix::io::Result<()> {
    if kind(directory, name)? != Some(FileType::Directory) {
        return rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
    let inner = open_same_device(directory, name)?;
    for entry in entries(&inner)? {
        remove_tree(&inner, &entry, &path.join(&entry), left);
    }
    rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)
}

fn open_same_device(directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    match rustix::fs::openat2(directory, name, flags, Mode::empty(), resolve) {
        Err(Errno::XDEV) => Err(Errno::BUSY),
        // Kernels before 5.6, and filters that do not allow the call: by the number of the device.
        Err(Errno::NOSYS | Errno::PERM) => {
            let inner = rustix::fs::openat(directory, name, flags, Mode::empty())?;
            let same = rustix::fs::fstat(&inner)?.st_dev == rustix::fs::fstat(directory)?.st_dev;
            same.then_some(inner).ok_or(Errno::BUSY)
        }
        other => other,
    }
}
