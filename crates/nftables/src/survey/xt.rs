//! Matches and targets of iptables within rules of nf_tables (linux/netfilter/xt_*.h).

use super::answer::{Act, Answer, state};
use crate::evaluate::PacketContext;
use crate::expr::Verdict;
use crate::wire::{Attrs, string_of, u16_of};

/// NFTA_MATCH_NAME and NFTA_TARGET_NAME, then the revision and the data.
const NAME: u16 = 1;
const INFO: u16 = 3;

fn u16_at(info: &[u8], at: usize) -> Option<u16> {
    u16_of(info.get(at..)?)
}

pub(super) fn matches(attrs: Attrs<'_>, packet: &PacketContext<'_>) -> Answer {
    let name = attrs.find(NAME).map(string_of).unwrap_or_default();
    let info = attrs.find(INFO).unwrap_or_default();
    let found = match name.as_str() {
        "comment" => Some(Answer::Yes),
        "conntrack" => conntrack(info, packet),
        "state" => u16_at(info, 0).map(|bits| Answer::of(u32::from(bits) & state(packet) != 0)),
        "tcp" => ports(info, packet, 11).filter(|_| info.get(8..10) == Some(&[0, 0])),
        "udp" => ports(info, packet, 8),
        "icmp" | "icmp6" => icmp(info, packet),
        // Predicted packets have no routing header.
        "rt" => Some(Answer::No),
        _ => None,
    };
    found.unwrap_or(Answer::Maybe)
}

/// xt_conntrack_mtinfo: the states, if the match tests nothing else.
fn conntrack(info: &[u8], packet: &PacketContext<'_>) -> Option<Answer> {
    const STATE: u16 = 1;
    // Written as `-m state`.
    const ALIAS: u16 = 1 << 13;
    const SNAT: u32 = 1 << 6;
    const DNAT: u32 = 1 << 7;
    let (flags, inverted) = (u16_at(info, 146)?, u16_at(info, 148)?);
    if flags & !ALIAS != STATE {
        return None;
    }
    // Before revision 2 the mask had one byte, and the status was next to it.
    let wanted = match info.len() {
        ..156 => u32::from(*info.get(150)?),
        _ => u32::from(u16_at(info, 150)?),
    };
    let has = wanted & state(packet) != 0 || (wanted & DNAT != 0 && packet.dnated);
    if !has && wanted & SNAT != 0 {
        return None;
    }
    Some(Answer::of(has != (inverted & STATE != 0)))
}

/// xt_tcp and xt_udp: source and destination ports, and bits that invert them at `flags`.
fn ports(info: &[u8], packet: &PacketContext<'_>, flags: usize) -> Option<Answer> {
    let inverted = *info.get(flags)?;
    let any_source = (u16_at(info, 0)?, u16_at(info, 2)?) == (0, u16::MAX) && inverted & 1 == 0;
    let (first, last) = (u16_at(info, 4)?, u16_at(info, 6)?);
    let fits = (first..=last).contains(&packet.port?) != (inverted & 2 != 0);
    match (fits, any_source) {
        (false, _) => Some(Answer::No),
        (true, true) => Some(Answer::Yes),
        (true, false) => None,
    }
}

/// struct ipt_icmp and ip6t_icmp: a type (255 for all), the first and the last code, and a bit that
/// inverts. Predicted packets of these types have the code 0.
fn icmp(info: &[u8], packet: &PacketContext<'_>) -> Option<Answer> {
    const ANY: u8 = 255;
    let [kind, first, last, inverted] = *info.first_chunk::<4>()?;
    let fits = kind == ANY || (kind == packet.icmp? && (first..=last).contains(&0));
    Some(Answer::of(fits != (inverted & 1 != 0)))
}

pub(super) fn target(attrs: Attrs<'_>) -> Result<Answer, Act> {
    let name = attrs.find(NAME).map(string_of).unwrap_or_default();
    match name.as_str() {
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "TCPMSS" | "CT" | "TRACE" | "TOS" | "DSCP"
        | "CLASSIFY" | "CHECKSUM" | "TTL" | "HL" => Ok(Answer::Yes),
        "REJECT" => Err(Act::Drop),
        "ACCEPT" => Err(Act::Verdict(Verdict::Accept)),
        _ => Err(Act::Unknown),
    }
}
