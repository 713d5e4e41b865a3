//! What the place where hallway runs must provide, checked before anything else.

use std::path::Path;

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

/// Fails if nothing can be built: without /proc, and in a chroot whose root directory is not a mount
/// point.
///
/// # Errors
/// [`Reason::NoProc`], [`Reason::Chroot`].
pub fn check() -> Result<(), Failure> {
    check_proc()?;
    if is_chroot() {
        return Err(Reason::Chroot.into());
    }
    Ok(())
}

pub(crate) fn is_chroot() -> bool {
    !is_mount_point(Path::new("/"))
}
