//! The meaning of bytes in a comparison or an element, by the type of the other operand.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::names;
use crate::DataType;
use crate::value::comment as kept;
use crate::wire::{be16_of, be32_of, string_of, u32_of};

/// Big-endian bytes, so that values sort and compare as numbers.
pub(super) fn ordered(kind: DataType, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if kind.host_order() && cfg!(target_endian = "little") {
        out.reverse();
    }
    out
}

pub(super) fn number(kind: DataType, bytes: &[u8]) -> Option<u64> {
    let bytes = ordered(kind, bytes);
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0, |sum, b| (sum << 8) | u64::from(*b)))
}

fn hex(bytes: &[u8]) -> String {
    let digits: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    let digits = digits.trim_start_matches('0');
    format!("0x{}", if digits.is_empty() { "0" } else { digits })
}

/// Names of bits, lowest first; bits without a name as a number.
pub(super) fn flag_names(table: &[(u64, &str)], value: u64, separator: &str) -> String {
    let mut out: Vec<String> = Vec::new();
    for bit in (0..64).map(|n| 1_u64 << n).filter(|bit| value & bit != 0) {
        let name = table.iter().find(|(b, _)| *b == bit);
        out.push(name.map_or_else(|| format!("0x{bit:x}"), |(_, name)| (*name).into()));
    }
    if out.is_empty() {
        return "0x0".into();
    }
    out.join(separator)
}

/// nft has no syntax for a quotation mark or a newline within quotation marks.
pub(super) fn quoted(text: &str) -> String {
    let inner: String = text
        .chars()
        .map(|c| match c {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    format!("\"{inner}\"")
}

/// `comment "..."`, cut to the length that nf_tables keeps.
pub(super) fn comment(text: &str) -> String {
    format!("comment {}", quoted(kept(text)))
}

/// Prints values, with the names of interfaces.
#[derive(Clone, Copy)]
pub(super) struct Values<'a>(pub(super) &'a dyn Fn(u32) -> Option<String>);

impl Values<'_> {
    /// A value in nft syntax.
    pub(super) fn value(self, kind: DataType, bytes: &[u8]) -> String {
        let name = match kind {
            DataType::IfIndex => u32_of(bytes).and_then(self.0),
            _ => None,
        };
        name.map_or_else(|| value(kind, bytes), |name| quoted(&name))
    }

    /// `first-last`, or a prefix if it is one and the type has prefixes.
    pub(super) fn range(self, kind: DataType, first: &[u8], last: &[u8]) -> String {
        match kind {
            DataType::IfIndex if first == last => self.value(kind, first),
            _ => range(kind, first, last),
        }
    }
}

/// Names of the bits of types that are sets of flags, written `a,b`.
pub(super) fn flags(kind: DataType) -> Option<&'static [(u64, &'static str)]> {
    match kind {
        DataType::CtState => Some(names::CT_STATES),
        DataType::CtStatus => Some(names::CT_STATUS),
        DataType::TcpFlags => Some(names::TCP_FLAGS),
        DataType::Label => Some(&[]),
        _ => None,
    }
}

/// A value in nft syntax.
pub(super) fn value(kind: DataType, bytes: &[u8]) -> String {
    special(kind, bytes).unwrap_or_else(|| match number(kind, bytes) {
        _ if matches!(kind, DataType::Unknown(_)) => hex(bytes),
        Some(number) => named(kind, number),
        None => hex(bytes),
    })
}

/// A MAC address.
#[must_use]
pub fn mac(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
    pairs.join(":")
}

/// Values that are not numbers.
fn special(kind: DataType, bytes: &[u8]) -> Option<String> {
    Some(match kind {
        DataType::Ipv4 => Ipv4Addr::from(be32_of(bytes)?).to_string(),
        DataType::Ipv6 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string(),
        DataType::Ether => mac(bytes),
        // Without its terminator it is the beginning of names.
        DataType::IfName if bytes.contains(&0) => quoted(&string_of(bytes)),
        DataType::IfName => quoted(&format!("{}*", string_of(bytes))),
        DataType::Label => {
            let bit = |n: &usize| bytes.get(n / 8).is_some_and(|b| b >> (n % 8) & 1 == 1);
            let bits: Vec<String> = (0..bytes.len() * 8)
                .filter(bit)
                .map(|n| n.to_string())
                .collect();
            bits.join(",")
        }
        DataType::Priority => match u32_of(bytes)? {
            0 => "none".into(),
            u32::MAX => "root".into(),
            handle => format!("{:x}:{:x}", handle >> 16, handle & 0xffff),
        },
        DataType::Hour => {
            let (minutes, seconds) = (u32_of(bytes)? / 60, u32_of(bytes)? % 60);
            let text = format!("{:02}:{:02}", minutes / 60, minutes % 60);
            quoted(&match seconds {
                0 => text,
                seconds => format!("{text}:{seconds:02}"),
            })
        }
        DataType::Day => {
            let day = usize::from(*bytes.first()?);
            quoted(names::DAYS.get(day)?)
        }
        DataType::String => quoted(&string_of(bytes)),
        DataType::IfIndex => u32_of(bytes)?.to_string(),
        DataType::EtherType => match be16_of(bytes)? {
            0x0800 => "ip".into(),
            0x0806 => "arp".into(),
            0x86dd => "ip6".into(),
            0x8100 => "8021q".into(),
            0x88a8 => "8021ad".into(),
            other => format!("{other:#06x}"),
        },
        _ => return None,
    })
}

fn named(kind: DataType, number: u64) -> String {
    if let Some(table) = flags(kind) {
        return flag_names(table, number, ",");
    }
    let table: &[(u64, &str)] = match kind {
        DataType::Mark => return format!("{number:#010x}"),
        DataType::InetProto => names::PROTOCOLS,
        DataType::NfProto => names::NF_PROTOCOLS,
        DataType::LinkType => names::LINK_TYPES,
        DataType::IcmpType => names::ICMP_TYPES,
        DataType::Icmpv6Type => names::ICMPV6_TYPES,
        DataType::IcmpCode => names::ICMP_CODES,
        DataType::Icmpv6Code => names::ICMPV6_CODES,
        DataType::CtDirection => &[(0, "original"), (1, "reply")],
        DataType::Dscp => names::DSCP,
        DataType::Ecn => &[(0, "not-ect"), (1, "ect1"), (2, "ect0"), (3, "ce")],
        DataType::FibType => names::FIB_TYPES,
        DataType::PacketType => names::PACKET_TYPES,
        DataType::ArpOperation => names::ARP_OPERATIONS,
        DataType::Present => &[(0, "missing"), (1, "exists")],
        DataType::DevGroup => &[(0, "default")],
        _ => &[],
    };
    let name = table.iter().find(|(n, _)| *n == number);
    match (name, kind) {
        (Some((_, name)), _) => (*name).into(),
        (None, DataType::Dscp) => format!("{number:#04x}"),
        (None, _) => number.to_string(),
    }
}

/// The number of leading bits that are set, if only those are.
pub(super) fn prefix_of(mask: &[u8]) -> Option<u32> {
    let ones: u32 = mask
        .iter()
        .map(|b| b.leading_ones())
        .zip(mask)
        .scan(true, |open, (ones, _)| {
            let counted = if *open { ones } else { 0 };
            *open &= ones == 8;
            Some(counted)
        })
        .sum();
    let total: u32 = mask.iter().map(|b| b.count_ones()).sum();
    (ones == total).then_some(ones)
}

/// `first-last`, or a prefix if it is one and the type has prefixes.
pub(super) fn range(kind: DataType, first: &[u8], last: &[u8]) -> String {
    if first == last {
        return value(kind, first);
    }
    if kind.address() && first.len() == last.len() {
        let same: Vec<u8> = first.iter().zip(last).map(|(a, b)| !(a ^ b)).collect();
        let low = first.iter().zip(&same).all(|(a, m)| a & !m == 0);
        if let Some(bits) = prefix_of(&same).filter(|_| low) {
            return format!("{}/{bits}", value(kind, first));
        }
    }
    if kind == DataType::IfName {
        let end = first.iter().position(|b| *b == 0).unwrap_or(first.len());
        return value(kind, first.get(..end).unwrap_or_default());
    }
    format!("{}-{}", value(kind, first), value(kind, last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_comments_are_cut_between_characters() {
        let text = comment(&"ä".repeat(100));
        assert_eq!(text, format!("comment \"{}\"", "ä".repeat(63)));
    }
}
