//! The queueing discipline `netem`: struct tc_netem_qopt and the attributes beside it.

use super::message::{RTM_NEWQDISC, TC_H_ROOT, TCA_KIND, TCA_OPTIONS, header};
use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_REPLACE, Request};
use crate::wire::{Attrs, Writer, u32_of, u64_of};
use crate::{Kernel, KernelError};

const TCA_NETEM_CORR: u16 = 1;
const TCA_NETEM_REORDER: u16 = 3;
const TCA_NETEM_CORRUPT: u16 = 4;
const TCA_NETEM_RATE: u16 = 6;
const TCA_NETEM_RATE64: u16 = 8;
const TCA_NETEM_PAD: u16 = 9;
const TCA_NETEM_LATENCY64: u16 = 10;
const TCA_NETEM_JITTER64: u16 = 11;
const TCA_NETEM_PRNG_SEED: u16 = 14;

/// struct tc_netem_qopt.
const QOPT: usize = 24;
/// PSCHED_SHIFT (net/pkt_sched.h): times in the struct are in units of 64 ns.
const TICK_SHIFT: u32 = 6;
/// The loopback of every namespace.
const LOOPBACK: u32 = 1;

/// The settings of a netem. Shares are parts of `u32::MAX`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Netem {
    /// How much later packets leave, in nanoseconds.
    pub delay: u64,
    /// By how much that differs, up and down, in nanoseconds.
    pub jitter: u64,
    /// How many packets are dropped.
    pub loss: u32,
    /// How many are sent twice.
    pub duplicate: u32,
    /// How many have one bit changed.
    pub corrupt: u32,
    /// How many are not delayed.
    pub reorder: u32,
    /// Bytes per second; 0 for no limit.
    pub rate: u64,
    /// How many packets may wait.
    pub packets: u32,
}

/// Puts a netem at the root of a link, replacing another discipline. If a netem is there already it
/// is changed, and keeps settings that have no value here: remove it first if that matters.
#[must_use]
pub fn impair(index: u32, netem: &Netem) -> Request {
    let mut options = Writer::with_header(&qopt(netem));
    // Without an attribute the kernel keeps the value of an earlier netem.
    options.attr(TCA_NETEM_CORR, &[0; 12]);
    options.attr(TCA_NETEM_REORDER, &pair(netem.reorder));
    options.attr(TCA_NETEM_CORRUPT, &pair(netem.corrupt));
    let mut rate = [0_u8; 16];
    let low = u32::try_from(netem.rate).unwrap_or(u32::MAX);
    rate[..4].copy_from_slice(&low.to_ne_bytes());
    options.attr(TCA_NETEM_RATE, &rate);
    if netem.rate > u64::from(u32::MAX) {
        options.attr(TCA_NETEM_RATE64, &netem.rate.to_ne_bytes());
    }
    options.attr(TCA_NETEM_LATENCY64, &netem.delay.to_ne_bytes());
    options.attr(TCA_NETEM_JITTER64, &netem.jitter.to_ne_bytes());
    let mut w = Writer::with_header(&header(index, TC_H_ROOT));
    w.str(TCA_KIND, "netem");
    let body = options.finish().and_then(|options| {
        w.attr(TCA_OPTIONS, &options);
        w.finish()
    });
    Request {
        acts_on: OperationKind::Qdisc,
        kind: RTM_NEWQDISC,
        flags: NLM_F_CREATE | NLM_F_REPLACE,
        body,
        operation: "impair",
        object: format!("link {index}"),
    }
}

fn qopt(netem: &Netem) -> [u8; QOPT] {
    let ticks = |ns: u64| u32::try_from(ns >> TICK_SHIFT).unwrap_or(u32::MAX);
    // Reordering is done for every `gap`th packet: 1 for each, 0 for none.
    let gap = u32::from(netem.reorder > 0);
    let words = [
        ticks(netem.delay),
        netem.packets,
        netem.loss,
        gap,
        netem.duplicate,
        ticks(netem.jitter),
    ];
    let mut out = [0_u8; QOPT];
    for (to, word) in out.chunks_exact_mut(4).zip(words) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    out
}

/// A probability, without correlation.
fn pair(probability: u32) -> [u8; 8] {
    let mut out = [0_u8; 8];
    out[..4].copy_from_slice(&probability.to_ne_bytes());
    out
}

/// Reads what [`impair`] writes; `None` for other settings: correlations, a loss model, slots,
/// overheads of the rate, reordering of every nth packet.
pub(super) fn parse(options: &[u8]) -> Option<Netem> {
    let word = |at: usize| u32_of(options.get(at..)?);
    let attrs = Attrs(options.get(QOPT..)?);
    let known = [
        TCA_NETEM_CORR,
        TCA_NETEM_REORDER,
        TCA_NETEM_CORRUPT,
        TCA_NETEM_RATE,
        TCA_NETEM_RATE64,
        TCA_NETEM_PAD,
        TCA_NETEM_LATENCY64,
        TCA_NETEM_JITTER64,
        TCA_NETEM_PRNG_SEED,
    ];
    if attrs.into_iter().any(|(kind, _)| !known.contains(&kind)) {
        return None;
    }
    let zero = |kind: u16, from: usize| {
        let rest = attrs.find(kind).and_then(|value| value.get(from..));
        rest.is_none_or(|rest| rest.iter().all(|b| *b == 0))
    };
    let plain = zero(TCA_NETEM_CORR, 0)
        && zero(TCA_NETEM_REORDER, 4)
        && zero(TCA_NETEM_CORRUPT, 4)
        && zero(TCA_NETEM_RATE, 4);
    let first = |kind: u16| attrs.find(kind).and_then(u32_of).unwrap_or(0);
    let gap = word(12)?;
    let reorder = if gap == 0 {
        0
    } else {
        first(TCA_NETEM_REORDER)
    };
    let exact = |kind: u16, at: usize| match attrs.find(kind) {
        Some(value) => u64_of(value),
        None => Some(u64::from(word(at)?) << TICK_SHIFT),
    };
    let rate = attrs.find(TCA_NETEM_RATE64).and_then(u64_of);
    let netem = Netem {
        delay: exact(TCA_NETEM_LATENCY64, 0)?,
        jitter: exact(TCA_NETEM_JITTER64, 20)?,
        loss: word(8)?,
        duplicate: word(16)?,
        corrupt: first(TCA_NETEM_CORRUPT),
        reorder,
        rate: rate.unwrap_or_else(|| u64::from(first(TCA_NETEM_RATE))),
        packets: word(4)?,
    };
    (plain && gap <= 1).then_some(netem)
}

impl Kernel {
    /// Whether the kernel has netem. Nothing is changed: netem refuses a request without options.
    ///
    /// # Errors
    /// When the kernel refuses for another reason, like missing rights.
    pub fn has_netem(&mut self) -> Result<bool, KernelError> {
        let mut w = Writer::with_header(&header(LOOPBACK, TC_H_ROOT));
        w.str(TCA_KIND, "netem");
        let asked = self.run(Request {
            acts_on: OperationKind::Qdisc,
            kind: RTM_NEWQDISC,
            flags: NLM_F_CREATE | NLM_F_REPLACE,
            body: w.finish(),
            operation: "request netem",
            object: String::new(),
        });
        match asked {
            // An existing netem is not changed.
            Ok(()) => Ok(true),
            Err(error) if error.is_unsupported() => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME: Netem = Netem {
        delay: 50_000_001,
        jitter: 5_000_000,
        loss: 42_949_673,
        duplicate: 7,
        corrupt: 8,
        reorder: 9,
        rate: 1_250_000,
        packets: 100,
    };

    fn options(netem: &Netem) -> Vec<u8> {
        let body = impair(3, netem).body.unwrap();
        Attrs(&body[20..]).find(TCA_OPTIONS).unwrap().to_vec()
    }

    #[test]
    fn what_is_written_is_read() {
        let fast = Netem {
            rate: 12_500_000_000,
            reorder: 0,
            ..SOME
        };
        for netem in [SOME, fast, Netem::default()] {
            assert_eq!(parse(&options(&netem)), Some(netem));
        }
    }

    /// The message of tc 6.1 for `delay 20ms 5ms loss 1%`.
    #[test]
    fn the_struct_is_as_the_kernel_has_it() {
        let netem = Netem {
            delay: 20_000_000,
            jitter: 5_000_000,
            loss: 42_949_673,
            packets: 1000,
            ..Netem::default()
        };
        let words: Vec<u32> = options(&netem)[..QOPT]
            .chunks(4)
            .map(|w| u32_of(w).unwrap())
            .collect();
        assert_eq!(words, [312_500, 1000, 42_949_673, 0, 0, 78_125]);
    }

    #[test]
    fn other_settings_are_not_taken_for_these() {
        let mut correlated = options(&SOME);
        correlated[QOPT + 4] = 1;
        assert_eq!(parse(&correlated), None);
        let mut slots = options(&SOME);
        slots.extend([8, 0, 12, 0, 1, 0, 0, 0]);
        assert_eq!(parse(&slots), None);
        assert_eq!(parse(&[]), None);
    }
}
