//! Kinds of namespaces, and how a thread enters one (namespaces(7)).

use std::os::fd::BorrowedFd;

use rustix::thread::{LinkNameSpaceType, UnshareFlags};

use crate::KernelError;

/// Kinds of namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamespaceKind {
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

/// Moves the calling thread into an existing namespace (setns(2)).
pub(crate) fn setns(namespace: BorrowedFd<'_>, kind: NamespaceKind) -> Result<(), KernelError> {
    let kind = match kind {
        NamespaceKind::User => LinkNameSpaceType::User,
        NamespaceKind::Mount => LinkNameSpaceType::Mount,
        NamespaceKind::Net => LinkNameSpaceType::Network,
        NamespaceKind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
        NamespaceKind::Pid => LinkNameSpaceType::ProcessID,
    };
    rustix::thread::move_into_link_name_space(namespace, Some(kind))
        .map_err(|e| KernelError::new("enter a namespace", "", e))
}

/// The flags of unshare(2) for new namespaces.
pub(crate) fn unshare_flags(kinds: &[NamespaceKind]) -> UnshareFlags {
    let mut flags = UnshareFlags::empty();
    for kind in kinds {
        flags |= match kind {
            NamespaceKind::User => UnshareFlags::NEWUSER,
            NamespaceKind::Mount => UnshareFlags::NEWNS,
            NamespaceKind::Net => UnshareFlags::NEWNET,
            NamespaceKind::Uts => UnshareFlags::NEWUTS,
            NamespaceKind::Pid => UnshareFlags::NEWPID,
        };
    }
    flags
}
