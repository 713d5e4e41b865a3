//! The guard's tables, held by the process that loads them.

use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::Transaction;
use hallway_plan::rules::Guarded;
use hallway_spec::Name;

/// The guard of a project (`hallway_plan::rules::keeper_guard`). Its tables belong to the netlink
/// socket in this value: no other process can change or flush them, and the kernel removes them
/// when this value is dropped or the process ends.
#[derive(Debug)]
pub struct Guard {
    project: Name,
    kernel: Kernel,
    loaded: Option<Guarded>,
}

impl Guard {
    /// A guard that is not loaded yet.
    #[must_use]
    pub fn new(project: Name) -> Self {
        Self {
            project,
            kernel: Kernel::new(),
            loaded: None,
        }
    }

    /// Loads it, in the network namespace of the calling thread at the first call; nothing is done
    /// if it protects the same already. Whether something was done.
    ///
    /// # Errors
    /// The kernel's, for example where another socket has a table of that name.
    pub fn protect(&mut self, guarded: Guarded) -> Result<bool, KernelError> {
        if self.loaded.as_ref() == Some(&guarded) {
            return Ok(false);
        }
        let mut transaction = Transaction::new();
        for table in &guarded.ruleset(&self.project).tables {
            transaction.replace_owned(table);
        }
        self.kernel.commit(&transaction)?;
        self.loaded = Some(guarded);
        Ok(true)
    }
}
