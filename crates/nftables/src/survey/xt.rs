//! Matches and targets of iptables within rules of nf_tables (linux/netfilter/xt_*.h).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::matches::{Act, Matches};
use super::packet::{Mark, Packet, Translation};
use super::reject::of_iptables;
use crate::IpVersion;
use crate::expr::Verdict;
use crate::wire::{Attrs, string_of, u16_of};

/// NFTA_MATCH_NAME and NFTA_TARGET_NAME, then the revision and the data.
const NAME: u16 = 1;
const REVISION: u16 = 2;
const INFO: u16 = 3;
/// RTN_LOCAL and RTN_UNICAST as bits.
const LOCAL: u16 = 1 << 2;
const UNICAST: u16 = 1 << 1;

fn u16_at(info: &[u8], at: usize) -> Option<u16> {
    u16_of(info.get(at..)?)
}

fn be16_at(info: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*info.get(at..)?.first_chunk()?))
}

fn u32_at(info: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*info.get(at..)?.first_chunk()?))
}

pub(super) fn matches(attrs: Attrs<'_>, packet: &Packet<'_>) -> Matches {
    let name = attrs.find(NAME).map(string_of).unwrap_or_default();
    let info = attrs.find(INFO).unwrap_or_default();
    let found = match name.as_str() {
        "comment" => Some(Matches::Yes),
        "conntrack" => conntrack(info, packet),
        "state" => u16_at(info, 0).map(|bits| Matches::of(u32::from(bits) & packet.state() != 0)),
        "tcp" => tcp(info, packet),
        "udp" => ports(info, packet, 8),
        "multiport" => multiport(info, packet),
        "icmp" | "icmp6" => icmp(info, packet),
        "mark" => marked(info, packet.mark),
        "connmark" => marked(info, packet.connection_mark),
        "addrtype" => address_type(info, packet),
        // Predicted packets have no routing header.
        "rt" => Some(Matches::No),
        _ => None,
    };
    found.unwrap_or(Matches::Maybe)
}

/// xt_conntrack_mtinfo: the states, if the match tests nothing else.
fn conntrack(info: &[u8], packet: &Packet<'_>) -> Option<Matches> {
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
    let has = wanted & packet.state() != 0 || (wanted & DNAT != 0 && packet.context.dnated);
    if !has && wanted & SNAT != 0 {
        return None;
    }
    Some(Matches::of(has != (inverted & STATE != 0)))
}

/// Whether a port that is between two others is in a range.
fn in_range([low, high]: [u16; 2], (first, last): (u16, u16)) -> Matches {
    match () {
        () if first <= low && last >= high => Matches::Yes,
        () if last < low || first > high => Matches::No,
        () => Matches::Maybe,
    }
}

/// xt_tcp and xt_udp: source and destination ports, and bits that invert them at `flags`.
fn ports(info: &[u8], packet: &Packet<'_>, flags: usize) -> Option<Matches> {
    let inverted = *info.get(flags)?;
    let (source, destination) = (packet.sources()?, packet.destinations()?);
    let range = |at: usize| Some((u16_at(info, at)?, u16_at(info, at + 2)?));
    let from = in_range(source, range(0)?).inverted(inverted & 1 != 0);
    let to = in_range(destination, range(4)?).inverted(inverted & 2 != 0);
    Some(from.and(to))
}

/// xt_tcp: an option, then the mask of flags and their values, before the bits that invert.
fn tcp(info: &[u8], packet: &Packet<'_>) -> Option<Matches> {
    let [option, mask, wanted, inverted] = *info.get(8..)?.first_chunk::<4>()?;
    if option != 0 {
        return None;
    }
    let flags = match packet.tcp_flags {
        _ if mask == 0 => Matches::Yes,
        Some(flags) => Matches::of(flags & mask == wanted).inverted(inverted & 4 != 0),
        None => Matches::Maybe,
    };
    Some(ports(info, packet, 11)?.and(flags))
}

/// xt_multiport_v1: which ports, their number, the ports, whether the next is the end of a range, and
/// whether it is inverted.
fn multiport(info: &[u8], packet: &Packet<'_>) -> Option<Matches> {
    let (source, destination) = (packet.sources()?, packet.destinations()?);
    let count = usize::from(*info.get(1)?);
    let asked = match info.first()? {
        0 => vec![source],
        1 => vec![destination],
        _ => vec![source, destination],
    };
    let mut found = Matches::No;
    let mut at = 0;
    while at < count {
        let first = u16_at(info, 2 + 2 * at)?;
        let ranges = *info.get(32 + at)? != 0;
        let last = if ranges {
            u16_at(info, 4 + 2 * at)?
        } else {
            first
        };
        at += 1 + usize::from(ranges);
        for port in &asked {
            match in_range(*port, (first, last)) {
                Matches::Yes => found = Matches::Yes,
                Matches::Maybe if found == Matches::No => found = Matches::Maybe,
                _ => {}
            }
        }
    }
    Some(found.inverted(*info.get(47)? != 0))
}

/// struct ipt_icmp and ip6t_icmp: a type (255 for all), the first and the last code, and a bit that
/// inverts. Predicted packets of these types have the code 0.
fn icmp(info: &[u8], packet: &Packet<'_>) -> Option<Matches> {
    const ANY: u8 = 255;
    let [kind, first, last, inverted] = *info.first_chunk::<4>()?;
    let of = packet.context.icmp?;
    let fits = kind == ANY || (kind == of && (first..=last).contains(&0));
    Some(Matches::of(fits != (inverted & 1 != 0)))
}

/// xt_mark_mtinfo1 and xt_connmark_mtinfo1: value, mask, inverted.
fn marked(info: &[u8], mark: Mark) -> Option<Matches> {
    let (value, mask) = (u32_at(info, 0)?, u32_at(info, 4)?);
    let inverted = *info.get(8)? != 0;
    let answer = match () {
        () if (mark.value ^ value) & mask & mark.known != 0 => Matches::No,
        () if mask & !mark.known == 0 => Matches::Yes,
        () => Matches::Maybe,
    };
    Some(answer.inverted(inverted))
}

/// xt_addrtype_info_v1: types of the source and of the destination, and bits that invert them.
fn address_type(info: &[u8], packet: &Packet<'_>) -> Option<Matches> {
    let (source, destination) = (u16_at(info, 0)?, u16_at(info, 2)?);
    let flags = u32_at(info, 4)?;
    if source != 0 || flags & !2 != 0 {
        return None;
    }
    let own = if packet.context.to_local {
        LOCAL
    } else {
        UNICAST
    };
    Some(Matches::of(destination & own != 0).inverted(flags & 2 != 0))
}

/// What a target does.
pub(super) enum Target {
    None,
    Mark(Mark),
    ConnectionMark(Mark),
    Untracked,
    Act(Act),
}

pub(super) fn target(attrs: Attrs<'_>, packet: &Packet<'_>) -> Target {
    let name = attrs.find(NAME).map(string_of).unwrap_or_default();
    let info = attrs.find(INFO).unwrap_or_default();
    match name.as_str() {
        "LOG" | "NFLOG" | "TCPMSS" | "TRACE" | "TOS" | "DSCP" | "CLASSIFY" | "CHECKSUM" | "TTL"
        | "HL" => Target::None,
        "MARK" => Target::Mark(new_mark(info, packet.mark).unwrap_or(Mark::ANY)),
        "CONNMARK" => connection_mark(info, packet),
        // XT_CT_NOTRACK.
        "CT" if u16_at(info, 0).is_some_and(|flags| flags & 1 != 0) => Target::Untracked,
        "NOTRACK" => Target::Untracked,
        "CT" => Target::None,
        "REJECT" => {
            let reply = of_iptables(u32_at(info, 0), IpVersion::of(packet.context.from));
            Target::Act(Act::Drop(reply))
        }
        "ACCEPT" => Target::Act(Act::Verdict(Verdict::Accept)),
        "MASQUERADE" => Target::Act(Act::Translate(Translation::Masquerade)),
        "DNAT" | "REDIRECT" | "SNAT" => {
            let revision = attrs.find(REVISION).and_then(crate::wire::be32_of);
            Target::Act(Act::Translate(translation(&name, info, revision, packet)))
        }
        _ => Target::Act(Act::Unknown),
    }
}

/// A mark with the bits of a mask replaced, or inverted.
fn new_mark(info: &[u8], mark: Mark) -> Option<Mark> {
    let (value, mask) = (u32_at(info, 0)?, u32_at(info, 4)?);
    let known = mark.known | mask;
    Some(Mark {
        value: ((mark.value & !mask) ^ value) & known,
        known,
    })
}

/// xt_connmark_tginfo1: mark and mask of the connection, mask of the packet, and what is done.
fn connection_mark(info: &[u8], packet: &Packet<'_>) -> Target {
    let parts = || Some((u32_at(info, 4)?, u32_at(info, 8)?, *info.get(12)?));
    let (of_packet, of_connection) = (packet.mark, packet.connection_mark);
    // The bits of one mark within a mask, among the others of another one.
    let join = |from: Mark, from_mask: u32, into: Mark, into_mask: u32| {
        let taken = from.known | !from_mask;
        let kept = into.known | into_mask;
        let known = taken & kept;
        Mark {
            value: ((into.value & !into_mask) ^ (from.value & from_mask)) & known,
            known,
        }
    };
    match parts() {
        Some((_, _, 0)) => {
            Target::ConnectionMark(new_mark(info, of_connection).unwrap_or(Mark::ANY))
        }
        Some((ct_mask, mask, 1)) => {
            Target::ConnectionMark(join(of_packet, mask, of_connection, ct_mask))
        }
        Some((ct_mask, mask, 2)) => Target::Mark(join(of_connection, ct_mask, of_packet, mask)),
        _ => Target::Mark(Mark::ANY),
    }
}

/// nf_nat_range and nf_nat_range2: flags, first and last address, first and last port. Older revisions
/// for IPv4: a number, flags, two addresses of four bytes, two ports.
fn translation(name: &str, info: &[u8], revision: Option<u32>, packet: &Packet<'_>) -> Translation {
    const ADDRESSES: u32 = 1;
    const PORTS: u32 = 2;
    let v4 = packet.context.from.is_ipv4();
    let old = info.len() < 40 && v4 && (name != "DNAT" || revision == Some(0));
    let (flags_at, first, last, port) = if old { (4, 8, 12, 16) } else { (0, 4, 20, 36) };
    let flags = u32_at(info, flags_at).unwrap_or_default();
    let address = |at: usize| -> Option<IpAddr> {
        let bytes = info.get(at..)?;
        Some(match v4 {
            true => Ipv4Addr::from(*bytes.first_chunk::<4>()?).into(),
            false => Ipv6Addr::from(*bytes.first_chunk::<16>()?).into(),
        })
    };
    let single = address(first).filter(|a| Some(*a) == address(last));
    let to = single.filter(|_| flags & ADDRESSES != 0);
    let ports = be16_at(info, port).filter(|p| Some(*p) == be16_at(info, port + 2));
    let port = ports.filter(|_| flags & PORTS != 0);
    let known = (flags & ADDRESSES == 0 || to.is_some()) && (flags & PORTS == 0 || port.is_some());
    match name {
        "SNAT" => Translation::Source(to),
        _ if !known => Translation::Destination(None, None),
        "REDIRECT" => Translation::Redirect(port),
        _ => Translation::Destination(to, port),
    }
}
