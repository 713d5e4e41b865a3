//! Protocol headers: the positions of fields.

use crate::DataType;

/// Ethertypes as contexts of the network header.
pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const ARP: u16 = 0x0806;

/// A field of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeaderField {
    pub(super) name: &'static str,
    pub(super) offset: u32,
    pub(super) length: u32,
    /// For fields that are only some bits of their bytes.
    pub(super) mask: u64,
    pub(super) kind: DataType,
}

const fn field(name: &'static str, offset: u32, length: u32, kind: DataType) -> HeaderField {
    bits(name, offset, length, 0, kind)
}

const fn bits(
    name: &'static str,
    offset: u32,
    length: u32,
    mask: u64,
    kind: DataType,
) -> HeaderField {
    HeaderField {
        name,
        offset,
        length,
        mask,
        kind,
    }
}

const ETHER: &[HeaderField] = &[
    field("ether daddr", 0, 6, DataType::Ether),
    field("ether saddr", 6, 6, DataType::Ether),
    field("ether type", 12, 2, DataType::EtherType),
    bits("vlan id", 14, 2, 0x0fff, DataType::Number),
    bits("vlan pcp", 14, 1, 0xe0, DataType::Number),
    field("vlan type", 16, 2, DataType::EtherType),
];

const ARP_FIELDS: &[HeaderField] = &[
    field("arp htype", 0, 2, DataType::Number),
    field("arp ptype", 2, 2, DataType::EtherType),
    field("arp hlen", 4, 1, DataType::Number),
    field("arp plen", 5, 1, DataType::Number),
    field("arp operation", 6, 2, DataType::ArpOperation),
    field("arp saddr ether", 8, 6, DataType::Ether),
    field("arp saddr ip", 14, 4, DataType::Ipv4),
    field("arp daddr ether", 18, 6, DataType::Ether),
    field("arp daddr ip", 24, 4, DataType::Ipv4),
];

const IP: &[HeaderField] = &[
    bits("ip version", 0, 1, 0xf0, DataType::Number),
    bits("ip hdrlength", 0, 1, 0x0f, DataType::Number),
    bits("ip dscp", 1, 1, 0xfc, DataType::Dscp),
    bits("ip ecn", 1, 1, 0x03, DataType::Ecn),
    field("ip length", 2, 2, DataType::Number),
    field("ip id", 4, 2, DataType::Number),
    field("ip frag-off", 6, 2, DataType::Number),
    field("ip ttl", 8, 1, DataType::Number),
    field("ip protocol", 9, 1, DataType::InetProto),
    field("ip checksum", 10, 2, DataType::Number),
    field("ip saddr", 12, 4, DataType::Ipv4),
    field("ip daddr", 16, 4, DataType::Ipv4),
];

const IP6: &[HeaderField] = &[
    bits("ip6 version", 0, 1, 0xf0, DataType::Number),
    bits("ip6 dscp", 0, 2, 0x0fc0, DataType::Dscp),
    bits("ip6 ecn", 1, 1, 0x30, DataType::Ecn),
    bits("ip6 flowlabel", 1, 3, 0x0f_ffff, DataType::Number),
    field("ip6 length", 4, 2, DataType::Number),
    field("ip6 nexthdr", 6, 1, DataType::InetProto),
    field("ip6 hoplimit", 7, 1, DataType::Number),
    field("ip6 saddr", 8, 16, DataType::Ipv6),
    field("ip6 daddr", 24, 16, DataType::Ipv6),
];

const TCP: &[HeaderField] = &[
    field("tcp sport", 0, 2, DataType::Service),
    field("tcp dport", 2, 2, DataType::Service),
    field("tcp sequence", 4, 4, DataType::Number),
    field("tcp ackseq", 8, 4, DataType::Number),
    bits("tcp doff", 12, 1, 0xf0, DataType::Number),
    field("tcp flags", 13, 1, DataType::TcpFlags),
    field("tcp window", 14, 2, DataType::Number),
    field("tcp checksum", 16, 2, DataType::Number),
    field("tcp urgptr", 18, 2, DataType::Number),
];

const UDP: &[HeaderField] = &[
    field("udp sport", 0, 2, DataType::Service),
    field("udp dport", 2, 2, DataType::Service),
    field("udp length", 4, 2, DataType::Number),
    field("udp checksum", 6, 2, DataType::Number),
];

const UDPLITE: &[HeaderField] = &[
    field("udplite sport", 0, 2, DataType::Service),
    field("udplite dport", 2, 2, DataType::Service),
];

const SCTP: &[HeaderField] = &[
    field("sctp sport", 0, 2, DataType::Service),
    field("sctp dport", 2, 2, DataType::Service),
    field("sctp vtag", 4, 4, DataType::Number),
];

const DCCP: &[HeaderField] = &[
    field("dccp sport", 0, 2, DataType::Service),
    field("dccp dport", 2, 2, DataType::Service),
];

const ICMP: &[HeaderField] = &[
    field("icmp type", 0, 1, DataType::IcmpType),
    field("icmp code", 1, 1, DataType::IcmpCode),
    field("icmp checksum", 2, 2, DataType::Number),
    field("icmp id", 4, 2, DataType::Number),
    field("icmp sequence", 6, 2, DataType::Number),
    field("icmp gateway", 4, 4, DataType::Number),
];

const ICMPV6: &[HeaderField] = &[
    field("icmpv6 type", 0, 1, DataType::Icmpv6Type),
    field("icmpv6 code", 1, 1, DataType::Icmpv6Code),
    field("icmpv6 checksum", 2, 2, DataType::Number),
    field("icmpv6 id", 4, 2, DataType::Number),
    field("icmpv6 sequence", 6, 2, DataType::Number),
    field("icmpv6 mtu", 4, 4, DataType::Number),
];

const ESP: &[HeaderField] = &[
    field("esp spi", 0, 4, DataType::Number),
    field("esp sequence", 4, 4, DataType::Number),
];

const AH: &[HeaderField] = &[
    field("ah nexthdr", 0, 1, DataType::InetProto),
    field("ah hdrlength", 1, 1, DataType::Number),
    field("ah spi", 4, 4, DataType::Number),
    field("ah sequence", 8, 4, DataType::Number),
];

const IGMP: &[HeaderField] = &[
    field("igmp type", 0, 1, DataType::Number),
    field("igmp mrt", 1, 1, DataType::Number),
    field("igmp group", 4, 4, DataType::Ipv4),
];

const ANY_TRANSPORT: &[HeaderField] = &[
    field("th sport", 0, 2, DataType::Service),
    field("th dport", 2, 2, DataType::Service),
];

/// Fields of the header at a base, given the protocols that the rule has matched so far.
pub(super) fn fields(
    base: u32,
    network: Option<u16>,
    transport: Option<u8>,
) -> &'static [HeaderField] {
    match (base, network, transport) {
        (0, _, _) => ETHER,
        (1, Some(IPV4), _) => IP,
        (1, Some(IPV6), _) => IP6,
        (1, Some(ARP), _) => ARP_FIELDS,
        (2, _, Some(1)) => ICMP,
        (2, _, Some(2)) => IGMP,
        (2, _, Some(6)) => TCP,
        (2, _, Some(17)) => UDP,
        (2, _, Some(33)) => DCCP,
        (2, _, Some(50)) => ESP,
        (2, _, Some(51)) => AH,
        (2, _, Some(58)) => ICMPV6,
        (2, _, Some(132)) => SCTP,
        (2, _, Some(136)) => UDPLITE,
        (2, _, _) => ANY_TRANSPORT,
        _ => &[],
    }
}

/// `@th,16,16` for bits that are not a field: base, first bit, number of bits.
pub(crate) fn raw(base: u32, offset: u32, length: u32) -> String {
    let base = match base {
        0 => "ll",
        1 => "nh",
        2 => "th",
        3 => "ih",
        _ => "unknown",
    };
    format!(
        "@{base},{},{}",
        u64::from(offset) * 8,
        u64::from(length) * 8
    )
}
