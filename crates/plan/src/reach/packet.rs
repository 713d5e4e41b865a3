//! Packets, as far as reachability depends on them.

use std::fmt;
use std::net::IpAddr;

use hallway_spec::{IpVersion, PortProto, Protocol};
use serde::Serialize;

/// IPPROTO numbers (linux/in.h).
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP: u8 = 1;
const ICMPV6: u8 = 58;

/// What a client uses of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// An echo (ping).
    Icmp,
    /// A connection to a tcp port, or an answer from a udp port.
    Port(PortProto),
}

impl Service {
    /// The IP protocol number with an IP version.
    #[must_use]
    pub fn protocol(self, version: IpVersion) -> u8 {
        match self {
            Self::Icmp => match version {
                IpVersion::V4 => ICMP,
                IpVersion::V6 => ICMPV6,
            },
            Self::Port(p) if p.protocol == Protocol::Tcp => TCP,
            Self::Port(_) => UDP,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp => f.pad("icmp"),
            Self::Port(port) => f.pad(&port.to_string()),
        }
    }
}

impl Serialize for Service {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

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
        matches!(self.protocol, TCP | UDP)
    }

    /// The protocol's name.
    #[must_use]
    pub fn protocol_name(&self) -> &'static str {
        match self.protocol {
            TCP => "tcp",
            UDP => "udp",
            ICMP => "icmp",
            ICMPV6 => "icmp6",
            _ => "ip",
        }
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
}

/// A packet on its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packet {
    pub(super) flow: Flow,
    pub(super) kind: PacketKind,
}

impl Packet {
    /// ICMP or ICMPv6 type (RFC 792, RFC 4443).
    pub(super) fn icmp_type(&self) -> Option<u8> {
        match (self.kind, self.flow.protocol) {
            (PacketKind::EchoRequest, ICMP) => Some(8),
            (PacketKind::EchoRequest, _) => Some(128),
            (PacketKind::EchoReply, ICMP) => Some(0),
            (PacketKind::EchoReply, _) => Some(129),
            _ => None,
        }
    }
}
