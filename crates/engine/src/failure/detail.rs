//! Failures with an error type of their own.

use super::FailureCode;

/// A failure of a kind that has an error type of its own: its code, message and help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The stable code.
    pub code: FailureCode,
    /// The message, with all causes.
    pub message: String,
    /// What to do.
    pub help: String,
}
