//! Mounts of a private mount namespace.

use std::path::Path;

use rustix::mount::{MountFlags, MountPropagationFlags};

use crate::KernelError;

/// Lets no mount made from here on be seen elsewhere, and (`slave`) still receives others'.
///
/// # Errors
/// EPERM.
pub fn private(path: &Path, slave: bool) -> Result<(), KernelError> {
    let kind = if slave {
        MountPropagationFlags::DOWNSTREAM
    } else {
        MountPropagationFlags::PRIVATE
    };
    rustix::mount::mount_change(path, kind | MountPropagationFlags::REC).map_err(|e| {
        KernelError::new(
            "make the mounts private below",
            path.display().to_string(),
            e,
        )
    })
}

/// An empty file system in memory over `path`.
///
/// # Errors
/// EPERM.
pub fn tmpfs(path: &Path) -> Result<(), KernelError> {
    rustix::mount::mount(
        "tmpfs",
        path,
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        c"mode=755",
    )
    .map_err(|e| KernelError::new("mount tmpfs at", path.display().to_string(), e))
}

/// A sysfs of the current network namespace over `path`.
///
/// # Errors
/// EPERM where the kernel does not allow it in this user namespace.
pub fn sysfs(path: &Path) -> Result<(), KernelError> {
    mount_sysfs(path, MountFlags::empty())
}

/// Like [`sysfs`], and read-only where the machine's own is: the kernel allows no writable one in a
/// user namespace then (`mnt_already_visible` in fs/namespace.c). Not for places where `ip netns
/// exec` is used: it takes this one away, and then wants a writable one.
///
/// # Errors
/// EPERM where the kernel does not allow it in this user namespace.
pub fn sysfs_as_allowed(path: &Path) -> Result<(), KernelError> {
    sysfs(path).or_else(|_| mount_sysfs(path, MountFlags::RDONLY))
}

fn mount_sysfs(path: &Path, more: MountFlags) -> Result<(), KernelError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | more;
    rustix::mount::mount("sysfs", path, "sysfs", flags, None)
        .map_err(|e| KernelError::new("mount sysfs at", path.display().to_string(), e))
}

/// A proc of the current pid namespace over `path`.
///
/// # Errors
/// EPERM where the kernel does not allow it in this user namespace.
pub fn proc(path: &Path) -> Result<(), KernelError> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount("proc", path, "proc", flags, None)
        .map_err(|e| KernelError::new("mount proc at", path.display().to_string(), e))
}

/// `from` also at `to`, with everything mounted below it.
///
/// # Errors
/// ENOENT when either is not there.
pub fn bind(from: &Path, to: &Path) -> Result<(), KernelError> {
    rustix::mount::mount_bind_recursive(from, to)
        .map_err(|e| KernelError::new("bind over", to.display().to_string(), e))
}
