//! Network namespaces: created, mounted where `ip netns` finds them, entered and left
//! (network_namespaces(7)).

mod ahead;
mod directory;
mod opened;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::fd::{AsFd, AsRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::UnmountFlags;

use crate::gate::{Operation, OperationKind};
use crate::mount::is_mount_point;
use crate::sys::{self, NamespaceKind};
use crate::{Kernel, KernelError};

pub use directory::Made;
pub(crate) use opened::Ahead;
pub use opened::{EnteredNetns, Netns, enter};

use opened::{NSFS_MAGIC, return_to};

/// The kind of a path in /run/netns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounted {
    /// A namespace with this inode number.
    Netns(u64),
    /// A file without a namespace mounted on it.
    PlainFile,
    /// Something else: a directory, a symbolic link.
    Other,
    /// It does not exist.
    Absent,
}

/// The kind of a path.
///
/// # Errors
/// EACCES.
pub fn inspect(path: &Path) -> Result<Mounted, KernelError> {
    let name = path.display().to_string();
    let fd = match rustix::fs::open(
        path,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        Ok(fd) => fd,
        Err(rustix::io::Errno::NOENT) => return Ok(Mounted::Absent),
        Err(e) => return Err(KernelError::new("inspect", name, e)),
    };
    let failed = |e| KernelError::new("inspect", name.clone(), e);
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

/// What is mounted directly in a directory, by name: a namespace, with its inode number, or something
/// else. Of several mounts at one path the last counts, which covers the others. One read of
/// /proc/self/mountinfo (proc(5)) for all of them.
///
/// # Errors
/// When /proc is not mounted.
pub fn mounted(directory: &Path) -> Result<BTreeMap<String, Option<u64>>, KernelError> {
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
        if let Some(name) = point.strip_prefix(&prefix) {
            out.insert(unescape(name), inode);
        }
    }
    Ok(out)
}

/// A mount over the directory of named namespaces that was made after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cover {
    /// What is mounted, like `tmpfs`.
    pub kind: String,
    /// The inode numbers of the namespaces that are mounted below it.
    pub hidden: Vec<u64>,
}

/// Whether something covers namespaces that are mounted in a directory. They cannot be reached, and
/// stay mounted.
///
/// # Errors
/// When /proc is not mounted.
pub fn cover(directory: &Path) -> Result<Option<Cover>, KernelError> {
    let path = "/proc/self/mountinfo";
    let text = std::fs::read_to_string(path).map_err(|e| KernelError::io("read", path, &e))?;
    Ok(cover_in(&text, &directory.display().to_string()))
}

/// The fields of a line: number, number of the mount below, device, root, mount point; the type after
/// `-` (proc(5)).
fn cover_in(mounts: &str, directory: &str) -> Option<Cover> {
    let lines = mounts.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ');
        let (id, below) = (fields.next()?, fields.next()?);
        let mut fields = fields.skip(1);
        Some((id, below, fields.next()?, fields.next()?, kind))
    });
    let lines: Vec<_> = lines.collect();
    let mut of_directory = lines.iter().filter(|l| l.3 == directory).rev();
    let (top, _, _, _, kind) = of_directory.next()?;
    let inside = |point: &str| {
        point
            .strip_prefix(directory)
            .is_some_and(|p| p.starts_with('/'))
    };
    // What is mounted over a namespace at its own name hides nothing of the directory.
    let is_reached = |first: &str| {
        let mut below = first.to_owned();
        while below != *top {
            match lines.iter().find(|l| l.0 == below && inside(l.3)) {
                Some(mount) => below = mount.1.to_owned(),
                None => return false,
            }
        }
        true
    };
    let hidden = lines.iter().filter(|l| inside(l.3) && !is_reached(l.1));
    let hidden = hidden.filter_map(|l| l.2.strip_prefix("net:[")?.strip_suffix(']')?.parse().ok());
    let hidden: Vec<u64> = hidden.collect();
    (!hidden.is_empty()).then(|| Cover {
        kind: kind.split(' ').next().unwrap_or_default().to_owned(),
        hidden,
    })
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

impl Kernel {
    /// Creates a namespace; the calling thread stays in its own.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN; ENOSPC at the limit user.max_net_namespaces.
    pub fn create_netns(&self) -> Result<Netns, KernelError> {
        let operation = Operation::new(OperationKind::Namespace, "create a namespace", "");
        self.perform(&operation, || {
            let home = Netns::current()?;
            sys::unshare(&[NamespaceKind::Net])?;
            let made = Netns::current();
            return_to(&home);
            made
        })
    }

    /// Mounts a namespace at `path`, where `ip netns` and others find it. Two operations: the file
    /// is created, the namespace is mounted on it.
    ///
    /// # Errors
    /// EEXIST when the path exists already; after a failure nothing is left.
    pub fn mount_netns(&self, namespace: &Netns, path: &Path) -> Result<(), KernelError> {
        const CREATE: &str = "create";
        const MOUNT: &str = "mount the namespace at";
        let name = path.to_string_lossy();
        self.perform(
            &Operation::new(OperationKind::FileWrite, CREATE, &name),
            || {
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o444)
                    .custom_flags(OFlags::NOFOLLOW.bits() as i32)
                    .open(path)
                    .map(drop)
                    .map_err(|e| KernelError::io(CREATE, name.clone(), &e))
            },
        )?;
        let source = format!("/proc/self/fd/{}", namespace.as_fd().as_raw_fd());
        let mounted = self.perform(&Operation::new(OperationKind::Mount, MOUNT, &name), || {
            rustix::mount::mount_bind(source.as_str(), path)
                .map_err(|e| KernelError::new(MOUNT, name.clone(), e))
        });
        if mounted.is_err() {
            // The first error is reported; the next removal of this name finds a plain file.
            drop(self.unmount_netns(path));
        }
        mounted
    }

    /// Unmounts the namespace at `path`, with what is mounted over it, and removes the file. No error
    /// if it does not exist.
    ///
    /// # Errors
    /// EPERM; a directory or link at `path` is not changed.
    pub fn unmount_netns(&self, path: &Path) -> Result<(), KernelError> {
        const UNMOUNT: &str = "unmount";
        let name = path.to_string_lossy();
        while matches!(inspect(path)?, Mounted::Netns(_)) || is_mount_point(path) {
            self.perform(
                &Operation::new(OperationKind::Unmount, UNMOUNT, &name),
                || {
                    rustix::mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)
                        .map_err(|e| KernelError::new(UNMOUNT, name.clone(), e))
                },
            )?;
        }
        if inspect(path)? == Mounted::PlainFile {
            self.remove_file(path)?;
        }
        Ok(())
    }

    /// Gives the calling thread new namespaces of these kinds. With a new network namespace the
    /// handle's sockets are closed: later operations are done there.
    ///
    /// # Errors
    /// EPERM where that is not allowed; EINVAL for a user namespace in a process with threads.
    pub fn unshare(&mut self, kinds: &[NamespaceKind]) -> Result<(), KernelError> {
        let operation = Operation::new(OperationKind::Namespace, "create a new namespace", "");
        self.perform(&operation, || sys::unshare(kinds))?;
        if kinds.contains(&NamespaceKind::Net) {
            self.close_sockets();
        }
        Ok(())
    }

    /// Moves the calling thread into an existing namespace, without a way to return. If that is a
    /// network namespace the handle's sockets are closed: later operations are done there.
    ///
    /// # Errors
    /// EPERM without CAP_SYS_ADMIN over it; EINVAL when it is of another kind.
    pub fn join(&mut self, namespace: impl AsFd, kind: NamespaceKind) -> Result<(), KernelError> {
        let operation = Operation::new(OperationKind::Namespace, "enter a namespace", "");
        self.perform(&operation, || sys::setns(namespace.as_fd(), kind))?;
        if kind == NamespaceKind::Net {
            self.close_sockets();
        }
        Ok(())
    }
}
