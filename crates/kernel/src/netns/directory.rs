//! The directory that named namespaces are mounted in.

use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::gate::{Operation, OperationKind};
use crate::mount::is_mount_point;
use crate::private;
use crate::{Kernel, KernelError};

/// The parts that [`Kernel::ensure_netns_directory`] must make or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// The directory itself.
    pub directory: bool,
    /// The mount on it.
    pub mount: bool,
}

/// The source of the mount that [`Kernel::ensure_netns_directory`] makes.
const MARK: &str = "hallway";
/// The same, if it made the directory too.
const MARK_WITH_DIRECTORY: &str = "hallway-and-directory";

/// A mount with a mark. The content of the directory must stay visible: one that is not empty is
/// mounted over itself, as by iproute2, and gets no mark.
fn mount_marked(path: &Path, made_directory: bool) -> rustix::io::Result<()> {
    let empty = std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    if !empty {
        return rustix::mount::mount_bind_recursive(path, path);
    }
    let mark = match made_directory {
        true => MARK_WITH_DIRECTORY,
        false => MARK,
    };
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount(mark, path, "tmpfs", flags, c"mode=755")
}

impl Kernel {
    /// The parts that [`Self::ensure_netns_directory`] would have to make.
    ///
    /// # Errors
    /// When /proc/self/mountinfo cannot be read.
    pub fn netns_directory_needs(&self, path: &Path) -> Result<Made, KernelError> {
        const MOUNTS: &str = "/proc/self/mountinfo";
        let mounts = std::fs::read(MOUNTS).map_err(|e| KernelError::io("read", MOUNTS, &e))?;
        // Its fifth field is the mount point (proc(5)).
        let is_mount = mounts.split(|b| *b == b'\n').any(|line| {
            let point = line.split(|b| *b == b' ').nth(4);
            point == Some(path.as_os_str().as_bytes())
        });
        Ok(Made {
            directory: !path.is_dir(),
            mount: !is_mount,
        })
    }

    /// Makes the directory for named namespaces like iproute2: a shared mount point, so that
    /// namespaces mounted there are visible, and unmounted, in every mount namespace.
    ///
    /// # Errors
    /// EPERM, also when other users can write to the directory.
    pub fn ensure_netns_directory(&self, path: &Path) -> Result<Made, KernelError> {
        const MAKE: &str = "make the directory";
        const SHARE: &str = "share the mounts of";
        let name = path.to_string_lossy();
        let mut directory = false;
        if !path.is_dir() {
            let operation = Operation::new(OperationKind::DirectoryMake, MAKE, &name);
            directory = self.perform(&operation, || {
                match std::fs::DirBuilder::new().mode(0o755).create(path) {
                    Ok(()) => Ok(true),
                    // Another process has made it meanwhile.
                    Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
                    Err(e) => Err(KernelError::io(MAKE, name.clone(), &e)),
                }
            })?;
        }
        private::directory(path, None)?;
        self.perform(&Operation::new(OperationKind::Mount, SHARE, &name), || {
            let flags = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
            let failed = |e| KernelError::new(SHARE, name.clone(), e);
            let mount = match rustix::mount::mount_change(path, flags) {
                Ok(()) => false,
                // Not a mount point yet.
                Err(rustix::io::Errno::INVAL) => {
                    mount_marked(path, directory).map_err(failed)?;
                    rustix::mount::mount_change(path, flags).map_err(failed)?;
                    true
                }
                Err(e) => return Err(failed(e)),
            };
            Ok(Made { directory, mount })
        })
    }

    /// What [`Self::ensure_netns_directory`] made, by the mark of the mount: without a record.
    ///
    /// # Errors
    /// When /proc/self/mountinfo cannot be read.
    pub fn netns_directory_made(&self, path: &Path) -> Result<Made, KernelError> {
        const MOUNTS: &str = "/proc/self/mountinfo";
        let mounts = std::fs::read_to_string(MOUNTS);
        let mounts = mounts.map_err(|e| KernelError::io("read", MOUNTS, &e))?;
        // Mount point before " - ", type and source after it (proc(5)).
        let source = mounts.lines().rev().find_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            let here = mount.split(' ').nth(4) == path.to_str();
            here.then(|| kind.split(' ').nth(1)).flatten()
        });
        Ok(Made {
            directory: source == Some(MARK_WITH_DIRECTORY),
            mount: matches!(source, Some(MARK | MARK_WITH_DIRECTORY)),
        })
    }

    /// Removes what [`Self::ensure_netns_directory`] made, if the directory is empty.
    ///
    /// # Errors
    /// EPERM; EBUSY.
    pub fn release_netns_directory(&self, path: &Path, made: Made) -> Result<(), KernelError> {
        const UNMOUNT: &str = "unmount";
        const REMOVE: &str = "remove";
        let name = path.to_string_lossy();
        if super::cover(path)?.is_some() {
            return Ok(()); // what is visible there is not what was made
        }
        let empty = std::fs::read_dir(path).is_ok_and(|mut d| d.next().is_none());
        if empty && made.mount && is_mount_point(path) {
            self.perform(
                &Operation::new(OperationKind::Unmount, UNMOUNT, &name),
                || {
                    match rustix::mount::unmount(
                        path,
                        UnmountFlags::DETACH | UnmountFlags::NOFOLLOW,
                    ) {
                        Ok(()) | Err(rustix::io::Errno::INVAL) => Ok(()), // unmounted meanwhile
                        Err(e) => Err(KernelError::new(UNMOUNT, name.clone(), e)),
                    }
                },
            )?;
        }
        if empty && made.directory {
            let operation = Operation::new(OperationKind::DirectoryRemove, REMOVE, &name);
            self.perform(&operation, || match rustix::fs::rmdir(path) {
                // Removed meanwhile, or used again.
                Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY) => Ok(()),
                Err(e) => Err(KernelError::new(REMOVE, name.clone(), e)),
            })?;
        }
        Ok(())
    }
}
