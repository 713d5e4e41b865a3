//! What a filter tests of a packet.

use std::net::IpAddr;

use ipnet::IpNet;

/// What a filter can test of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PacketHeaders {
    /// The network protocol.
    pub network: NetworkProtocol,
    /// The IP protocol's number.
    pub protocol: Option<u8>,
    /// Source and destination; for ARP the sender's and the target's.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// Source and destination, of TCP and UDP.
    pub ports: Option<(u16, u16)>,
}

/// The network protocol of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NetworkProtocol {
    /// ARP.
    Arp,
    /// IPv4.
    Ip,
    /// IPv6.
    Ip6,
    /// Anything else.
    #[default]
    Other,
}

/// A filter as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Network(NetworkProtocol),
    Protocol(u8),
    /// ICMP of its own family only.
    Icmp(NetworkProtocol, u8),
    /// An address in one of these prefixes.
    Net(End, Vec<IpNet>),
    /// A port in this range; both ends are included.
    Ports(End, u16, u16),
}

/// Which end of a packet is tested (the direction qualifier of pcap-filter(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Source,
    Destination,
    Either,
    Both,
}

impl Test {
    /// Whether the packet passes.
    pub(super) fn matches(&self, headers: &PacketHeaders) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|n| n.matches(headers)),
            Self::Any(tests) => tests.iter().any(|n| n.matches(headers)),
            Self::Not(test) => !test.matches(headers),
            Self::Network(kind) => headers.network == *kind,
            Self::Protocol(number) => headers.protocol == Some(*number),
            Self::Icmp(kind, number) => {
                headers.network == *kind && headers.protocol == Some(*number)
            }
            Self::Net(end, nets) => end.holds(headers.addresses, |address| {
                nets.iter().any(|net| net.contains(&address))
            }),
            Self::Ports(end, first, last) => {
                end.holds(headers.ports, |port| (*first..=*last).contains(&port))
            }
        }
    }
}

impl End {
    fn holds<T: Copy>(self, ends: Option<(T, T)>, is: impl Fn(T) -> bool) -> bool {
        ends.is_some_and(|(source, destination)| match self {
            Self::Source => is(source),
            Self::Destination => is(destination),
            Self::Either => is(source) || is(destination),
            Self::Both => is(source) && is(destination),
        })
    }
}
