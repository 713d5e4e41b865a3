//! The contents of registers, as text.

use super::fields::Fields;
use super::values::flag_names;
use crate::DataType;

/// The source of a register's content.
#[derive(Debug, Clone)]
pub(super) enum OperandSource {
    /// Bytes of the packet, whose name depends on the known headers when they are used.
    Payload { base: u32, offset: u32, length: u32 },
    /// A selector with its own name.
    Named(String, DataType),
    /// A constant.
    Bytes(Vec<u8>),
}

/// A register's content.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    pub(super) source: OperandSource,
    /// Bytes.
    pub(super) length: usize,
    pub(super) mask: Option<Vec<u8>>,
    /// The number of bits it was shifted, to the left when negative.
    pub(super) shift: i64,
    /// Converted from the machine's byte order to the network's.
    pub(super) swapped: bool,
    /// Bits of the packet that are kept and set, if only some are replaced.
    pub(super) change: Option<(Vec<u8>, Vec<u8>)>,
}

impl Operand {
    pub(super) fn new(source: OperandSource, length: usize) -> Self {
        Self {
            source,
            length,
            mask: None,
            shift: 0,
            swapped: false,
            change: None,
        }
    }

    pub(super) fn named(text: impl Into<String>, kind: DataType) -> Self {
        let length = match kind.length() {
            0 => 4,
            length => length,
        };
        Self::new(OperandSource::Named(text.into(), kind), length)
    }
}

pub(super) fn meta(key: u32) -> Option<(&'static str, DataType)> {
    Some(match key {
        0 => ("meta length", DataType::HostNumber),
        1 => ("meta protocol", DataType::EtherType),
        2 => ("meta priority", DataType::Priority),
        3 => ("meta mark", DataType::Mark),
        4 => ("iif", DataType::IfIndex),
        5 => ("oif", DataType::IfIndex),
        6 => ("iifname", DataType::IfName),
        7 => ("oifname", DataType::IfName),
        8 => ("meta iiftype", DataType::LinkType),
        9 => ("meta oiftype", DataType::LinkType),
        10 => ("meta skuid", DataType::HostNumber),
        11 => ("meta skgid", DataType::HostNumber),
        12 => ("meta nftrace", DataType::Number),
        13 => ("meta rtclassid", DataType::HostNumber),
        14 => ("meta secmark", DataType::HostNumber),
        15 => ("meta nfproto", DataType::NfProto),
        16 => ("meta l4proto", DataType::InetProto),
        17 => ("meta ibrname", DataType::IfName),
        18 => ("meta obrname", DataType::IfName),
        19 => ("meta pkttype", DataType::PacketType),
        20 => ("meta cpu", DataType::HostNumber),
        21 => ("iifgroup", DataType::DevGroup),
        22 => ("oifgroup", DataType::DevGroup),
        23 => ("meta cgroup", DataType::HostNumber),
        24 => ("meta random", DataType::HostNumber),
        25 => ("meta ipsec", DataType::Present),
        26 => ("meta iifkind", DataType::IfName),
        27 => ("meta oifkind", DataType::IfName),
        28 => ("meta ibrpvid", DataType::HostNumber),
        29 => ("meta ibrvproto", DataType::EtherType),
        30 => ("meta time", DataType::HostNumber),
        31 => ("meta day", DataType::Day),
        32 => ("meta hour", DataType::Hour),
        33 => ("meta sdif", DataType::IfIndex),
        34 => ("meta sdifname", DataType::IfName),
        35 => ("meta broute", DataType::Number),
        _ => return None,
    })
}

pub(super) fn ct(key: u32) -> Option<(&'static str, DataType)> {
    Some(match key {
        0 => ("state", DataType::CtState),
        1 => ("direction", DataType::CtDirection),
        2 => ("status", DataType::CtStatus),
        3 => ("mark", DataType::Mark),
        4 => ("secmark", DataType::HostNumber),
        5 => ("expiration", DataType::HostNumber),
        6 => ("helper", DataType::String),
        7 => ("l3proto", DataType::NfProto),
        8 => ("saddr", DataType::Unknown(0)),
        9 => ("daddr", DataType::Unknown(0)),
        10 => ("protocol", DataType::InetProto),
        11 => ("proto-src", DataType::Service),
        12 => ("proto-dst", DataType::Service),
        13 => ("label", DataType::Label),
        14 => ("packets", DataType::HostNumber),
        15 => ("bytes", DataType::HostNumber),
        16 => ("avgpkt", DataType::HostNumber),
        17 => ("zone", DataType::HostNumber),
        18 => ("event", DataType::HostNumber),
        19 => ("ip saddr", DataType::Ipv4),
        20 => ("ip daddr", DataType::Ipv4),
        21 => ("ip6 saddr", DataType::Ipv6),
        22 => ("ip6 daddr", DataType::Ipv6),
        23 => ("id", DataType::HostNumber),
        _ => return None,
    })
}

const FIB_FLAGS: &[(u64, &str)] = &[
    (1, "saddr"),
    (2, "daddr"),
    (4, "mark"),
    (8, "iif"),
    (16, "oif"),
];
const FIB_PRESENT: u32 = 32;

pub(super) fn fib(fields: Fields<'_>) -> Option<Operand> {
    let flags = fields.number(3)?;
    let keys = flag_names(FIB_FLAGS, u64::from(flags & !FIB_PRESENT), " . ");
    let (result, kind) = match fields.number(2)? {
        1 => ("oif", DataType::IfIndex),
        2 => ("oifname", DataType::IfName),
        3 => ("type", DataType::FibType),
        _ => return None,
    };
    let kind = match flags & FIB_PRESENT {
        0 => kind,
        _ => DataType::Present,
    };
    Some(Operand::named(format!("fib {keys} {result}"), kind))
}

pub(super) fn route(fields: Fields<'_>) -> Option<Operand> {
    let (text, kind) = match fields.number(2)? {
        0 => ("rt classid", DataType::HostNumber),
        1 => ("rt ip nexthop", DataType::Ipv4),
        2 => ("rt ip6 nexthop", DataType::Ipv6),
        3 => ("rt mtu", DataType::HostNumber),
        4 => ("rt ipsec", DataType::Present),
        _ => return None,
    };
    Some(Operand::named(text, kind))
}

pub(super) fn socket(fields: Fields<'_>) -> Option<Operand> {
    let level = fields.number(3).unwrap_or(0);
    let (text, kind) = match fields.number(1)? {
        0 => ("socket transparent".into(), DataType::Number),
        1 => ("socket mark".into(), DataType::Mark),
        2 => ("socket wildcard".into(), DataType::Number),
        3 => (
            format!("socket cgroupv2 level {level}"),
            DataType::HostNumber,
        ),
        _ => return None,
    };
    Some(Operand::named(text, kind))
}

pub(super) fn exthdr(fields: Fields<'_>) -> Option<Operand> {
    let (kind, offset, length) = (
        *fields.bytes(2)?.first()?,
        fields.number(3)?,
        fields.number(4)?,
    );
    let present = fields.number(5).unwrap_or(0) & 1 == 1;
    let name = match (fields.number(6).unwrap_or(0), kind) {
        (0, 0) => "exthdr hbh",
        (0, 43) => "exthdr rt",
        (0, 44) => "exthdr frag",
        (0, 50) => "exthdr esp",
        (0, 51) => "exthdr ah",
        (0, 60) => "exthdr dst",
        (0, 135) => "exthdr mh",
        (1, 2) => "tcp option maxseg",
        (1, 3) => "tcp option window",
        (1, 4) => "tcp option sack-perm",
        (1, 5) => "tcp option sack",
        (1, 8) => "tcp option timestamp",
        _ => return None,
    };
    let text = match (name, offset, length) {
        (name, _, _) if present => name.into(),
        ("tcp option maxseg", 2, 2) => "tcp option maxseg size".into(),
        ("tcp option window", 2, 1) => "tcp option window count".into(),
        (name, offset, length) => format!(
            "{name} @{},{}",
            u64::from(offset) * 8,
            u64::from(length) * 8
        ),
    };
    let kind = if present {
        DataType::Present
    } else {
        DataType::Number
    };
    let mut operand = Operand::named(text, kind);
    operand.length = if present { 1 } else { length as usize };
    Some(operand)
}
