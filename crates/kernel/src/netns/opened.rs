//! A network namespace that is held open, and how a thread enters and leaves it.

use std::fs::File;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::Receiver;

use rustix::fs::{Mode, OFlags};

use crate::KernelError;
use crate::sys::{self, NamespaceKind};

/// NSFS_MAGIC, linux/magic.h.
pub(super) const NSFS_MAGIC: rustix::fs::FsWord = 0x6e73_6673;

/// A network namespace, held open.
#[derive(Debug)]
pub struct Netns(OwnedFd);

/// Where a thread puts a namespace that it creates ahead, for a handle and its siblings.
pub(crate) type Ahead = Mutex<Option<Receiver<Result<Netns, KernelError>>>>;

impl Netns {
    /// That of the calling thread.
    ///
    /// # Errors
    /// When /proc is not mounted.
    pub fn current() -> Result<Self, KernelError> {
        let path = "/proc/thread-self/ns/net";
        File::open(path)
            .map(|f| Self(f.into()))
            .map_err(|e| KernelError::io("open", path, &e))
    }

    /// The one mounted at `path`, or that of a process (`/proc/PID/ns/net`); other symbolic links are
    /// not followed.
    ///
    /// # Errors
    /// When it does not exist or is not a namespace.
    pub fn open(path: &Path) -> Result<Self, KernelError> {
        let name = path.display().to_string();
        let follow = match is_of_process(path) {
            true => OFlags::empty(),
            false => OFlags::NOFOLLOW,
        };
        let opened = |how| {
            rustix::fs::open(path, how | OFlags::CLOEXEC | follow, Mode::empty())
                .map_err(|e| KernelError::new("open the namespace", name.clone(), e))
        };
        let check = |fd: &OwnedFd| {
            let stat = rustix::fs::fstatfs(fd)
                .map_err(|e| KernelError::new("inspect the namespace", name.clone(), e))?;
            if stat.f_type == NSFS_MAGIC {
                return Ok(());
            }
            let invalid = rustix::io::Errno::INVAL;
            let mut error = KernelError::new("open the namespace", name.clone(), invalid);
            error.detail = Some("the file is not a namespace".into());
            Err(error)
        };
        // Opening a FIFO or a device to read may block, or do something there.
        check(&opened(OFlags::PATH)?)?;
        let fd = opened(OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        check(&fd)?;
        Ok(Self(fd))
    }

    /// Its inode number, unique as long as the namespace exists.
    ///
    /// # Errors
    /// EIO from the file system of namespaces.
    pub fn inode(&self) -> Result<u64, KernelError> {
        rustix::fs::fstat(&self.0)
            .map(|s| s.st_ino)
            .map_err(|e| KernelError::new("inspect a namespace", "", e))
    }
}

/// Whether a path is one of those that the kernel gives a process for its network namespace.
fn is_of_process(path: &Path) -> bool {
    let text = path.to_str().and_then(|p| p.strip_prefix("/proc/"));
    let pid = text.and_then(|t| t.strip_suffix("/ns/net"));
    pid.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()))
}

impl AsFd for Netns {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The thread that made it is in another namespace until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it returns to the namespace before"]
pub struct EnteredNetns {
    home: Netns,
    // Not Send: it belongs to the thread that made it.
    _thread: PhantomData<*const ()>,
}

/// Moves the calling thread into `namespace` until the guard is dropped.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN over it.
pub fn enter(namespace: &Netns) -> Result<EnteredNetns, KernelError> {
    let home = Netns::current()?;
    sys::setns(namespace.as_fd(), NamespaceKind::Net)?;
    Ok(EnteredNetns {
        home,
        _thread: PhantomData,
    })
}

impl Drop for EnteredNetns {
    fn drop(&mut self) {
        return_to(&self.home);
    }
}

/// A thread that cannot return would do the next operation in the wrong namespace; the process is
/// aborted then.
pub(super) fn return_to(home: &Netns) {
    if sys::setns(home.as_fd(), NamespaceKind::Net).is_err() {
        std::process::abort();
    }
}
