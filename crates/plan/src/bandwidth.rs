//! Bandwidth limits as a token bucket: the parameters of the qdisc `tbf` (tc-tbf(8)).

use hallway_spec::Bandwidth;

/// The longest time a packet waits.
const LATENCY_MS: u64 = 50;
/// Enough for a few offloaded segments, so that low rates still pass 64 KiB packets.
const LEAST_BURST: u64 = 128 * 1024;

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Bytes a second.
    pub rate: u64,
    /// Bytes that may go at once.
    pub burst: u32,
    /// Bytes that may wait.
    pub queue: u32,
}

/// The bucket for a limit.
#[must_use]
pub fn bucket(limit: Bandwidth) -> Bucket {
    let rate = limit.bytes_per_second();
    // 4 ms worth of bytes: a timer that fires 250 times a second still fills the rate.
    let burst = (rate / 250).max(LEAST_BURST).min(u64::from(u32::MAX / 2));
    let queue = (rate * LATENCY_MS / 1000 + burst).min(u64::from(u32::MAX));
    Bucket {
        rate,
        burst: burst as u32,
        queue: queue as u32,
    }
}
