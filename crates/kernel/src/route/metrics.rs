//! What a route sets for the packets that use it (RTA_METRICS; linux/rtnetlink.h, RTAX_*).

use std::fmt;

use crate::wire::{Attrs, u32_of};

const RTAX_LOCK: u16 = 1;
const RTAX_MTU: u16 = 2;
/// The names that ip-route(8) has for the others, from RTAX_WINDOW on.
const NAMES: [&str; 15] = [
    "window",
    "rtt",
    "rttvar",
    "ssthresh",
    "cwnd",
    "advmss",
    "reordering",
    "hoplimit",
    "initcwnd",
    "features",
    "rto_min",
    "initrwnd",
    "quickack",
    "congctl",
    "fastopen_no_cookie",
];

/// Values of a route. One without any is [`RouteMetrics::default`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RouteMetrics {
    /// Bytes; 0 where it is that of the link.
    pub mtu: u32,
    /// Path MTU discovery does not change it.
    pub mtu_is_locked: bool,
    /// Which others it has, as bits.
    others: u32,
}

impl RouteMetrics {
    /// Reads RTA_METRICS.
    pub(super) fn parse(metrics: Attrs<'_>) -> Self {
        let mut out = Self::default();
        for (kind, value) in metrics {
            match (kind, kind.checked_sub(RTAX_MTU + 1)) {
                (RTAX_MTU, _) => out.mtu = u32_of(value).unwrap_or_default(),
                (RTAX_LOCK, _) => {
                    let locked = u32_of(value).unwrap_or_default();
                    out.mtu_is_locked = locked & (1 << RTAX_MTU) != 0;
                }
                (_, Some(other)) if usize::from(other) < NAMES.len() => out.others |= 1 << other,
                _ => {}
            }
        }
        out
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for RouteMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lock = if self.mtu_is_locked { "lock " } else { "" };
        let mut words = Vec::new();
        if self.mtu != 0 || self.mtu_is_locked {
            words.push(format!("mtu {lock}{}", self.mtu));
        }
        let others = NAMES.iter().enumerate();
        let others = others.filter(|(bit, _)| self.others & (1 << bit) != 0);
        words.extend(others.map(|(_, name)| (*name).to_owned()));
        f.write_str(&words.join(" "))
    }
}
