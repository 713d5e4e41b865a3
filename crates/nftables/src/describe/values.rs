//! What the bytes of a comparison or an element mean, by the type of what they are compared with.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::names;
use crate::wire::{be16_of, be32_of, string_of, u32_of};

/// A type of value, after nft's data types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A number in network byte order.
    Number,
    /// A number in the machine's byte order.
    HostNumber,
    Ipv4,
    Ipv6,
    Ether,
    EtherType,
    InetProto,
    Service,
    Mark,
    IfIndex,
    IfName,
    DevGroup,
    NfProto,
    LinkType,
    IcmpType,
    Icmpv6Type,
    IcmpCode,
    Icmpv6Code,
    TcpFlags,
    CtState,
    CtStatus,
    CtDirection,
    Dscp,
    Ecn,
    FibType,
    PacketType,
    ArpOperation,
    Present,
    Priority,
    Label,
    Day,
    Hour,
    String,
    Unknown,
}

impl Kind {
    /// By nft's own number of a set's key or value type (enum datatypes).
    pub(super) fn of_number(number: u32) -> Self {
        match number {
            2 => Self::NfProto,
            5 => Self::String,
            7 => Self::Ipv4,
            8 => Self::Ipv6,
            9 => Self::Ether,
            10 => Self::EtherType,
            11 => Self::ArpOperation,
            12 => Self::InetProto,
            13 => Self::Service,
            14 => Self::IcmpType,
            15 => Self::TcpFlags,
            19 => Self::Mark,
            20 => Self::IfIndex,
            21 => Self::LinkType,
            26 => Self::CtState,
            27 => Self::CtDirection,
            28 => Self::CtStatus,
            29 => Self::Icmpv6Type,
            31 => Self::PacketType,
            32 => Self::IcmpCode,
            33 => Self::Icmpv6Code,
            35 => Self::DevGroup,
            36 => Self::Dscp,
            37 => Self::Ecn,
            38 => Self::FibType,
            39 => Self::Present,
            41 => Self::IfName,
            _ => Self::Unknown,
        }
    }

    /// Bytes of a value; 0 when the type does not say.
    pub(super) fn length(self) -> usize {
        match self {
            Self::NfProto
            | Self::InetProto
            | Self::IcmpType
            | Self::Icmpv6Type
            | Self::IcmpCode
            | Self::Icmpv6Code
            | Self::TcpFlags
            | Self::CtDirection
            | Self::Dscp
            | Self::Ecn
            | Self::PacketType
            | Self::Day
            | Self::Present => 1,
            Self::Service | Self::EtherType | Self::LinkType | Self::ArpOperation => 2,
            Self::Ipv4
            | Self::Mark
            | Self::IfIndex
            | Self::DevGroup
            | Self::CtState
            | Self::CtStatus
            | Self::Priority
            | Self::Hour
            | Self::FibType => 4,
            Self::Ether => 6,
            Self::Ipv6 | Self::IfName | Self::Label => 16,
            _ => 0,
        }
    }

    /// Kept in the machine's byte order.
    pub(super) fn host_order(self) -> bool {
        matches!(
            self,
            Self::HostNumber
                | Self::Mark
                | Self::IfIndex
                | Self::DevGroup
                | Self::LinkType
                | Self::CtState
                | Self::CtStatus
                | Self::FibType
                | Self::Present
                | Self::Priority
                | Self::Hour
                | Self::Label
        )
    }

    /// Sets of flags, written `a,b`.
    pub(super) fn flags(self) -> Option<&'static [(u64, &'static str)]> {
        match self {
            Self::CtState => Some(names::CT_STATES),
            Self::CtStatus => Some(names::CT_STATUS),
            Self::TcpFlags => Some(names::TCP_FLAGS),
            Self::Label => Some(&[]),
            _ => None,
        }
    }

    pub(super) fn address(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }
}

/// Big-endian bytes, so that values sort and compare as numbers.
pub(super) fn ordered(kind: Kind, bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if kind.host_order() && cfg!(target_endian = "little") {
        out.reverse();
    }
    out
}

pub(super) fn number(kind: Kind, bytes: &[u8]) -> Option<u64> {
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

/// Names of bits, lowest first; what has none as a number.
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

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

/// Prints values; knows the names of interfaces.
#[derive(Clone, Copy)]
pub(super) struct Values<'a>(pub(super) &'a dyn Fn(u32) -> Option<String>);

impl Values<'_> {
    /// A value in nft's words.
    pub(super) fn value(self, kind: Kind, bytes: &[u8]) -> String {
        let name = match kind {
            Kind::IfIndex => u32_of(bytes).and_then(self.0),
            _ => None,
        };
        name.map_or_else(|| value(kind, bytes), |name| quoted(&name))
    }

    /// `first-last`, or a prefix where it is one and the type writes those.
    pub(super) fn range(self, kind: Kind, first: &[u8], last: &[u8]) -> String {
        match kind {
            Kind::IfIndex if first == last => self.value(kind, first),
            _ => range(kind, first, last),
        }
    }
}

/// A value in nft's words.
pub(super) fn value(kind: Kind, bytes: &[u8]) -> String {
    special(kind, bytes).unwrap_or_else(|| match number(kind, bytes) {
        _ if kind == Kind::Unknown => hex(bytes),
        Some(number) => named(kind, number),
        None => hex(bytes),
    })
}

/// Values that are not numbers.
fn special(kind: Kind, bytes: &[u8]) -> Option<String> {
    Some(match kind {
        Kind::Ipv4 => Ipv4Addr::from(be32_of(bytes)?).to_string(),
        Kind::Ipv6 => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string(),
        Kind::Ether => {
            let pairs: Vec<String> = bytes.iter().map(|b| format!("{b:02x}")).collect();
            pairs.join(":")
        }
        // Without its terminator it is the beginning of names.
        Kind::IfName if bytes.contains(&0) => quoted(&string_of(bytes)),
        Kind::IfName => quoted(&format!("{}*", string_of(bytes))),
        Kind::Label => {
            let bit = |n: &usize| bytes.get(n / 8).is_some_and(|b| b >> (n % 8) & 1 == 1);
            let bits: Vec<String> = (0..bytes.len() * 8)
                .filter(bit)
                .map(|n| n.to_string())
                .collect();
            bits.join(",")
        }
        Kind::Priority => match u32_of(bytes)? {
            0 => "none".into(),
            u32::MAX => "root".into(),
            handle => format!("{:x}:{:x}", handle >> 16, handle & 0xffff),
        },
        Kind::Hour => {
            let (minutes, seconds) = (u32_of(bytes)? / 60, u32_of(bytes)? % 60);
            let text = format!("{:02}:{:02}", minutes / 60, minutes % 60);
            quoted(&match seconds {
                0 => text,
                seconds => format!("{text}:{seconds:02}"),
            })
        }
        Kind::Day => {
            let day = usize::from(*bytes.first()?);
            quoted(names::DAYS.get(day)?)
        }
        Kind::String => quoted(&string_of(bytes)),
        Kind::IfIndex => u32_of(bytes)?.to_string(),
        Kind::EtherType => match be16_of(bytes)? {
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

fn named(kind: Kind, number: u64) -> String {
    if let Some(table) = kind.flags() {
        return flag_names(table, number, ",");
    }
    let table: &[(u64, &str)] = match kind {
        Kind::Mark => return format!("{number:#010x}"),
        Kind::InetProto => names::PROTOCOLS,
        Kind::NfProto => names::NF_PROTOCOLS,
        Kind::LinkType => names::LINK_TYPES,
        Kind::IcmpType => names::ICMP_TYPES,
        Kind::Icmpv6Type => names::ICMPV6_TYPES,
        Kind::IcmpCode => names::ICMP_CODES,
        Kind::Icmpv6Code => names::ICMPV6_CODES,
        Kind::CtDirection => &[(0, "original"), (1, "reply")],
        Kind::Dscp => names::DSCP,
        Kind::Ecn => &[(0, "not-ect"), (1, "ect1"), (2, "ect0"), (3, "ce")],
        Kind::FibType => names::FIB_TYPES,
        Kind::PacketType => names::PACKET_TYPES,
        Kind::ArpOperation => names::ARP_OPERATIONS,
        Kind::Present => &[(0, "missing"), (1, "exists")],
        Kind::DevGroup => &[(0, "default")],
        _ => &[],
    };
    let name = table.iter().find(|(n, _)| *n == number);
    match (name, kind) {
        (Some((_, name)), _) => (*name).into(),
        (None, Kind::Dscp) => format!("{number:#04x}"),
        (None, _) => number.to_string(),
    }
}

/// How many leading bits are set, when only those are.
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

/// `first-last`, or a prefix where it is one and the type writes those.
pub(super) fn range(kind: Kind, first: &[u8], last: &[u8]) -> String {
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
    if kind == Kind::IfName {
        let end = first.iter().position(|b| *b == 0).unwrap_or(first.len());
        return value(kind, first.get(..end).unwrap_or_default());
    }
    format!("{}-{}", value(kind, first), value(kind, last))
}
