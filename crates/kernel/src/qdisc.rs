//! Bandwidth limits: a token bucket at a link's root (linux/pkt_sched.h).

use crate::rtnl::{NLM_F_CREATE, NLM_F_REPLACE, Request};
use crate::wire::Writer;

const RTM_NEWQDISC: u16 = 36;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
const TCA_TBF_PARMS: u16 = 1;
const TCA_TBF_RATE64: u16 = 4;
const TCA_TBF_BURST: u16 = 6;
const TC_H_ROOT: u32 = 0xffff_ffff;
const TC_LINKLAYER_ETHERNET: u8 = 1;

/// Limits what a link sends: bytes a second, bytes that may go at once, bytes that may wait.
#[must_use]
pub fn limit(index: u32, rate: u64, burst: u32, queue: u32) -> Request {
    let mut head = [0_u8; 20];
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    head[12..16].copy_from_slice(&TC_H_ROOT.to_ne_bytes());
    let mut w = Writer::with_header(&head);
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
        kind: RTM_NEWQDISC,
        flags: NLM_F_CREATE | NLM_F_REPLACE,
        body: w,
        operation: "limit the bandwidth",
        object: format!("of link {index}"),
    }
}
