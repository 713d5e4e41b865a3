//! What the place where hallway runs must provide, checked before anything else.

use std::path::Path;

use hallway_kernel::calls;
use hallway_kernel::mount::is_mount_point;

use crate::{Failure, Reason};

/// Fails if /proc is not mounted.
///
/// # Errors
/// [`Reason::NoProc`].
pub fn check_proc() -> Result<(), Failure> {
    if has_proc() {
        Ok(())
    } else {
        Err(Reason::NoProc.into())
    }
}

pub(crate) fn has_proc() -> bool {
    Path::new("/proc/self/ns/net").exists()
}

/// Fails if nothing can be built: without /proc, in a chroot whose root directory is not a mount point, and
/// with a filter of system calls that are needed.
///
/// # Errors
/// [`Reason::NoProc`], [`Reason::Chroot`], [`Reason::CallRefused`].
pub fn check() -> Result<(), Failure> {
    check_proc()?;
    if is_chroot() {
        return Err(Reason::Chroot.into());
    }
    check_calls()
}

/// Fails if a filter refuses a system call. Those that make namespaces and mounts are not tried here: where
/// they are refused, their own messages say why.
pub(crate) fn check_calls() -> Result<(), Failure> {
    match calls::refused() {
        None => Ok(()),
        Some(call) => Err(Reason::CallRefused {
            name: call.name,
            error: std::io::Error::from(call.errno).to_string(),
        }
        .into()),
    }
}

pub(crate) fn is_chroot() -> bool {
    !is_mount_point(Path::new("/"))
}
