//! Limits on how many packets come.

/// A limit on packets (a token bucket).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Packets in a second, in the long run.
    pub per_second: u64,
    /// Packets at once.
    pub burst: u32,
    /// How long an element stays without packets, in milliseconds.
    pub millis: u64,
}
