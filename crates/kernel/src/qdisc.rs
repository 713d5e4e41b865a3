//! Queueing disciplines (linux/pkt_sched.h): at a link's root a token bucket limits its bandwidth, and
//! a netem delays, drops and changes packets.

mod message;
mod netem;

use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_REPLACE, Request};
use crate::wire::{Attrs, Writer, string_of, u32_of, u64_of};
use crate::{Kernel, KernelError};

const RTM_GETQDISC: u16 = 38;
const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;
const TCA_TBF_BURST: u16 = 6;
const TC_LINKLAYER_ETHERNET: u8 = 1;

pub(crate) use message::{RTM_DELQDISC, RTM_NEWQDISC};
use message::{TC_H_ROOT, TCA_KIND, TCA_OPTIONS, header};
pub use netem::{Netem, impair};

/// Limits what a link sends, with a token bucket filter: `rate` in bytes per second, `burst` in
/// bytes that may be sent in one burst, `queue` in bytes that may wait.
#[must_use]
pub fn limit(index: u32, rate: u64, burst: u32, queue: u32) -> Request {
    let mut w = Writer::with_header(&header(index, TC_H_ROOT));
    w.str(TCA_KIND, "tbf");
    w.nest(TCA_OPTIONS, |w| {
        let mut parms = Vec::with_capacity(36);
        for (rate, layer) in [
            (rate.min(u64::from(u32::MAX)) as u32, TC_LINKLAYER_ETHERNET),
            (0, 0),
        ] {
            // struct tc_ratespec
            parms.extend_from_slice(&[0, layer]);
            parms.extend_from_slice(&[0; 6]);
            parms.extend_from_slice(&rate.to_ne_bytes());
        }
        parms.extend_from_slice(&queue.to_ne_bytes());
        // In scheduler ticks; TCA_TBF_BURST, in bytes, takes precedence.
        parms.extend_from_slice(&0_u32.to_ne_bytes());
        parms.extend_from_slice(&0_u32.to_ne_bytes());
        w.attr(TCA_TBF_PARMS, &parms);
        w.u32(TCA_TBF_BURST, burst);
        if rate > u64::from(u32::MAX) {
            w.attr(TCA_TBF_RATE64, &rate.to_ne_bytes());
        }
    });
    Request {
        acts_on: OperationKind::Qdisc,
        kind: RTM_NEWQDISC,
        flags: NLM_F_CREATE | NLM_F_REPLACE,
        body: w.finish(),
        operation: "limit the bandwidth",
        object: format!("of link {index}"),
    }
}

/// Removes the queueing discipline at a link's root; the kernel's default replaces it.
#[must_use]
pub fn remove_root(index: u32) -> Request {
    Request {
        acts_on: OperationKind::Qdisc,
        kind: RTM_DELQDISC,
        flags: 0,
        body: Ok(header(index, TC_H_ROOT).to_vec()),
        operation: "remove the queueing discipline",
        object: format!("of link {index}"),
    }
}

/// A token bucket filter in the form of the kernel's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    /// Bytes per second.
    pub rate: u64,
    /// The time to fill the bucket at `rate`, in nanoseconds. The kernel stores this time, and
    /// reports it in ticks of 64 ns.
    pub burst_ns: u64,
    /// Bytes that may wait.
    pub queue: u32,
}

impl TokenBucket {
    /// The bucket in bytes, rounded; exact to within [`Self::burst_error`].
    #[must_use]
    pub fn burst(&self) -> u64 {
        bytes_of(self.burst_ns, self.rate)
    }

    /// By how many bytes [`Self::burst`] can differ from the requested value.
    #[must_use]
    pub fn burst_error(&self) -> u64 {
        bytes_of(NS_PER_TICK, self.rate) + 1
    }

    /// Whether this is what [`limit`] makes with these values.
    #[must_use]
    pub fn matches(&self, rate: u64, burst: u32, queue: u32) -> bool {
        self.rate == rate
            && self.queue == queue
            && self.burst().abs_diff(u64::from(burst)) <= self.burst_error()
    }
}

fn bytes_of(ns: u64, rate: u64) -> u64 {
    let bytes = (u128::from(ns) * u128::from(rate)).div_ceil(1_000_000_000);
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// PSCHED_SHIFT (net/pkt_sched.h).
const NS_PER_TICK: u64 = 64;

/// A queueing discipline in the form of the kernel's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QdiscInfo {
    /// Interface index.
    pub interface: u32,
    /// `tbf`, `netem`, `noqueue`, ...
    pub kind: String,
    /// Its own number: major in the upper, minor in the lower 16 bits.
    pub handle: u32,
    /// The class it is attached to; 0xffff_ffff at the root.
    pub parent: u32,
    /// The values of a `tbf`.
    pub token_bucket: Option<TokenBucket>,
    /// The values of a `netem`; none also for one with settings that [`impair`] never makes.
    pub netem: Option<Netem>,
    /// TCA_OPTIONS unchanged, for other kinds.
    pub options: Vec<u8>,
}

impl QdiscInfo {
    /// Whether it is at the root of its link.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.parent == TC_H_ROOT
    }

    /// Whether it is attached to a class of another one.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        const MAJOR: u32 = 0xffff_0000;
        !self.is_root() && self.parent & MAJOR == other.handle & MAJOR
    }
}

/// Reads RTM_NEWQDISC or RTM_DELQDISC.
pub(crate) fn parse(body: &[u8]) -> Option<QdiscInfo> {
    let attrs = Attrs(body.get(20..)?);
    let kind = attrs.find(TCA_KIND).map(string_of)?;
    let options = attrs.find(TCA_OPTIONS).unwrap_or_default();
    Some(QdiscInfo {
        interface: u32_of(body.get(4..)?)?,
        handle: u32_of(body.get(8..)?)?,
        parent: u32_of(body.get(12..)?)?,
        token_bucket: (kind == "tbf").then(|| token_bucket(options)).flatten(),
        netem: (kind == "netem").then(|| netem::parse(options)).flatten(),
        options: options.to_vec(),
        kind,
    })
}

/// struct tc_tbf_qopt and the attributes beside it.
fn token_bucket(options: &[u8]) -> Option<TokenBucket> {
    let attrs = Attrs(options);
    let parms = attrs.find(TCA_TBF_PARMS)?;
    let rate = match attrs.find(TCA_TBF_RATE64) {
        Some(rate) => u64_of(rate)?,
        None => u64::from(u32_of(parms.get(8..)?)?),
    };
    Some(TokenBucket {
        rate,
        queue: u32_of(parms.get(24..)?)?,
        burst_ns: u64::from(u32_of(parms.get(28..)?)?) * NS_PER_TICK,
    })
}

impl Kernel {
    /// Every queueing discipline of the namespace.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn qdiscs(&mut self) -> Result<Vec<QdiscInfo>, KernelError> {
        self.list_objects(
            OperationKind::Qdisc,
            "list the queueing disciplines",
            RTM_GETQDISC,
            &header(0, 0),
            parse,
        )
    }
}
