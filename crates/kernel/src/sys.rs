//! The system calls that the borrow checker cannot vouch for. The only unsafe code of hallway.
#![allow(unsafe_code)]

use std::os::fd::BorrowedFd;

use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use crate::KernelError;

/// Kinds of namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// User ids and capabilities.
    User,
    /// Mounts.
    Mount,
    /// Network.
    Net,
    /// Host name.
    Uts,
    /// Process ids; of processes started from here on.
    Pid,
}

/// Gives the calling thread new namespaces of these kinds.
///
/// # Errors
/// EPERM where that is not allowed; EINVAL for a user namespace in a process with threads.
pub fn unshare(kinds: &[Kind]) -> Result<(), KernelError> {
    let mut flags = UnshareFlags::empty();
    for kind in kinds {
        flags |= match kind {
            Kind::User => UnshareFlags::NEWUSER,
            Kind::Mount => UnshareFlags::NEWNS,
            Kind::Net => UnshareFlags::NEWNET,
            Kind::Uts => UnshareFlags::NEWUTS,
            Kind::Pid => UnshareFlags::NEWPID,
        };
    }
    // SAFETY: none of the flags used here (NEWUSER, NEWNS, NEWNET, NEWUTS, NEWPID) takes away memory or
    // descriptors that other code of this process relies on; CLONE_FILES and CLONE_FS, which
    // are why rustix marks this unsafe, are never passed.
    unsafe { rustix::thread::unshare_unsafe(flags) }
        .map_err(|e| KernelError::new("create a new namespace", "", e))
}

/// Moves the calling thread into an existing namespace.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN over it; EINVAL when it is of another kind.
pub fn setns(namespace: BorrowedFd<'_>, kind: Kind) -> Result<(), KernelError> {
    let kind = match kind {
        Kind::User => LinkNameSpaceType::User,
        Kind::Mount => LinkNameSpaceType::Mount,
        Kind::Net => LinkNameSpaceType::Network,
        Kind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        Kind::Pid => LinkNameSpaceType::ProcessID,
    };
    rustix::thread::move_into_link_name_space(namespace, Some(kind))
        .map_err(|e| KernelError::new("enter a namespace", "", e))
}

/// Asks the kernel to kill this process when the thread that started it ends.
///
/// # Errors
/// Never in practice.
pub fn die_with_parent() -> Result<(), KernelError> {
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|e| KernelError::new("set the parent death signal", "", e))
}
