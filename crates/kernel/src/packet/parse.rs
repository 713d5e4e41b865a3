//! Reading headers from bytes. Any bytes give a result.
//!
//! Frames, VLAN tags, ARP and IP with its extension headers are read by `etherparse` in its lax
//! mode: a packet that is cut at its end is not an error. Transport headers are read here: packets
//! quoted by ICMP errors often have only the first 8 bytes of theirs, with the ports (RFC 792).

use std::net::Ipv6Addr;

use etherparse::{
    ArpPacketSlice, EtherType, Ethernet2Slice, Ipv6ExtensionSlice, LaxIpSlice, LaxIpv4Slice,
    LaxIpv6Slice, SingleVlanSlice,
};
use hallway_nftables::IpVersion;

use super::headers::{Arp, Ethernet, Icmp, Ip, Network, Sctp, Tcp, Transport, Udp};

/// Protocol numbers (linux/in.h, linux/in6.h).
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP6: u8 = 58;
const SCTP: u8 = 132;

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

fn is_vlan(ethertype: EtherType) -> bool {
    [
        EtherType::VLAN_TAGGED_FRAME,
        EtherType::PROVIDER_BRIDGING,
        EtherType::VLAN_DOUBLE_TAGGED_FRAME,
    ]
    .contains(&ethertype)
}

impl Ethernet {
    /// Reads a frame.
    ///
    /// ```
    /// use hallway_kernel::packet::{Ethernet, Network};
    ///
    /// assert_eq!(Ethernet::parse(&[]).network, Network::Short);
    /// let frame = [[0xff; 6], [2, 0, 0, 0, 0, 1]].concat();
    /// let frame = [frame, vec![0x88, 0xcc, 0, 0]].concat();
    /// assert_eq!(Ethernet::parse(&frame).network, Network::Other(0x88cc));
    /// ```
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let (vlan, network) = network(bytes);
        Self {
            destination: array_at(bytes, 0).unwrap_or_default(),
            source: array_at(bytes, 6).unwrap_or_default(),
            vlan,
            network,
        }
    }
}

/// The outermost VLAN, and the payload below all tags.
fn network(bytes: &[u8]) -> (Option<u16>, Network) {
    let Ok(frame) = Ethernet2Slice::from_slice_without_fcs(bytes) else {
        return (None, Network::Short);
    };
    let (mut ethertype, mut rest) = (frame.ether_type(), frame.payload_slice());
    let mut vlan = None;
    while is_vlan(ethertype) {
        let Ok(tag) = SingleVlanSlice::from_slice(rest) else {
            return (vlan, Network::Short);
        };
        vlan = vlan.or(Some(tag.vlan_identifier().value()));
        (ethertype, rest) = (tag.ether_type(), tag.payload_slice());
    }
    let network = match ethertype {
        EtherType::IPV4 | EtherType::IPV6 => Ip::parse(rest).map_or(Network::Short, Network::Ip),
        EtherType::ARP => Arp::parse(rest).map_or(Network::Short, Network::Arp),
        EtherType(other) => Network::Other(other),
    };
    (vlan, network)
}

impl Arp {
    /// Reads an ARP message; `None` when it is cut short or not about IPv4 on Ethernet.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let packet = ArpPacketSlice::from_slice(bytes).ok()?;
        let packet = packet.to_packet().try_eth_ipv4().ok()?;
        Some(Self {
            operation: packet.operation.0,
            sender_mac: packet.sender_mac,
            sender: packet.sender_ipv4.into(),
            target_mac: packet.target_mac,
            target: packet.target_ipv4.into(),
        })
    }
}

impl Ip {
    /// Reads a bare packet, IPv4 or IPv6; `None` when it ends before its header does, or is
    /// neither.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Self::parse_within(bytes, false)
    }

    /// `quoted`: the packet is quoted in an ICMP error. Packets that it quotes itself are not read.
    fn parse_within(bytes: &[u8], quoted: bool) -> Option<Self> {
        let (slice, _stopped) = LaxIpSlice::from_slice(bytes).ok()?;
        let (payload, hops) = match &slice {
            LaxIpSlice::Ipv4(v4) => (Payload::of_v4(v4, bytes, quoted), v4.header().ttl()),
            LaxIpSlice::Ipv6(v6) => (Payload::of_v6(v6, bytes, quoted), v6.header().hop_limit()),
        };
        Some(Self {
            source: slice.source_addr(),
            destination: slice.destination_addr(),
            protocol: payload.protocol,
            hops,
            transport: payload.transport(),
        })
    }
}

/// The payload of an IP header.
struct Payload<'a> {
    protocol: u8,
    bytes: &'a [u8],
    /// As the IP header states it; `bytes` may be cut.
    length: usize,
    /// It is a fragment, but not the first.
    later: bool,
    /// It is quoted in an ICMP error.
    quoted: bool,
}

impl<'a> Payload<'a> {
    fn of_v4(v4: &LaxIpv4Slice<'a>, packet: &[u8], quoted: bool) -> Self {
        let header = v4.header();
        let extensions = v4.extensions().auth.map_or(0, |auth| auth.slice().len());
        // 0 if the kernel leaves segmentation to the device, or the packet has more than 64 KiB.
        let total = match header.total_len() {
            0 => packet.len(),
            total => usize::from(total),
        };
        Self {
            protocol: v4.payload_ip_number().0,
            bytes: v4.payload().payload,
            length: total.saturating_sub(header.slice().len() + extensions),
            later: header.fragments_offset().value() != 0,
            quoted,
        }
    }

    fn of_v6(v6: &LaxIpv6Slice<'a>, packet: &[u8], quoted: bool) -> Self {
        let header = v6.header();
        let used = header.slice().len() + v6.extensions().slice().len();
        let total = match header.payload_length() {
            0 => packet.len(),
            stated => usize::from(stated) + header.slice().len(),
        };
        let later = v6.extensions().clone().into_iter().any(|extension| {
            matches!(extension, Ipv6ExtensionSlice::Fragment(f) if f.fragment_offset().value() != 0)
        });
        Self {
            protocol: v6.payload().ip_number.0,
            bytes: v6.payload().payload,
            length: total.saturating_sub(used),
            later,
            quoted,
        }
    }

    fn transport(&self) -> Transport {
        if self.later {
            return Transport::Fragment;
        }
        let bytes = self.bytes;
        let read = match self.protocol {
            TCP => Tcp::parse(bytes, self.length).map(Transport::Tcp),
            UDP => Udp::parse(bytes).map(Transport::Udp),
            SCTP => Sctp::parse(bytes).map(Transport::Sctp),
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

impl Sctp {
    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            source: u16_at(bytes, 0)?,
            destination: u16_at(bytes, 2)?,
            chunk: bytes.get(12).copied(),
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
            version: IpVersion::V4,
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
            version: IpVersion::V6,
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
