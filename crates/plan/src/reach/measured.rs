//! The result of a real attempt, beside the prediction.

use serde::Serialize;

use super::path::Outcome;

/// What listens at the far end of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ListenerKind {
    /// The kernel itself (ping).
    Kernel,
    /// A program that was running before.
    Service,
    /// Nothing listened; a listener was started for the attempt.
    Temporary,
    /// No known listener.
    #[serde(rename = "nobody")]
    None,
    /// No listener could be opened there.
    Unknown,
}

/// The result of one real attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// How it ended.
    pub outcome: Outcome,
    /// From the first packet to the answer, in microseconds.
    pub latency_us: Option<u64>,
    /// Details, in words; may be empty.
    pub detail: String,
    /// What listens there.
    pub listener: ListenerKind,
    /// What identifies its packets: the client's port, or the echo identifier.
    #[serde(skip)]
    pub key: Option<u16>,
}
