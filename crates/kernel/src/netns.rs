//! Network namespaces: made, mounted where `ip netns` looks, entered and left.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::{MountPropagationFlags, UnmountFlags};

use crate::KernelError;
use crate::sys::{self, Kind};

/// NSFS_MAGIC, linux/magic.h.
const NSFS_MAGIC: rustix::fs::FsWord = 0x6e73_6673;

/// A network namespace, held open.
#[derive(Debug)]
pub struct Netns(OwnedFd);

/// What a path in /run/netns is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounted {
    /// A namespace with this inode number.
    Netns(u64),
    /// A file with no namespace on it.
    PlainFile,
    /// Something else: a directory, a symbolic link.
    Other,
    /// Nothing.
    Absent,
}

impl Netns {
    /// The calling thread's own.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub fn current() -> Result<Self, KernelError> {
        let path = "/proc/thread-self/ns/net";
        File::open(path)
            .map(|f| Self(f.into()))
            .map_err(|e| KernelError::io("open", path, &e))
    }

    /// The one mounted at `path`; symbolic links are not followed.
    ///
    /// # Errors
    /// When it is not there or is not a namespace.
    pub fn open(path: &Path) -> Result<Self, KernelError> {
        let name = path.display().to_string();
        let fd = rustix::fs::open(
            path,
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|e| KernelError::new("open the namespace", name.clone(), e))?;
        let stat = rustix::fs::fstatfs(&fd)
            .map_err(|e| KernelError::new("look at the namespace", name.clone(), e))?;
        if stat.f_type != NSFS_MAGIC {
            let mut error = KernelError::new("open the namespace", name, rustix::io::Errno::INVAL);
            error.detail = Some("the file is no namespace".into());
            return Err(error);
        }
        Ok(Self(fd))
    }

    /// Its inode number, unique while it lives.
    ///
    /// # Errors
    /// Never in practice.
    pub fn inode(&self) -> Result<u64, KernelError> {
        rustix::fs::fstat(&self.0)
            .map(|s| s.st_ino)
            .map_err(|e| KernelError::new("look at a namespace", "", e))
    }

    /// A new namespace; the calling thread stays where it is.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN; ENOSPC at the limit user.max_net_namespaces.
    pub fn create() -> Result<Self, KernelError> {
        let home = Self::current()?;
        sys::unshare(&[Kind::Net])?;
        let made = Self::current();
        return_to(&home);
        made
    }

    /// Mounts it at `path`, where `ip netns` and others find it.
    ///
    /// # Errors
    /// EEXIST when something is there already; nothing is left behind on failure.
    pub fn mount(&self, path: &Path) -> Result<(), KernelError> {
        let name = path.display().to_string();
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .custom_flags(OFlags::NOFOLLOW.bits() as i32)
            .open(path)
            .map_err(|e| KernelError::io("create", name.clone(), &e))?;
        let source = format!("/proc/self/fd/{}", self.0.as_raw_fd());
        rustix::mount::mount_bind(source.as_str(), path).map_err(|e| {
            drop(std::fs::remove_file(path));
            KernelError::new("mount the namespace at", name, e)
        })
    }
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// While it lives, its thread is inside a namespace; when dropped, the thread is back.
#[derive(Debug)]
pub struct Inside {
    home: Netns,
    // The guard speaks of the thread that made it.
    _thread: PhantomData<*const ()>,
}

/// Moves the calling thread into `namespace` until the guard is dropped.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN over it.
pub fn enter(namespace: &Netns) -> Result<Inside, KernelError> {
    let home = Netns::current()?;
    sys::setns(namespace.as_fd(), Kind::Net)?;
    Ok(Inside {
        home,
        _thread: PhantomData,
    })
}

impl Drop for Inside {
    fn drop(&mut self) {
        return_to(&self.home);
    }
}

/// A thread that cannot go back would do the next operation in the wrong namespace; ending the
/// process is the only safe answer.
fn return_to(home: &Netns) {
    if sys::setns(home.as_fd(), Kind::Net).is_err() {
        std::process::abort();
    }
}

/// What is at `path`.
///
/// # Errors
/// When it cannot be looked at.
pub fn look(path: &Path) -> Result<Mounted, KernelError> {
    let name = path.display().to_string();
    let fd = match rustix::fs::open(
        path,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT) => return Ok(Mounted::Absent),
        Err(e) => return Err(KernelError::new("look at", name, e)),
    };
    let failed = |e| KernelError::new("look at", name.clone(), e);
    let stat = rustix::fs::fstat(&fd).map_err(failed)?;
    if rustix::fs::fstatfs(&fd).map_err(failed)?.f_type == NSFS_MAGIC {
        return Ok(Mounted::Netns(stat.st_ino));
    }
    let regular = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
    Ok(if regular {
        Mounted::PlainFile
    } else {
        Mounted::Other
    })
}

/// Unmounts the namespace at `path` and removes the file. Something that is not there is fine.
///
/// # Errors
/// EPERM; a directory or link at `path` is left alone.
pub fn unmount(path: &Path) -> Result<(), KernelError> {
    let name = path.display().to_string();
    while let Mounted::Netns(_) = look(path)? {
        rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
            .map_err(|e| KernelError::new("unmount", name.clone(), e))?;
    }
    if look(path)? == Mounted::PlainFile {
        std::fs::remove_file(path).map_err(|e| KernelError::io("remove", name, &e))?;
    }
    Ok(())
}

/// The namespaces mounted right inside a directory, by name, with their inode numbers: one read
/// of /proc/self/mountinfo (proc(5)), however many there are.
///
/// # Errors
/// When /proc is not mounted.
pub fn mounted(directory: &Path) -> Result<BTreeMap<String, u64>, KernelError> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read_to_string(path).map_err(|e| KernelError::io("read", path, &e))?;
    let prefix = format!("{}/", directory.display());
    let mut out = BTreeMap::new();
    for line in text.lines() {
        let mut fields = line.split(' ').skip(3);
        let (Some(root), Some(point)) = (fields.next(), fields.next()) else {
            continue;
        };
        let inode = root
            .strip_prefix("net:[")
            .and_then(|r| r.strip_suffix(']')?.parse().ok());
        if let (Some(inode), Some(name)) = (inode, point.strip_prefix(&prefix)) {
            out.insert(unescape(name), inode);
        }
    }
    Ok(out)
}

/// Spaces, tabs, newlines and backslashes are written as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(code) => {
                out.push(char::from(code));
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out + rest
}

/// What [`ensure_directory`] had to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The directory was made.
    pub directory: bool,
    /// It was made a mount point.
    pub mount: bool,
}

/// Makes the directory for named namespaces as iproute2 does: a shared mount point, so that
/// namespaces mounted there are seen, and unmounted, in every mount namespace.
///
/// # Errors
/// EPERM.
pub fn ensure_directory(path: &Path) -> Result<Made, KernelError> {
    let name = path.display().to_string();
    let directory = match std::fs::DirBuilder::new().mode(0o755).create(path) {
        Ok(()) => true,
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => false,
        Err(e) => return Err(KernelError::io("make the directory", name, &e)),
    };
    let flags = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    match rustix::mount::mount_change(path, flags) {
        Ok(()) => Ok(Made {
            directory,
            mount: false,
        }),
        Err(rustix::io::Errno::INVAL) => {
            let failed = |e| KernelError::new("make a mount point of", name.clone(), e);
            rustix::mount::mount_bind_recursive(path, path).map_err(failed)?;
            rustix::mount::mount_change(path, flags).map_err(failed)?;
            Ok(Made {
                directory,
                mount: true,
            })
        }
        Err(e) => Err(KernelError::new("share the mounts of", name, e)),
    }
}

/// Undoes what [`ensure_directory`] did, if the directory is empty again.
pub fn release_directory(path: &Path, made: Made) {
    let empty = std::fs::read_dir(path).is_ok_and(|mut d| d.next().is_none());
    if empty && made.mount {
        let _ = rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
    }
    if empty && made.directory {
        drop(std::fs::remove_dir(path));
    }
}
