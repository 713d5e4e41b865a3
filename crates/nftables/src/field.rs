//! Fields of packets in rules.

use crate::DataType;
use crate::IpVersion;
use crate::expr::{Expr, Meta, PayloadBase, Reg};

/// A field: what is compared, or looked up in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// The name of the interface the packet came in by.
    IifName,
    /// The name of the interface the packet leaves by.
    OifName,
    /// The device group of the interface the packet came in by.
    IifGroup,
    /// The device group of the interface the packet leaves by.
    OifGroup,
    /// The IP protocol.
    L4Proto,
    /// IPv4 source address.
    Ip4Saddr,
    /// IPv4 destination address.
    Ip4Daddr,
    /// IPv6 source address.
    Ip6Saddr,
    /// IPv6 destination address.
    Ip6Daddr,
    /// Source port, of protocols that have it in the same place as TCP and UDP.
    Sport,
    /// Destination port, of protocols that have it in the same place as TCP and UDP.
    Dport,
    /// The frame's ethertype.
    EtherType,
    /// The frame's source.
    EtherSaddr,
    /// The frame's destination.
    EtherDaddr,
    /// The sender's MAC address in an ARP packet.
    ArpSaddrEther,
    /// The sender's IPv4 address in an ARP packet.
    ArpSaddrIp,
    /// Type of ICMPv6.
    Icmp6Type,
    /// Type of ICMP.
    IcmpType,
    /// Type and code of ICMP.
    IcmpKind,
    /// Type of IGMP.
    IgmpType,
    /// Whether the frame is for this machine, broadcast, multicast or for another machine.
    PacketType,
    /// Bytes of an IPv6 packet after its header.
    Ip6Length,
    /// Hop limit of an IPv6 packet. The chain of forwarding finds it one lower than it came in.
    HopLimit6,
    /// The target of a neighbour solicitation or advertisement.
    NdTarget,
    /// Type and length of its first option.
    NdOption,
    /// The MAC address in its first option.
    NdOptionMac,
    /// The destination of the packet that an ICMP error is about.
    QuotedDaddr4,
    /// The same of an ICMPv6 error.
    QuotedDaddr6,
    /// The next header of that packet.
    QuotedNext6,
    /// The next header of its fragment header, which is the first after its own.
    QuotedFragmentNext6,
}

/// The source of a field.
pub(crate) enum FieldSource {
    Meta(Meta),
    /// Base, offset and length in bytes.
    Payload(PayloadBase, u32, u32),
}

const IPPROTO_ICMP: u8 = 1;
const IPPROTO_IGMP: u8 = 2;
const IPPROTO_ICMPV6: u8 = 58;

impl Field {
    /// Every field.
    pub const ALL: [Self; 30] = [
        Self::IifName,
        Self::OifName,
        Self::IifGroup,
        Self::OifGroup,
        Self::L4Proto,
        Self::Ip4Saddr,
        Self::Ip4Daddr,
        Self::Ip6Saddr,
        Self::Ip6Daddr,
        Self::Dport,
        Self::EtherType,
        Self::EtherSaddr,
        Self::EtherDaddr,
        Self::ArpSaddrEther,
        Self::ArpSaddrIp,
        Self::Icmp6Type,
        Self::IcmpType,
        Self::IcmpKind,
        Self::IgmpType,
        Self::PacketType,
        Self::Ip6Length,
        Self::HopLimit6,
        Self::NdTarget,
        Self::NdOption,
        Self::NdOptionMac,
        Self::QuotedDaddr4,
        Self::QuotedDaddr6,
        Self::QuotedNext6,
        Self::QuotedFragmentNext6,
        // After the field of ICMP at the same place.
        Self::Sport,
    ];

    /// The type of its values.
    #[must_use]
    pub fn data_type(self) -> DataType {
        match self {
            Self::IifName | Self::OifName => DataType::IfName,
            Self::IifGroup | Self::OifGroup => DataType::DevGroup,
            Self::L4Proto => DataType::InetProto,
            Self::Ip4Saddr | Self::Ip4Daddr | Self::ArpSaddrIp => DataType::Ipv4,
            Self::Ip6Saddr | Self::Ip6Daddr => DataType::Ipv6,
            Self::Sport | Self::Dport => DataType::Service,
            Self::EtherType => DataType::EtherType,
            Self::EtherSaddr | Self::EtherDaddr | Self::ArpSaddrEther => DataType::Ether,
            Self::Icmp6Type => DataType::Icmpv6Type,
            Self::IcmpType => DataType::IcmpType,
            Self::PacketType => DataType::PacketType,
            Self::Ip6Length
            | Self::HopLimit6
            | Self::NdOption
            | Self::IcmpKind
            | Self::IgmpType
            | Self::QuotedNext6
            | Self::QuotedFragmentNext6 => DataType::Number,
            Self::QuotedDaddr4 => DataType::Bytes4,
            Self::NdOptionMac => DataType::Bytes6,
            Self::NdTarget | Self::QuotedDaddr6 => DataType::Bytes16,
        }
    }

    /// The IP version of packets that have it, for a field of one version only.
    #[must_use]
    pub fn version(self) -> Option<IpVersion> {
        match self {
            Self::Ip4Saddr | Self::Ip4Daddr | Self::IcmpType | Self::IcmpKind | Self::IgmpType => {
                Some(IpVersion::V4)
            }
            Self::Ip6Saddr
            | Self::Ip6Daddr
            | Self::Ip6Length
            | Self::HopLimit6
            | Self::Icmp6Type => Some(IpVersion::V6),
            _ => None,
        }
    }

    /// The IP protocol of packets that have it, for a field of one protocol only.
    #[must_use]
    pub fn protocol(self) -> Option<u8> {
        match self {
            Self::IcmpType | Self::IcmpKind => Some(IPPROTO_ICMP),
            Self::IgmpType => Some(IPPROTO_IGMP),
            Self::Icmp6Type => Some(IPPROTO_ICMPV6),
            _ => None,
        }
    }

    pub(crate) fn source(self) -> FieldSource {
        use PayloadBase::{Link, Network, Transport};
        match self {
            Self::IifName => FieldSource::Meta(Meta::IifName),
            Self::OifName => FieldSource::Meta(Meta::OifName),
            Self::PacketType => FieldSource::Meta(Meta::PacketType),
            Self::IifGroup => FieldSource::Meta(Meta::IifGroup),
            Self::OifGroup => FieldSource::Meta(Meta::OifGroup),
            Self::L4Proto => FieldSource::Meta(Meta::L4Proto),
            Self::Ip4Saddr => FieldSource::Payload(Network, 12, 4),
            Self::Ip4Daddr => FieldSource::Payload(Network, 16, 4),
            Self::Ip6Saddr => FieldSource::Payload(Network, 8, 16),
            Self::Ip6Daddr => FieldSource::Payload(Network, 24, 16),
            Self::Sport => FieldSource::Payload(Transport, 0, 2),
            Self::Dport => FieldSource::Payload(Transport, 2, 2),
            Self::EtherType => FieldSource::Payload(Link, 12, 2),
            Self::EtherSaddr => FieldSource::Payload(Link, 6, 6),
            Self::EtherDaddr => FieldSource::Payload(Link, 0, 6),
            Self::ArpSaddrEther => FieldSource::Payload(Network, 8, 6),
            Self::ArpSaddrIp => FieldSource::Payload(Network, 14, 4),
            Self::Icmp6Type | Self::IcmpType | Self::IgmpType => {
                FieldSource::Payload(Transport, 0, 1)
            }
            Self::IcmpKind => FieldSource::Payload(Transport, 0, 2),
            Self::Ip6Length => FieldSource::Payload(Network, 4, 2),
            Self::HopLimit6 => FieldSource::Payload(Network, 7, 1),
            Self::NdTarget => FieldSource::Payload(Transport, 8, 16),
            Self::NdOption => FieldSource::Payload(Transport, 24, 2),
            Self::NdOptionMac => FieldSource::Payload(Transport, 26, 6),
            Self::QuotedDaddr4 => FieldSource::Payload(Transport, 24, 4),
            Self::QuotedDaddr6 => FieldSource::Payload(Transport, 32, 16),
            Self::QuotedNext6 => FieldSource::Payload(Transport, 14, 1),
            Self::QuotedFragmentNext6 => FieldSource::Payload(Transport, 48, 1),
        }
    }

    /// The expression that loads it into a register.
    pub(crate) fn load(self, to: Reg) -> Expr {
        match self.source() {
            FieldSource::Meta(key) => Expr::Meta { key, to },
            FieldSource::Payload(base, offset, length) => Expr::Payload {
                base,
                offset,
                length,
                to,
            },
        }
    }

    /// The number of 32-bit registers it needs.
    pub(crate) fn registers(self) -> u8 {
        self.data_type().length().div_ceil(4) as u8
    }
}
