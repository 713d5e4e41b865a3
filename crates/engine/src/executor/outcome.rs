//! The result of a step.

use hallway_kernel::KernelError;
use hallway_kernel::link::LinkInfo;
use hallway_plan::mark;

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

/// Whether hallway made this link of the host: it has hallway's alias, or it is so new that it has only
/// its group.
pub(crate) fn is_ours(link: &LinkInfo) -> bool {
    match link.alias.as_deref() {
        Some(alias) => mark::parse_alias(alias).is_some(),
        None => mark::slot_of(link.group).is_some(),
    }
}
