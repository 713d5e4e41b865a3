//! Deliberate failures: the n-th operation is refused, or done and reported as failed, or the
//! process is killed there.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Gate, Operation};
use crate::KernelError;

/// What happens at the chosen operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not done, and fails with this errno.
    Before(i32),
    /// It is done, but fails with this errno. One that fails in any case keeps its own error.
    After(i32),
    /// The process is killed (SIGKILL) before it is done.
    KillBefore,
    /// The process is killed (SIGKILL) after it was done.
    KillAfter,
}

/// Allows every change except one. Operations are counted over all threads, from 0; batches are
/// sent one request at a time, so that "the n-th" is exact.
///
/// ```
/// use std::sync::Arc;
/// use hallway_kernel::Kernel;
/// use hallway_kernel::gate::{Fault, Faults};
///
/// let directory = std::env::temp_dir().join(format!("hallway-faults-{}", std::process::id()));
/// std::fs::create_dir(&directory).unwrap();
/// let path = directory.join("file");
/// let faults = Arc::new(Faults::at(1, Fault::Before(28))); // ENOSPC
/// let kernel = Kernel::with_gate(faults.clone());
/// kernel.write_file(&path, b"a").unwrap();
/// assert_eq!(kernel.write_file(&path, b"b").unwrap_err().errno, 28);
/// kernel.remove_file(&path).unwrap();
/// assert_eq!(faults.seen(), 3);
/// std::fs::remove_dir(&directory).unwrap();
/// ```
#[derive(Debug)]
pub struct Faults {
    position: usize,
    fault: Fault,
    seen: AtomicUsize,
    /// The operation for which `after` must still fail: the chosen one, once.
    chosen: std::sync::Mutex<Option<std::thread::ThreadId>>,
}

impl Faults {
    /// The operation with this number, counted from 0, gets the fault.
    #[must_use]
    pub fn at(position: usize, fault: Fault) -> Self {
        Self {
            position,
            fault,
            seen: AtomicUsize::new(0),
            chosen: std::sync::Mutex::new(None),
        }
    }

    /// How many changes were started; more than the position if the fault occurred.
    #[must_use]
    pub fn seen(&self) -> usize {
        self.seen.load(Ordering::SeqCst)
    }

    fn chosen(&self) -> std::sync::MutexGuard<'_, Option<std::thread::ThreadId>> {
        self.chosen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Gate for Faults {
    fn before(&self, operation: &Operation<'_>) -> Result<(), KernelError> {
        if self.seen.fetch_add(1, Ordering::SeqCst) != self.position {
            return Ok(());
        }
        match self.fault {
            Fault::Before(errno) => Err(operation.refused(errno)),
            Fault::KillBefore => kill(),
            Fault::After(_) | Fault::KillAfter => {
                // Operations of one thread do not overlap: its next `after` is of this one.
                *self.chosen() = Some(std::thread::current().id());
                Ok(())
            }
        }
    }

    fn after(
        &self,
        operation: &Operation<'_>,
        result: Result<(), &KernelError>,
    ) -> Result<(), KernelError> {
        let mut chosen = self.chosen();
        if *chosen != Some(std::thread::current().id()) {
            return Ok(());
        }
        *chosen = None;
        match self.fault {
            Fault::After(errno) if result.is_ok() => Err(operation.refused(errno)),
            Fault::KillAfter => kill(),
            _ => Ok(()),
        }
    }

    fn one_by_one(&self) -> bool {
        true
    }
}

/// Ends this process immediately; none of its code runs after this. The first process of a pid
/// namespace ignores its own SIGKILL (pid_namespaces(7)): it aborts.
fn kill() -> ! {
    let myself = rustix::process::getpid();
    if rustix::process::kill_process(myself, rustix::process::Signal::KILL).is_ok() {
        // A signal to the calling process is delivered before the system call returns.
        std::thread::yield_now();
    }
    std::process::abort()
}
