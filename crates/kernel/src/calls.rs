//! System calls that hallway needs and that a filter (seccomp(2)) may refuse, tried with arguments that do
//! nothing and need no right.

use std::fs::File;
use std::os::fd::AsFd as _;

use rustix::io::Errno;
use rustix::mount::UnmountFlags;
use rustix::process::PidfdFlags;

use crate::namespace::{NamespaceKind, setns};

/// A system call that is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedCall {
    /// Its name.
    pub name: &'static str,
    /// The error.
    pub errno: Errno,
}

/// The first of them that is refused.
#[must_use]
pub fn refused() -> Option<RefusedCall> {
    let all = [
        ("setns", enter_own()),
        ("umount2", unmount_nothing()),
        ("pidfd_open", open_own()),
    ];
    let refused = [Errno::PERM, Errno::ACCESS, Errno::NOSYS];
    all.into_iter().find_map(|(name, result)| {
        let errno = result.err().filter(|e| refused.contains(e))?;
        Some(RefusedCall { name, errno })
    })
}

/// The kernel answers EINVAL: a process cannot enter the user namespace that it is in.
fn enter_own() -> Result<(), Errno> {
    let Ok(own) = File::open("/proc/self/ns/user") else {
        return Ok(()); // a kernel without user namespaces
    };
    setns(own.as_fd(), NamespaceKind::User).map_err(|e| Errno::from_raw_os_error(e.errno))
}

/// The kernel answers EINVAL: there is no such flag.
fn unmount_nothing() -> Result<(), Errno> {
    let unknown = UnmountFlags::from_bits_retain(1 << 31);
    rustix::mount::unmount("", unknown)
}

fn open_own() -> Result<(), Errno> {
    rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty()).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_filter_none_is_refused() {
        assert_eq!(refused(), None);
        assert_eq!(enter_own(), Err(Errno::INVAL));
        assert_eq!(unmount_nothing(), Err(Errno::INVAL));
    }
}
