//! Packets, as far as reachability depends on them.

use std::fmt;
use std::net::IpAddr;

use hallway_spec::IpProtocol;
use serde::Serialize;

/// IPPROTO numbers (linux/in.h).
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const ICMP: u8 = 1;

/// Addresses, protocol and ports of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Source port; 0 where there is none or it does not matter.
    pub source_port: u16,
    /// Destination port; likewise.
    pub port: u16,
}

impl Flow {
    /// The flow of a reply.
    #[must_use]
    pub fn mirrored(self) -> Self {
        Self {
            from: self.to,
            to: self.from,
            source_port: self.port,
            port: self.source_port,
            ..self
        }
    }

    /// Whether it is of a protocol with ports.
    #[must_use]
    pub fn has_ports(&self) -> bool {
        matches!(self.protocol, TCP | UDP | SCTP)
    }

    /// The protocol's name.
    #[must_use]
    pub fn protocol_name(&self) -> &'static str {
        IpProtocol::name_of(self.protocol).unwrap_or("ip")
    }
}

/// An address with a port, where there is one.
fn end(f: &mut fmt::Formatter<'_>, address: IpAddr, port: u16) -> fmt::Result {
    match (address, port) {
        (address, 0) => write!(f, "{address}"),
        (IpAddr::V4(a), port) => write!(f, "{a}:{port}"),
        (IpAddr::V6(a), port) => write!(f, "[{a}]:{port}"),
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        end(f, self.from, self.source_port)?;
        f.write_str(" → ")?;
        end(f, self.to, self.port)?;
        write!(f, " {}", self.protocol_name())
    }
}

/// Which packet of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketKind {
    Syn,
    SynAck,
    Ack,
    Datagram,
    EchoRequest,
    EchoReply,
    /// Asks a neighbour for its MAC address (RFC 4861).
    Solicitation,
}

/// A packet on its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) flow: Flow,
    pub(super) kind: PacketKind,
}

impl Packet {
    /// Whether it is an answer by its kind alone.
    pub(super) fn answers(&self) -> bool {
        matches!(self.kind, PacketKind::SynAck | PacketKind::EchoReply)
    }

    /// The flags of TCP (RFC 9293).
    pub(super) fn tcp_flags(&self) -> Option<u8> {
        const SYN: u8 = 0x02;
        const PSH: u8 = 0x08;
        const ACK: u8 = 0x10;
        match (self.kind, self.flow.protocol) {
            (PacketKind::Syn, TCP) => Some(SYN),
            (PacketKind::SynAck, TCP) => Some(SYN | ACK),
            // With data: an acknowledgement without is not needed then.
            (PacketKind::Ack, TCP) => Some(PSH | ACK),
            _ => None,
        }
    }

    /// ICMP or ICMPv6 type (RFC 792, RFC 4443).
    pub(super) fn icmp_type(&self) -> Option<u8> {
        match (self.kind, self.flow.protocol) {
            (PacketKind::EchoRequest, ICMP) => Some(8),
            (PacketKind::EchoRequest, _) => Some(128),
            (PacketKind::EchoReply, ICMP) => Some(0),
            (PacketKind::EchoReply, _) => Some(129),
            (PacketKind::Solicitation, _) => Some(135),
            _ => None,
        }
    }
}
