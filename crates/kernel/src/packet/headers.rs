//! Headers read out of bytes: Ethernet, ARP, IP, TCP, UDP, ICMP. Pure; any bytes give an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ethertypes (linux/if_ether.h).
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
const VLAN: [u16; 2] = [0x8100, 0x88a8];

/// Protocol numbers (linux/in.h, linux/in6.h).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;
const FRAGMENT: u8 = 44;
/// Headers of IPv6 that only stand before the next one: hop-by-hop, routing, destination options.
const SKIPPED: [u8; 3] = [0, 43, 60];

/// A frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ethernet {
    /// The receiver's MAC address; zero when the frame is too short to have one.
    pub destination: [u8; 6],
    /// The sender's.
    pub source: [u8; 6],
    /// The outermost 802.1Q tag's VLAN.
    pub vlan: Option<u16>,
    /// What it carries.
    pub network: Network,
}

/// What a frame carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// ARP for IPv4.
    Arp(Arp),
    /// IPv4 or IPv6.
    Ip(Ip),
    /// Another ethertype.
    Other(u16),
    /// Bytes that end too early to be read.
    Short,
}

/// An ARP message (RFC 826).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Who sends it.
    pub sender_mac: [u8; 6],
    /// Its address.
    pub sender: Ipv4Addr,
    /// Who is asked for, or answered.
    pub target_mac: [u8; 6],
    /// The address.
    pub target: Ipv4Addr,
}

/// An IP packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ip {
    /// From.
    pub source: IpAddr,
    /// To.
    pub destination: IpAddr,
    /// The protocol of what it carries.
    pub protocol: u8,
    /// How many hops it may take still.
    pub hops: u8,
    /// What it carries.
    pub transport: Transport,
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp(Udp),
    /// ICMP or ICMPv6.
    Icmp(Icmp),
    /// A later part of a packet, which has no transport header.
    Fragment,
    /// Another protocol.
    Other,
    /// Bytes that end before the header does.
    Short,
}

/// A TCP header. In a packet quoted by an ICMP error often only the ports are there; the rest is
/// then 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tcp {
    /// From this port.
    pub source: u16,
    /// To this port.
    pub destination: u16,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// The flags: FIN is bit 0, then SYN, RST, PSH, ACK, URG, ECE, CWR.
    pub flags: u8,
    /// Bytes of data it carries.
    pub data: usize,
}

impl Tcp {
    /// No more data will come.
    pub const FIN: u8 = 1;
    /// Begins a connection.
    pub const SYN: u8 = 2;
    /// Refuses, or breaks off.
    pub const RST: u8 = 4;
    /// To be handed on at once.
    pub const PSH: u8 = 8;
    /// Acknowledges.
    pub const ACK: u8 = 16;
}

/// A UDP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Udp {
    /// From this port.
    pub source: u16,
    /// To this port.
    pub destination: u16,
    /// Bytes of data it carries.
    pub data: usize,
}

/// An ICMP (RFC 792) or ICMPv6 (RFC 4443) message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icmp {
    /// ICMPv6.
    pub v6: bool,
    /// The type.
    pub kind: u8,
    /// The code.
    pub code: u8,
    /// An echo's identifier and sequence number.
    pub echo: Option<(u16, u16)>,
    /// The address a neighbour solicitation or advertisement is about.
    pub target: Option<Ipv6Addr>,
    /// The next hop's MTU, where the packet was too big.
    pub mtu: Option<u32>,
    /// The packet an error is about.
    pub embedded: Option<Box<Ip>>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let array = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*array))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let array = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*array))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

impl Ethernet {
    /// Reads a frame.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut at = 12;
        let mut vlan = None;
        let mut ethertype = u16_at(bytes, at);
        while ethertype.is_some_and(|t| VLAN.contains(&t)) {
            vlan = vlan.or(u16_at(bytes, at + 2).map(|tag| tag & 0xfff));
            at += 4;
            ethertype = u16_at(bytes, at);
        }
        let rest = bytes.get(at + 2..).unwrap_or_default();
        let network = match ethertype {
            Some(IPV4 | IPV6) => Ip::parse(rest).map_or(Network::Short, Network::Ip),
            Some(ARP) => Arp::parse(rest).map_or(Network::Short, Network::Arp),
            Some(other) => Network::Other(other),
            None => Network::Short,
        };
        Self {
            destination: array_at(bytes, 0).unwrap_or_default(),
            source: array_at(bytes, 6).unwrap_or_default(),
            vlan,
            network,
        }
    }

    /// The IP packet in it.
    #[must_use]
    pub fn ip(&self) -> Option<&Ip> {
        match &self.network {
            Network::Ip(ip) => Some(ip),
            Network::Arp(_) | Network::Other(_) | Network::Short => None,
        }
    }
}

impl Arp {
    /// Reads an ARP message; `None` when it is cut short or not about IPv4 on Ethernet.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if array_at(bytes, 0)? != [0, 1, 8, 0, 6, 4] {
            return None;
        }
        Some(Self {
            operation: u16_at(bytes, 6)?,
            sender_mac: array_at(bytes, 8)?,
            sender: array_at::<4>(bytes, 14)?.into(),
            target_mac: array_at(bytes, 18)?,
            target: array_at::<4>(bytes, 24)?.into(),
        })
    }
}

impl Ip {
    /// Reads a bare packet, IPv4 or IPv6; `None` when it ends before its addresses do, or is
    /// neither.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Self::parse_within(bytes, false)
    }

    /// The source port, where there is one.
    #[must_use]
    pub fn source_port(&self) -> Option<u16> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp.source),
            Transport::Udp(udp) => Some(udp.source),
            _ => None,
        }
    }

    /// The destination port, where there is one.
    #[must_use]
    pub fn destination_port(&self) -> Option<u16> {
        match &self.transport {
            Transport::Tcp(tcp) => Some(tcp.destination),
            Transport::Udp(udp) => Some(udp.destination),
            _ => None,
        }
    }

    /// `quoted`: the packet stands in an ICMP error. Such a packet is quoted once, not twice.
    fn parse_within(bytes: &[u8], quoted: bool) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse_v4(bytes, quoted),
            6 => Self::parse_v6(bytes, quoted),
            _ => None,
        }
    }

    fn parse_v4(bytes: &[u8], quoted: bool) -> Option<Self> {
        let header = usize::from(bytes.first()? & 0xf) * 4;
        let protocol = *bytes.get(9)?;
        let total = usize::from(u16_at(bytes, 2)?);
        // 0 where the kernel leaves segments to the device, or hands over more than 64 KiB.
        let total = if total == 0 { bytes.len() } else { total };
        let later = u16_at(bytes, 6)? & 0x1fff != 0;
        let payload = Payload {
            protocol,
            bytes: bytes.get(header.max(20)..total.min(bytes.len())),
            length: total.saturating_sub(header.max(20)),
            later,
            quoted,
        };
        Some(Self {
            source: array_at::<4>(bytes, 12)?.into(),
            destination: array_at::<4>(bytes, 16)?.into(),
            protocol,
            hops: *bytes.get(8)?,
            transport: payload.transport(),
        })
    }

    fn parse_v6(bytes: &[u8], quoted: bool) -> Option<Self> {
        let stated = usize::from(u16_at(bytes, 4)?);
        let total = if stated == 0 {
            bytes.len()
        } else {
            stated + 40
        };
        let (mut protocol, mut at, mut later) = (*bytes.get(6)?, 40, false);
        while SKIPPED.contains(&protocol) || protocol == FRAGMENT {
            let (Some(next), Some(size)) = (bytes.get(at), bytes.get(at + 1)) else {
                break;
            };
            if protocol == FRAGMENT {
                later |= u16_at(bytes, at + 2).is_some_and(|o| o & 0xfff8 != 0);
                at += 8;
            } else {
                at += (usize::from(*size) + 1) * 8;
            }
            protocol = *next;
            if later {
                break;
            }
        }
        let payload = Payload {
            protocol,
            bytes: bytes.get(at..total.min(bytes.len())),
            length: total.saturating_sub(at),
            later,
            quoted,
        };
        Some(Self {
            source: array_at::<16>(bytes, 8)?.into(),
            destination: array_at::<16>(bytes, 24)?.into(),
            protocol,
            hops: *bytes.get(7)?,
            transport: payload.transport(),
        })
    }
}

/// What follows an IP header.
struct Payload<'a> {
    protocol: u8,
    bytes: Option<&'a [u8]>,
    /// As the IP header states it.
    length: usize,
    later: bool,
    quoted: bool,
}

impl Payload<'_> {
    fn transport(&self) -> Transport {
        if self.later {
            return Transport::Fragment;
        }
        let bytes = self.bytes.unwrap_or_default();
        let read = match self.protocol {
            TCP => Tcp::parse(bytes, self.length).map(Transport::Tcp),
            UDP => Udp::parse(bytes).map(Transport::Udp),
            ICMP => Icmp::parse(bytes, self.quoted).map(Transport::Icmp),
            ICMP6 => Icmp::parse_v6(bytes, self.quoted).map(Transport::Icmp),
            _ => return Transport::Other,
        };
        read.unwrap_or(Transport::Short)
    }
}

impl Tcp {
    fn parse(bytes: &[u8], length: usize) -> Option<Self> {
        let header = bytes.get(12).map_or(20, |b| usize::from(b >> 4) * 4);
        Some(Self {
            source: u16_at(bytes, 0)?,
            destination: u16_at(bytes, 2)?,
            sequence: u32_at(bytes, 4).unwrap_or(0),
            acknowledgement: u32_at(bytes, 8).unwrap_or(0),
            flags: bytes.get(13).copied().unwrap_or(0),
            data: length.saturating_sub(header),
        })
    }
}

impl Udp {
    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            source: u16_at(bytes, 0)?,
            destination: u16_at(bytes, 2)?,
            data: usize::from(u16_at(bytes, 4).unwrap_or(0)).saturating_sub(8),
        })
    }
}

impl Icmp {
    fn echo(bytes: &[u8]) -> Option<(u16, u16)> {
        Some((u16_at(bytes, 4)?, u16_at(bytes, 6)?))
    }

    fn quoted(bytes: &[u8]) -> Option<Box<Ip>> {
        Ip::parse_within(bytes.get(8..)?, true).map(Box::new)
    }

    fn parse(bytes: &[u8], quoted: bool) -> Option<Self> {
        let (kind, code) = (*bytes.first()?, *bytes.get(1)?);
        let is_error = matches!(kind, 3 | 4 | 5 | 11 | 12);
        Some(Self {
            v6: false,
            kind,
            code,
            echo: matches!(kind, 0 | 8).then(|| Self::echo(bytes)).flatten(),
            target: None,
            mtu: u16_at(bytes, 6)
                .filter(|_| (kind, code) == (3, 4))
                .map(u32::from),
            embedded: (is_error && !quoted).then(|| Self::quoted(bytes)).flatten(),
        })
    }

    fn parse_v6(bytes: &[u8], quoted: bool) -> Option<Self> {
        let (kind, code) = (*bytes.first()?, *bytes.get(1)?);
        let is_error = matches!(kind, 1..=4);
        let target = array_at::<16>(bytes, 8).filter(|_| matches!(kind, 135 | 136));
        Some(Self {
            v6: true,
            kind,
            code,
            echo: matches!(kind, 128 | 129)
                .then(|| Self::echo(bytes))
                .flatten(),
            target: target.map(Ipv6Addr::from),
            mtu: u32_at(bytes, 4).filter(|_| kind == 2),
            embedded: (is_error && !quoted).then(|| Self::quoted(bytes)).flatten(),
        })
    }
}
