//! Mounts of a private mount namespace (mount(2)).

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::files::split;
use crate::gate::{Operation, OperationKind};
use crate::{Kernel, KernelError};

/// Which mounts made elsewhere are visible, below a mount made private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// None (MS_PRIVATE).
    Private,
    /// Those of the namespace this one was copied from (MS_SLAVE).
    Slave,
}

/// Whether something is mounted at `path` (statx(2), STATX_ATTR_MOUNT_ROOT). The kernel reports it
/// since Linux 5.8; before, the answer is no.
#[must_use]
pub fn is_mount_point(path: &Path) -> bool {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags};
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
    let stat = rustix::fs::statx(CWD, path, flags, StatxFlags::empty());
    stat.is_ok_and(|s| s.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// A path of an open directory that has no characters with a meaning in options of mounts.
fn by_descriptor(directory: OwnedFd) -> (String, OwnedFd) {
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    (path, directory)
}

impl Kernel {
    fn on_mount(
        &self,
        name: &'static str,
        path: &Path,
        act: impl FnOnce() -> rustix::io::Result<()>,
    ) -> Result<(), KernelError> {
        let object = path.to_string_lossy();
        let operation = Operation::new(OperationKind::Mount, name, &object);
        self.perform(&operation, || {
            act().map_err(|e| KernelError::new(name, object.clone(), e))
        })
    }

    /// Later mounts below `path` are not visible in other mount namespaces.
    ///
    /// # Errors
    /// EINVAL when `path` is not a mount point; EPERM.
    pub fn make_private(&self, path: &Path, propagation: Propagation) -> Result<(), KernelError> {
        let flags = match propagation {
            Propagation::Private => MountPropagationFlags::PRIVATE,
            Propagation::Slave => MountPropagationFlags::DOWNSTREAM,
        };
        self.on_mount("make the mounts private below", path, || {
            rustix::mount::mount_change(path, flags | MountPropagationFlags::REC)
        })
    }

    /// Mounts an empty file system in memory at `path`, of mode 0755.
    ///
    /// # Errors
    /// EPERM.
    pub fn mount_tmpfs(&self, path: &Path) -> Result<(), KernelError> {
        self.mount_tmpfs_named("tmpfs", path)
    }

    /// As [`Self::mount_tmpfs`]; lists of mounts show this source.
    ///
    /// # Errors
    /// EPERM.
    pub fn mount_tmpfs_named(&self, source: &str, path: &Path) -> Result<(), KernelError> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        self.on_mount("mount tmpfs at", path, || {
            rustix::mount::mount(source, path, "tmpfs", flags, c"mode=755")
        })
    }

    /// As [`Self::mount_tmpfs`]; it belongs to that user and group.
    ///
    /// # Errors
    /// EPERM.
    pub fn mount_tmpfs_of(&self, path: &Path, user: u32, group: u32) -> Result<(), KernelError> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        let options = CString::new(format!("mode=755,uid={user},gid={group}")).unwrap_or_default();
        self.on_mount("mount tmpfs at", path, || {
            rustix::mount::mount("tmpfs", path, "tmpfs", flags, options.as_c_str())
        })
    }

    /// Mounts a sysfs of the current network namespace at `path`.
    ///
    /// # Errors
    /// EPERM where the kernel does not allow it in this user namespace.
    pub fn mount_sysfs(&self, path: &Path) -> Result<(), KernelError> {
        self.sysfs(path, MountFlags::empty())
    }

    /// As [`Self::mount_sysfs`], and read-only if the machine's own is: then the kernel allows no
    /// writable one in a user namespace (`mnt_already_visible` in fs/namespace.c). Not for places
    /// where `ip netns exec` is used: it unmounts this one, and then needs a writable one.
    ///
    /// # Errors
    /// EPERM where the kernel does not allow it in this user namespace.
    pub fn mount_sysfs_as_allowed(&self, path: &Path) -> Result<(), KernelError> {
        let writable = self.mount_sysfs(path);
        writable.or_else(|_refused| self.sysfs(path, MountFlags::RDONLY))
    }

    fn sysfs(&self, path: &Path, more: MountFlags) -> Result<(), KernelError> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | more;
        self.on_mount("mount sysfs at", path, || {
            rustix::mount::mount("sysfs", path, "sysfs", flags, None)
        })
    }

    /// Mounts a proc of the current pid namespace at `path`.
    ///
    /// # Errors
    /// EPERM where the kernel does not allow it in this user namespace.
    pub fn mount_proc(&self, path: &Path) -> Result<(), KernelError> {
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        self.on_mount("mount proc at", path, || {
            rustix::mount::mount("proc", path, "proc", flags, None)
        })
    }

    /// Mounts an open file also at `to`, where it can only be read. The file must have been opened
    /// in this mount namespace.
    ///
    /// # Errors
    /// ENOENT when `to` does not exist; EINVAL for a file of another mount namespace.
    pub fn bind_read_only(&self, file: impl AsFd, to: &Path) -> Result<(), KernelError> {
        let from = format!("/proc/self/fd/{}", file.as_fd().as_raw_fd());
        self.on_mount("bind over", to, || {
            rustix::mount::mount_bind(from.as_str(), to)?;
            // A user namespace may not remove flags that the source has.
            let kept = rustix::fs::statvfs(to)?.f_flag;
            let flags = [
                (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
                (StatVfsMountFlags::NODEV, MountFlags::NODEV),
                (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
                (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
                (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
                (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
            ]
            .into_iter()
            .filter(|(has, _)| kept.contains(*has))
            .fold(MountFlags::BIND | MountFlags::RDONLY, |all, (_, flag)| {
                all | flag
            });
            rustix::mount::mount_remount(to, flags, c"")
        })
    }

    /// Mounts a file at `to`, so that no process can write to it through that name, also not
    /// one that may mount: it is a file of an overlay of its directory that has no place for changes, which the
    /// kernel never makes writable (`ovl_reconfigure` in fs/overlayfs). What is written to the file itself is
    /// visible at `to`.
    /// `other` is any other directory: without a place for changes, an overlay needs two.
    ///
    /// # Errors
    /// ENODEV without overlays in this kernel; ENOENT when the file, `other` or `to` does not exist; EPERM.
    pub fn bind_view(&self, file: &Path, other: &Path, to: &Path) -> Result<(), KernelError> {
        let (directory, _) = split(file)?;
        let [own, other] =
            [directory, other].map(|path| crate::private::directory(path, None).map(by_descriptor));
        let ((own, _directory), (other, _other)) = (own?, other?);
        let lower = format!("lowerdir={own}:{other},xino=off,index=off,metacopy=off");
        let options = CString::new(lower).unwrap_or_default();
        let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV;
        self.on_mount("bind over", to, || {
            rustix::mount::mount(
                "overlay",
                own.as_str(),
                "overlay",
                flags,
                options.as_c_str(),
            )?;
            // It is not needed there: what is mounted at `to` keeps the overlay.
            let bound = rustix::mount::mount_bind(file, to);
            rustix::mount::unmount(directory, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
            bound
        })
    }

    /// Unmounts what was mounted at `path` last; false when nothing is mounted there. Processes
    /// that have a file of it open can still use that.
    ///
    /// # Errors
    /// EPERM.
    pub fn unmount(&self, path: &Path) -> Result<bool, KernelError> {
        const NAME: &str = "unmount";
        let object = path.to_string_lossy();
        let operation = Operation::new(OperationKind::Unmount, NAME, &object);
        self.perform(&operation, || {
            let flags = UnmountFlags::DETACH | UnmountFlags::NOFOLLOW;
            match rustix::mount::unmount(path, flags) {
                Ok(()) => Ok(true),
                Err(rustix::io::Errno::INVAL) => Ok(false),
                Err(e) => Err(KernelError::new(NAME, object.clone(), e)),
            }
        })
    }

    /// Mounts `from` also at `to`, with everything mounted below it.
    ///
    /// # Errors
    /// ENOENT when either does not exist.
    pub fn bind_mount(&self, from: &Path, to: &Path) -> Result<(), KernelError> {
        self.on_mount("bind over", to, || {
            rustix::mount::mount_bind_recursive(from, to)
        })
    }
}
