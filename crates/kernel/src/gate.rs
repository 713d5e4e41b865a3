//! The one point through which every operation of a [`Kernel`](crate::Kernel) handle passes: an
//! operation can be counted, observed, refused or failed there.

mod counter;
mod faults;

use crate::KernelError;

pub use counter::Counter;
pub use faults::{Fault, Faults};

/// What an operation acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum OperationKind {
    /// A network interface: created, changed, removed, listed.
    Link,
    /// An address of an interface.
    Address,
    /// A route.
    Route,
    /// A routing policy rule (`ip rule`).
    Rule,
    /// A neighbour entry.
    Neighbour,
    /// A queueing discipline.
    Qdisc,
    /// One nf_tables transaction, or a list of tables, chains, rules or elements.
    NfTransaction,
    /// A tracked connection.
    Conntrack,
    /// A setting below /proc/sys.
    Sysctl,
    /// A mount, or a change of how mounts are propagated.
    Mount,
    /// An unmount.
    Unmount,
    /// A namespace: created, or entered until the thread ends.
    Namespace,
    /// A file's content.
    FileWrite,
    /// A file moved to another name.
    FileRename,
    /// A file or symbolic link removed.
    FileRemove,
    /// A directory created.
    DirectoryMake,
    /// A directory removed.
    DirectoryRemove,
    /// A process: started, ended, or an attribute of the calling process.
    Process,
}

/// One operation, as a gate gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation<'a> {
    /// What it acts on.
    pub kind: OperationKind,
    /// What is done, as in [`KernelError::operation`], like `add the address`.
    pub name: &'static str,
    /// The object: a name, a path, a prefix; empty if there is none.
    pub object: &'a str,
}

impl<'a> Operation<'a> {
    /// An operation.
    #[must_use]
    pub fn new(kind: OperationKind, name: &'static str, object: &'a str) -> Self {
        Self { kind, name, object }
    }

    /// The error of this operation with an errno, as if the kernel had refused it.
    #[must_use]
    pub fn refused(&self, errno: i32) -> KernelError {
        KernelError {
            operation: self.name,
            object: self.object.to_owned(),
            errno,
            detail: None,
        }
    }
}

/// Is called before and after every operation. Shared by all handles and threads of one task.
///
/// The default of each method does nothing.
///
/// ```
/// use std::sync::Arc;
/// use hallway_kernel::{Kernel, KernelError};
/// use hallway_kernel::gate::{Gate, Operation, OperationKind};
///
/// #[derive(Debug)]
/// struct NoSettings;
///
/// impl Gate for NoSettings {
///     fn before(&self, operation: &Operation<'_>) -> Result<(), KernelError> {
///         match operation.kind {
///             OperationKind::Sysctl => Err(operation.refused(30)), // EROFS
///             _ => Ok(()),
///         }
///     }
/// }
///
/// let kernel = Kernel::with_gate(Arc::new(NoSettings));
/// let refused = kernel.write_sysctl("net/ipv4/ip_forward", "1").unwrap_err();
/// assert_eq!(refused.errno, 30);
/// ```
pub trait Gate: std::fmt::Debug + Send + Sync {
    /// Called before a change.
    ///
    /// # Errors
    /// An error is returned to the caller as the operation's result; the operation is not done.
    fn before(&self, _operation: &Operation<'_>) -> Result<(), KernelError> {
        Ok(())
    }

    /// Called after a change, with its result; not after one that [`Self::before`] refused.
    ///
    /// # Errors
    /// An error is returned to the caller in place of the operation's own result.
    fn after(
        &self,
        _operation: &Operation<'_>,
        _result: Result<(), &KernelError>,
    ) -> Result<(), KernelError> {
        Ok(())
    }

    /// Called before something is read: a list, a setting, an index. Reading cannot be refused.
    fn read(&self, _operation: &Operation<'_>) {}

    /// Whether rtnetlink batches are sent one request at a time, so that each request passes the
    /// gate after the one before it is done. Slower; for tests that stop in the middle.
    fn one_by_one(&self) -> bool {
        false
    }
}

/// Allows everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

impl Gate for Open {}

/// Refuses every change with EROFS: for commands that must change nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOnly;

impl Gate for ReadOnly {
    fn before(&self, operation: &Operation<'_>) -> Result<(), KernelError> {
        let mut error = operation.refused(rustix::io::Errno::ROFS.raw_os_error());
        error.detail = Some("this command only reads".into());
        Err(error)
    }
}
