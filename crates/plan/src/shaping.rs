//! What a link does to the packets that it sends, as a queueing discipline: a limit of bandwidth alone
//! is a token bucket (tc-tbf(8)), impairments are a `netem` (tc-netem(8)), which has the limit too.

use std::fmt;

use hallway_spec::{Bandwidth, Impairments};

/// The longest time a packet waits because of a limit.
const LATENCY_MS: u64 = 50;
/// Enough for a few offloaded segments, so that low rates can pass 64 KiB packets.
const LEAST_BURST: u64 = 128 * 1024;

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Bytes a second.
    pub rate: u64,
    /// Bytes that may be sent at once.
    pub burst: u32,
    /// Bytes that may wait.
    pub queue: u32,
}

/// The bucket for a limit.
#[must_use]
pub fn bucket(limit: Bandwidth) -> Bucket {
    let rate = limit.bytes_per_second();
    // Bytes of 4 ms: a timer of 250 Hz still reaches the rate.
    let burst = (rate / 250).max(LEAST_BURST).min(u64::from(u32::MAX / 2));
    let queue = (rate * LATENCY_MS / 1000 + burst).min(u64::from(u32::MAX));
    Bucket {
        rate,
        burst: burst as u32,
        queue: queue as u32,
    }
}

/// What a link does to the packets that it sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shaping {
    /// The limit.
    pub limit: Option<Bandwidth>,
    /// The impairments, without those that have no effect.
    pub impairments: Impairments,
}

/// The queueing discipline at the root of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queueing {
    /// The kernel's default for every link.
    Default,
    /// A token bucket.
    TokenBucket(Bucket),
    /// A netem, with how many packets may wait in it.
    Netem {
        /// Packets.
        packets: u32,
    },
}

/// Packets that may wait where nothing limits the bandwidth: 100 ms at 1 Gbit/s.
const PACKETS: u64 = 10_000;
/// At least this many may always wait.
const LEAST_PACKETS: u64 = 100;
/// The bytes of a packet, for the number of those that may wait.
const PACKET: u64 = 1_500;

impl Shaping {
    /// Nothing is done.
    pub const NONE: Self = Self {
        limit: None,
        impairments: Impairments {
            delay: None,
            jitter: None,
            loss: None,
            duplicate: None,
            corrupt: None,
            reorder: None,
        },
    };

    /// With a limit and impairments of a file.
    #[must_use]
    pub fn new(limit: Option<Bandwidth>, impairments: &Impairments) -> Self {
        Self {
            limit,
            impairments: impairments.effective(),
        }
    }

    /// Whether it needs the kernel's `netem`.
    #[must_use]
    pub fn needs_netem(&self) -> bool {
        self.impairments != Impairments::default()
    }

    /// The queueing discipline that does it.
    #[must_use]
    pub fn queueing(&self) -> Queueing {
        if self.needs_netem() {
            Queueing::Netem {
                packets: self.packets(),
            }
        } else {
            let bucket = |limit| Queueing::TokenBucket(bucket(limit));
            self.limit.map_or(Queueing::Default, bucket)
        }
    }

    /// How many packets may wait: those that are delayed, and those that wait because of a limit.
    fn packets(&self) -> u32 {
        let Some(limit) = self.limit else {
            return PACKETS as u32;
        };
        let nanoseconds = |time: Option<hallway_spec::Delay>| time.map_or(0, |d| d.nanoseconds());
        let waits = nanoseconds(self.impairments.delay)
            + nanoseconds(self.impairments.jitter)
            + LATENCY_MS * 1_000_000;
        let bytes = u128::from(limit.bytes_per_second()) * u128::from(waits) / 1_000_000_000;
        let packets = u64::try_from(bytes / u128::from(PACKET)).unwrap_or(u64::MAX);
        packets.clamp(LEAST_PACKETS, 10 * PACKETS) as u32
    }

    /// Whether the kernel does the same for both. It stores bytes per second.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let rate = |of: &Self| of.limit.map(Bandwidth::bytes_per_second);
        self.impairments == other.impairments && rate(self) == rate(other)
    }
}

impl fmt::Display for Shaping {
    /// Like `delay 50ms loss 1% rate 10mbit`; a limit alone like `10mbit`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.limit, self.needs_netem()) {
            (None, false) => f.write_str("none"),
            (Some(limit), false) => limit.fmt(f),
            (None, true) => self.impairments.fmt(f),
            (Some(limit), true) => write!(f, "{} rate {limit}", self.impairments),
        }
    }
}
