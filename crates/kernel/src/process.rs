//! Attributes of the calling process.

use crate::gate::{Operation, OperationKind};
use crate::{Kernel, KernelError};

impl Kernel {
    /// The kernel kills this process when the thread that started it ends (PR_SET_PDEATHSIG).
    ///
    /// # Errors
    /// EPERM where a seccomp filter forbids it.
    pub fn end_with_parent(&self) -> Result<(), KernelError> {
        const NAME: &str = "set the parent death signal";
        self.perform(&Operation::new(OperationKind::Process, NAME, ""), || {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(|e| KernelError::new(NAME, "", e))
        })
    }

    /// Sets the host name of the calling process's UTS namespace.
    ///
    /// # Errors
    /// EPERM; EINVAL for more than 64 bytes.
    pub fn set_hostname(&self, name: &str) -> Result<(), KernelError> {
        const NAME: &str = "set the host name";
        self.perform(&Operation::new(OperationKind::Process, NAME, name), || {
            rustix::system::sethostname(name.as_bytes())
                .map_err(|e| KernelError::new(NAME, name, e))
        })
    }
}
