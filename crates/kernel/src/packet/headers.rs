//! Headers of packets: Ethernet, ARP, IP, TCP, UDP, ICMP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hallway_nftables::IpVersion;

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ethernet {
    /// The receiver's MAC address; zero when the frame is too short to have one.
    pub destination: [u8; 6],
    /// The sender's.
    pub source: [u8; 6],
    /// The outermost 802.1Q tag's VLAN.
    pub vlan: Option<u16>,
    /// Its payload.
    pub network: Network,
}

/// The payload of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// ARP for IPv4.
    Arp(Arp),
    /// IPv4 or IPv6.
    Ip(Ip),
    /// Another ethertype.
    Other(u16),
    /// The bytes end before the header does.
    Short,
}

/// An ARP message (RFC 826).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// 1 is a request, 2 a reply.
    pub operation: u16,
    /// The sender's MAC address.
    pub sender_mac: [u8; 6],
    /// The sender's IPv4 address.
    pub sender: Ipv4Addr,
    /// The requested MAC address (zero), or that of the receiver of a reply.
    pub target_mac: [u8; 6],
    /// The requested IPv4 address, or that of the receiver of a reply.
    pub target: Ipv4Addr,
}

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ip {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// The protocol of the payload.
    pub protocol: u8,
    /// Hop limit (IPv6) or time to live (IPv4).
    pub hops: u8,
    /// The payload.
    pub transport: Transport,
}

/// The payload of an IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp(Udp),
    /// SCTP.
    Sctp(Sctp),
    /// ICMP or ICMPv6.
    Icmp(Icmp),
    /// A later part of a packet, which has no transport header.
    Fragment,
    /// Another protocol.
    Other,
    /// The bytes end before the header does.
    Short,
}

/// A TCP header. In a packet quoted by an ICMP error often only the ports exist; the rest is then
/// 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// The flags: FIN is bit 0, then SYN, RST, PSH, ACK, URG, ECE, CWR.
    pub flags: u8,
    /// Bytes of data, as the headers state.
    pub data: usize,
}

impl Tcp {
    /// The sender has no more data.
    pub const FIN: u8 = 1;
    /// Opens a connection.
    pub const SYN: u8 = 2;
    /// Refuses or aborts a connection.
    pub const RST: u8 = 4;
    /// The receiver must pass the data on without delay.
    pub const PSH: u8 = 8;
    /// Acknowledges.
    pub const ACK: u8 = 16;
}

/// A UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Bytes of data, as the headers state.
    pub data: usize,
}

/// The header of an SCTP packet, and the type of its first chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sctp {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// The type of the first chunk, if it exists.
    pub chunk: Option<u8>,
}

impl Sctp {
    /// Begins an association.
    pub const INIT: u8 = 1;
    /// Refuses or ends one.
    pub const ABORT: u8 = 6;
}

/// An ICMP (RFC 792) or ICMPv6 (RFC 4443) message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icmp {
    /// ICMP or ICMPv6.
    pub version: IpVersion,
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// An echo's identifier and sequence number.
    pub echo: Option<(u16, u16)>,
    /// The address a neighbour solicitation or advertisement is about.
    pub target: Option<Ipv6Addr>,
    /// The MTU of the next hop, in bytes, if the packet was too big.
    pub mtu: Option<u32>,
    /// The packet an error is about.
    pub embedded: Option<Box<Ip>>,
}

impl Ethernet {
    /// The IP packet in it.
    #[must_use]
    pub fn ip(&self) -> Option<&Ip> {
        match &self.network {
            Network::Ip(ip) => Some(ip),
            Network::Arp(_) | Network::Other(_) | Network::Short => None,
        }
    }
}

impl Ip {
    /// The source port, where there is one.
    #[must_use]
    pub fn source_port(&self) -> Option<u16> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp.source),
            Transport::Udp(udp) => Some(udp.source),
            Transport::Sctp(sctp) => Some(sctp.source),
            _ => None,
        }
    }

    /// The destination port, where there is one.
    #[must_use]
    pub fn destination_port(&self) -> Option<u16> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp.destination),
            Transport::Udp(udp) => Some(udp.destination),
            Transport::Sctp(sctp) => Some(sctp.destination),
            _ => None,
        }
    }
}
