//! Settings below /proc/sys; those below `net` belong to the calling thread's network namespace.

use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};

use crate::gate::{Operation, OperationKind};
use crate::{Kernel, KernelError};

const DIRECTORY: &str = "/proc/sys";
const PATH: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const READ: &str = "read the setting";
const WRITE: &str = "write the setting";

/// The directory of a setting and its name there.
fn split(key: &str) -> (&str, &str) {
    key.rsplit_once('/').unwrap_or((".", key))
}

/// `None` if it does not exist.
fn found(opened: Result<OwnedFd, Errno>, key: &str) -> Result<Option<OwnedFd>, KernelError> {
    match opened {
        Ok(fd) => Ok(Some(fd)),
        Err(Errno::NOENT) => Ok(None),
        Err(e) => Err(KernelError::new(READ, key, e)),
    }
}

/// How many namespaces are read through one directory: to find `net/ipv6`, the kernel searches an
/// entry for each namespace that was read there before.
const READ_THROUGH_ONE: u32 = 32;

/// Reads and writes settings of many network namespaces, one after the other, in the same time for
/// each; also of one namespace beside many others.
///
/// Below /proc/sys the time for a setting grows with the number of namespaces whose settings were
/// ever read there. So this type reads through a separate procfs, which is not mounted anywhere,
/// and opens a new one at intervals. If the kernel allows none, it reads below /proc/sys. For a few
/// namespaces, for which [`SysctlReader::default`] is, that is not worthwhile.
#[derive(Debug, Default)]
pub struct SysctlReader {
    many: bool,
    directory: Option<Arc<OwnedFd>>,
    read: u32,
}

impl SysctlReader {
    /// For many namespaces.
    #[must_use]
    pub fn for_many() -> Self {
        Self {
            many: true,
            ..Self::default()
        }
    }

    /// For one namespace, which may be one of many. Readers of one handle and its siblings share a
    /// procfs: to close one, the kernel waits until all processors have passed a point (RCU), which
    /// takes longer than all reading.
    #[must_use]
    pub fn for_one(kernel: &Kernel) -> Self {
        Self {
            many: true,
            directory: kernel.procfs(),
            read: 1,
        }
    }

    /// As [`Kernel::read_sysctls`], of the calling thread's network namespace.
    ///
    /// # Errors
    /// The first setting that exists and cannot be read.
    pub fn read<K: AsRef<str>>(
        &mut self,
        kernel: &Kernel,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<String>>, KernelError> {
        let directory = self.directory()?;
        // The directory of the last key stays open: settings of one directory are read one after
        // another, and finding it takes longer than reading them.
        let mut last: Option<(String, Option<OwnedFd>)> = None;
        let mut out = Vec::new();
        for key in keys {
            let key = key.as_ref();
            kernel.note_read(&Operation::new(OperationKind::Sysctl, READ, key));
            let (part, rest) = split(key);
            let known = last.take().filter(|(name, _)| name == part);
            let opened = match known {
                Some((_, opened)) => opened,
                None => {
                    let opened = rustix::fs::openat(directory, part, PATH, Mode::empty());
                    found(opened, key)?
                }
            };
            out.push(match &opened {
                Some(opened) => value(opened, rest, key)?,
                None => None,
            });
            last = Some((part.to_owned(), opened));
        }
        Ok(out)
    }

    /// As [`Kernel::write_sysctl`], of the calling thread's network namespace.
    ///
    /// # Errors
    /// As [`Kernel::write_sysctl`].
    pub fn write(&mut self, kernel: &Kernel, key: &str, value: &str) -> Result<(), KernelError> {
        let directory = self.directory()?;
        kernel.perform(&Operation::new(OperationKind::Sysctl, WRITE, key), || {
            let flags = OFlags::WRONLY | OFlags::CLOEXEC;
            let file = rustix::fs::openat(directory, key, flags, Mode::empty())
                .map_err(|e| KernelError::new(WRITE, key, e))?;
            std::fs::File::from(file)
                .write_all(value.as_bytes())
                .map_err(|e| KernelError::io(WRITE, key, &e))
        })
    }

    /// The directory to read through now.
    fn directory(&mut self) -> Result<&OwnedFd, KernelError> {
        if self.directory.is_none() || self.read.is_multiple_of(READ_THROUGH_ONE) {
            let own = self.many.then(own_procfs).and_then(Result::ok);
            let opened = match own {
                Some(own) => Ok(own),
                None => rustix::fs::openat(CWD, DIRECTORY, PATH, Mode::empty()),
            };
            let opened = opened.map_err(|e| KernelError::new("open", DIRECTORY, e))?;
            self.directory = Some(Arc::new(opened));
        }
        self.read += 1;
        self.directory
            .as_deref()
            .ok_or_else(|| KernelError::new("open", DIRECTORY, Errno::BADF))
    }
}

/// The `sys` directory of a procfs that is not mounted anywhere.
fn own_procfs() -> Result<OwnedFd, Errno> {
    let context = rustix::mount::fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    rustix::mount::fsconfig_create(context.as_fd())?;
    let mount = rustix::mount::fsmount(
        context.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )?;
    rustix::fs::openat(&mount, "sys", PATH, Mode::empty())
}

/// A setting below a directory.
fn value(directory: &OwnedFd, name: &str, key: &str) -> Result<Option<String>, KernelError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(directory, name, flags, Mode::empty());
    let Some(file) = found(opened, key)? else {
        return Ok(None);
    };
    // Most settings are a short number. Reading them by `File` takes two more system calls, to get
    // the length, which no setting has.
    let mut bytes = Vec::new();
    let mut buffer = [0; 64];
    loop {
        let length = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut buffer))
            .map_err(|e| KernelError::new(READ, key, e))?;
        match buffer.get(..length).unwrap_or_default() {
            [] => break,
            part => bytes.extend_from_slice(part),
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(text.trim_end().to_owned()))
}

impl Kernel {
    /// Opens the shared procfs now, for the next reader.
    pub(crate) fn open_procfs(&self) {
        if let Ok(procfs) = own_procfs()
            && let Ok(mut shared) = self.procfs.lock()
        {
            shared.get_or_insert((Arc::new(procfs), 0));
        }
    }

    /// The shared procfs; a new one if that had its number of readers.
    fn procfs(&self) -> Option<Arc<OwnedFd>> {
        let mut shared = self.procfs.lock().ok()?;
        match shared.as_mut() {
            Some((procfs, readers)) if *readers < READ_THROUGH_ONE => {
                *readers += 1;
                return Some(Arc::clone(procfs));
            }
            _ => {}
        }
        let procfs = Arc::new(own_procfs().ok()?);
        *shared = Some((Arc::clone(&procfs), 1));
        Some(procfs)
    }

    /// Reads a setting, like `net/ipv4/conf/eth0/forwarding`, without the newline at its end.
    ///
    /// # Errors
    /// ENOENT where the kernel has no such setting.
    pub fn read_sysctl(&self, key: &str) -> Result<String, KernelError> {
        self.note_read(&Operation::new(OperationKind::Sysctl, READ, key));
        std::fs::read_to_string(format!("{DIRECTORY}/{key}"))
            .map(|text| text.trim_end().to_owned())
            .map_err(|e| KernelError::io(READ, key, &e))
    }

    /// Reads many settings; `None` for those that the kernel does not have. The answers are in the
    /// order of the keys.
    ///
    /// # Errors
    /// The first setting that exists and cannot be read.
    pub fn read_sysctls<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<String>>, KernelError> {
        SysctlReader::default().read(self, keys)
    }

    /// Writes a setting.
    ///
    /// # Errors
    /// ENOENT where the kernel has no such setting; EACCES or EROFS where /proc/sys may not be
    /// written; EINVAL for a value the kernel refuses.
    pub fn write_sysctl(&self, key: &str, value: &str) -> Result<(), KernelError> {
        self.perform(&Operation::new(OperationKind::Sysctl, WRITE, key), || {
            std::fs::OpenOptions::new()
                .write(true)
                .open(format!("{DIRECTORY}/{key}"))
                .and_then(|mut file| file.write_all(value.as_bytes()))
                .map_err(|e| KernelError::io(WRITE, key, &e))
        })
    }
}
