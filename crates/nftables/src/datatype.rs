//! Types of values, the same as nft's (its enum datatypes): of the fields of keys, and of the
//! values in rules.

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    /// A number in network byte order.
    Number,
    /// A number in the byte order of the machine.
    HostNumber,
    /// An IPv4 address (`ipv4_addr`).
    Ipv4,
    /// An IPv6 address (`ipv6_addr`).
    Ipv6,
    /// A MAC address (`ether_addr`).
    Ether,
    /// The protocol of a frame (`ether_type`).
    EtherType,
    /// The protocol of an IP packet (`inet_proto`).
    InetProto,
    /// A port (`inet_service`).
    Service,
    /// The mark of a packet or connection (`mark`).
    Mark,
    /// The index of an interface (`iface_index`).
    IfIndex,
    /// The name of an interface (`ifname`).
    IfName,
    /// The group of an interface (`devgroup`).
    DevGroup,
    /// The IP version of a packet (`nf_proto`).
    NfProto,
    /// The kind of an interface (`iface_type`).
    LinkType,
    /// The type of an ICMP message (`icmp_type`).
    IcmpType,
    /// The type of an ICMPv6 message (`icmpv6_type`).
    Icmpv6Type,
    /// The code of an ICMP message (`icmp_code`).
    IcmpCode,
    /// The code of an ICMPv6 message (`icmpv6_code`).
    Icmpv6Code,
    /// The flags of a TCP segment (`tcp_flag`).
    TcpFlags,
    /// The states of a connection (`ct_state`).
    CtState,
    /// The status bits of a connection (`ct_status`).
    CtStatus,
    /// The direction of a packet in its connection (`ct_dir`).
    CtDirection,
    /// A differentiated services codepoint (`dscp`).
    Dscp,
    /// Explicit congestion notification (`ecn`).
    Ecn,
    /// The kind of a route (`fib_addrtype`).
    FibType,
    /// To whom a frame is addressed (`pkt_type`).
    PacketType,
    /// The operation of an ARP message (`arp_op`).
    ArpOperation,
    /// Whether a header or option exists (`boolean`).
    Present,
    /// The class of a packet for queueing (`classid`).
    Priority,
    /// The labels of a connection (`ct_label`).
    Label,
    /// A day of the week (`day`).
    Day,
    /// A time of the day (`hour`).
    Hour,
    /// A text (`string`).
    String,
    /// Four bytes of a packet that nft has no type for: its integer.
    Bytes4,
    /// Six such bytes.
    Bytes6,
    /// Sixteen such bytes.
    Bytes16,
    /// A verdict, as value of a verdict map.
    Verdict,
    /// A type with this number, which is unknown in this crate.
    Unknown(u8),
}

/// nft's number of the type of integers, whatever their length (TYPE_INTEGER).
const INTEGER: u8 = 4;
/// The data type of verdict maps (NFT_DATA_VERDICT).
const VERDICT: u32 = 0xffff_ff00;
/// Bits of one type in the number of a concatenation (nft's TYPE_BITS).
const BITS: u32 = 6;

/// Types of keys and values of sets: number, type, nft's name.
const SET_TYPES: [(u8, DataType, &str); 27] = [
    (2, DataType::NfProto, "nf_proto"),
    (5, DataType::String, "string"),
    (7, DataType::Ipv4, "ipv4_addr"),
    (8, DataType::Ipv6, "ipv6_addr"),
    (9, DataType::Ether, "ether_addr"),
    (10, DataType::EtherType, "ether_type"),
    (11, DataType::ArpOperation, "arp_op"),
    (12, DataType::InetProto, "inet_proto"),
    (13, DataType::Service, "inet_service"),
    (14, DataType::IcmpType, "icmp_type"),
    (15, DataType::TcpFlags, "tcp_flag"),
    (19, DataType::Mark, "mark"),
    (20, DataType::IfIndex, "iface_index"),
    (21, DataType::LinkType, "iface_type"),
    (26, DataType::CtState, "ct_state"),
    (27, DataType::CtDirection, "ct_dir"),
    (28, DataType::CtStatus, "ct_status"),
    (29, DataType::Icmpv6Type, "icmpv6_type"),
    (31, DataType::PacketType, "pkt_type"),
    (32, DataType::IcmpCode, "icmp_code"),
    (33, DataType::Icmpv6Code, "icmpv6_code"),
    (35, DataType::DevGroup, "devgroup"),
    (36, DataType::Dscp, "dscp"),
    (37, DataType::Ecn, "ecn"),
    (38, DataType::FibType, "fib_addrtype"),
    (39, DataType::Present, "boolean"),
    (41, DataType::IfName, "ifname"),
];

impl DataType {
    /// The type with nft's number.
    #[must_use]
    pub fn of(number: u8) -> Self {
        let found = SET_TYPES.iter().find(|(n, _, _)| *n == number);
        found.map_or(Self::Unknown(number), |(_, kind, _)| *kind)
    }

    /// nft's number; 0 for types that only expressions have.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unknown(number) => return number,
            Self::Bytes4 | Self::Bytes6 | Self::Bytes16 => return INTEGER,
            _ => {}
        }
        let found = SET_TYPES.iter().find(|(_, kind, _)| *kind == self);
        found.map_or(0, |(number, _, _)| *number)
    }

    /// nft's name, as in `type ipv4_addr . inet_service`.
    #[must_use]
    pub fn name(self) -> &'static str {
        if self == Self::Verdict {
            return "verdict";
        }
        if self.number() == INTEGER {
            return "integer";
        }
        let found = SET_TYPES.iter().find(|(_, kind, _)| *kind == self);
        found.map_or("unknown", |(_, _, name)| *name)
    }

    /// The number of a concatenation of types.
    #[must_use]
    pub fn joined(types: &[Self]) -> u32 {
        match types {
            [Self::Verdict] => VERDICT,
            many => many
                .iter()
                .fold(0, |sum, t| (sum << BITS) | u32::from(t.number())),
        }
    }

    /// The types of a concatenation's number.
    #[must_use]
    pub fn split(number: u32) -> Vec<Self> {
        if number == VERDICT {
            return vec![Self::Verdict];
        }
        let mut out = Vec::new();
        let mut rest = number;
        while rest != 0 {
            out.push(Self::of((rest & ((1 << BITS) - 1)) as u8));
            rest >>= BITS;
        }
        out.reverse();
        out
    }

    /// The types of a key with the length of its integer, which is the rest of the key's bytes.
    pub(crate) fn sized(mut types: Vec<Self>, key_length: usize) -> Vec<Self> {
        let integers = types.iter().filter(|t| t.number() == INTEGER).count();
        let others: usize = match types.as_slice() {
            [_] => 0,
            many => many.iter().map(|t| t.length().next_multiple_of(4)).sum(),
        };
        let integer = match (integers, key_length.saturating_sub(others)) {
            (1, 4) => Self::Bytes4,
            (1, 8) => Self::Bytes6,
            (1, 16) => Self::Bytes16,
            _ => return types,
        };
        for kind in types.iter_mut().filter(|t| t.number() == INTEGER) {
            *kind = integer;
        }
        types
    }

    /// Bytes of a value; 0 for a type without a fixed length.
    #[must_use]
    pub fn length(self) -> usize {
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
            | Self::Bytes4
            | Self::Mark
            | Self::IfIndex
            | Self::DevGroup
            | Self::CtState
            | Self::CtStatus
            | Self::Priority
            | Self::Hour
            | Self::FibType => 4,
            Self::Ether | Self::Bytes6 => 6,
            Self::Ipv6 | Self::IfName | Self::Label | Self::Bytes16 => 16,
            _ => 0,
        }
    }

    /// Bytes of a key or value of these fields: several are padded to four bytes each.
    #[must_use]
    pub fn joined_length(types: &[Self]) -> usize {
        match types {
            [one] => one.length(),
            many => many.iter().map(|t| t.length().next_multiple_of(4)).sum(),
        }
    }

    /// Whether its values are numbers in the byte order of the machine.
    #[must_use]
    pub fn host_order(self) -> bool {
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

    /// Whether it is the type of addresses of IP.
    #[must_use]
    pub fn address(self) -> bool {
        matches!(self, Self::Ipv4 | Self::Ipv6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concatenations_have_one_number() {
        let types = [DataType::Ipv4, DataType::InetProto, DataType::Service];
        assert_eq!(DataType::joined(&types), (7 << 12) | (12 << 6) | 13);
        assert_eq!(DataType::split(DataType::joined(&types)), types);
        assert_eq!(DataType::joined_length(&types), 12);
        assert_eq!(DataType::split(VERDICT), [DataType::Verdict]);
        for number in 1..64 {
            assert_eq!(DataType::of(number).number(), number);
        }
    }
}
