//! The result of a step.

use hallway_kernel::KernelError;

/// The step that failed, which may be an earlier one than the one that detected it.
#[derive(Debug)]
pub(crate) struct StepFailed {
    /// Its position in the plan.
    pub(crate) position: usize,
    /// The kernel's answer.
    pub(crate) error: KernelError,
}

/// Removing a missing object, or changing a setting that this kernel does not have, is done.
pub(crate) fn absent_is_done(result: Result<(), KernelError>) -> Result<(), KernelError> {
    match result {
        Err(e) if e.is_not_found() => Ok(()),
        other => other,
    }
}
