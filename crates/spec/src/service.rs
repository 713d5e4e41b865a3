//! IP protocols, and what a client uses of a server.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{InvalidPort, IpVersion, PortProto, Protocol};

/// Names of IP protocols without ports, as in /etc/protocols.
const NAMES: [(&str, u8); 15] = [
    ("igmp", 2),
    ("ipip", 4),
    ("egp", 8),
    ("ipv6", 41),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("eigrp", 88),
    ("ospf", 89),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("isis", 124),
];
/// Headers between an IPv6 header and the payload (IANA's registry of IPv6 extension header types),
/// and the number for no payload: not protocols of their own.
const EXTENSIONS: [u8; 8] = [0, 43, 44, 59, 60, 135, 139, 140];
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
const ICMP: u8 = 1;
const ICMP6: u8 = 58;
/// Connection tracking reads the headers of these: a probe would have to be a complete
/// implementation (DCCP and UDP-Lite).
const NOT_PROBED: [u8; 2] = [33, 136];

/// Why a service was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidService {
    /// It is neither a port nor a protocol.
    #[error(
        "{0:?} is not a service; write 80/tcp, 53/udp, icmp, the name of an IP protocol like gre, or ip/47"
    )]
    Unknown(String),
    /// The number cannot be the protocol of a packet.
    #[error("{0} is not the number of a protocol: it stands for an IPv6 extension header")]
    Extension(u8),
    /// A protocol with ports needs one.
    #[error("{0} has ports; write one, like 80/{0}")]
    NeedsPort(Protocol),
    /// Such packets cannot be sent as a test.
    #[error("IP protocol {0} cannot be tested; policies may name it")]
    NotProbed(u8),
    /// A port or its protocol.
    #[error(transparent)]
    Port(#[from] InvalidPort),
}

/// The number of an IP protocol other than TCP, UDP, SCTP, ICMP and ICMPv6, which have names of
/// their own.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct IpProtocol(u8);

impl IpProtocol {
    /// The number in the IP header.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    /// The name of a number, if it has one: also of those with names of their own.
    #[must_use]
    pub fn name_of(number: u8) -> Option<&'static str> {
        match number {
            TCP => Some("tcp"),
            UDP => Some("udp"),
            SCTP => Some("sctp"),
            ICMP => Some("icmp"),
            ICMP6 => Some("icmp6"),
            _ => {
                let mut all = NAMES.iter();
                all.find(|(_, n)| *n == number).map(|(name, _)| *name)
            }
        }
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::name_of(self.0) {
            Some(name) => f.pad(name),
            None => f.pad(&format!("ip/{}", self.0)),
        }
    }
}

/// A protocol as a word, or as `ip/` with its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnyProtocol {
    Icmp,
    Ports(Protocol),
    Other(IpProtocol),
}

impl AnyProtocol {
    /// `None` when the text is not a protocol.
    pub(crate) fn read(text: &str) -> Option<Result<Self, InvalidService>> {
        let number = match text {
            "icmp" => ICMP,
            "tcp" => TCP,
            "udp" => UDP,
            "sctp" => SCTP,
            _ => match text.strip_prefix("ip/") {
                Some(digits) => match digits.parse() {
                    Ok(number) if digits.bytes().all(|b| b.is_ascii_digit()) => number,
                    _ => return Some(Err(InvalidService::Unknown(text.to_owned()))),
                },
                None => NAMES.iter().find(|(name, _)| *name == text)?.1,
            },
        };
        Some(match number {
            ICMP | ICMP6 => Ok(Self::Icmp),
            TCP => Ok(Self::Ports(Protocol::Tcp)),
            UDP => Ok(Self::Ports(Protocol::Udp)),
            SCTP => Ok(Self::Ports(Protocol::Sctp)),
            number if EXTENSIONS.contains(&number) => Err(InvalidService::Extension(number)),
            number => Ok(Self::Other(IpProtocol(number))),
        })
    }
}

/// What a client uses of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// An echo (ping).
    Icmp,
    /// A connection to a tcp or sctp port, or an answer from a udp port.
    Port(PortProto),
    /// Packets of another IP protocol.
    Protocol(IpProtocol),
}

impl Service {
    /// The IP protocol number with an IP version.
    #[must_use]
    pub fn protocol(self, version: IpVersion) -> u8 {
        match self {
            Self::Icmp => match version {
                IpVersion::V4 => ICMP,
                IpVersion::V6 => ICMP6,
            },
            Self::Port(p) => p.protocol.number(),
            Self::Protocol(other) => other.number(),
        }
    }

    /// The port; 0 where there is none.
    #[must_use]
    pub fn port(self) -> u16 {
        match self {
            Self::Port(p) => p.port,
            Self::Icmp | Self::Protocol(_) => 0,
        }
    }
}

impl FromStr for Service {
    type Err = InvalidService;

    fn from_str(text: &str) -> Result<Self, InvalidService> {
        match AnyProtocol::read(text).transpose()? {
            Some(AnyProtocol::Icmp) => Ok(Self::Icmp),
            Some(AnyProtocol::Ports(protocol)) => Err(InvalidService::NeedsPort(protocol)),
            Some(AnyProtocol::Other(IpProtocol(number))) if NOT_PROBED.contains(&number) => {
                Err(InvalidService::NotProbed(number))
            }
            Some(AnyProtocol::Other(other)) => Ok(Self::Protocol(other)),
            None if text.starts_with(|c: char| c.is_ascii_digit()) => Ok(Self::Port(text.parse()?)),
            None => Err(InvalidService::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Icmp => f.pad("icmp"),
            Self::Port(port) => f.pad(&port.to_string()),
            Self::Protocol(other) => other.fmt(f),
        }
    }
}

impl Serialize for Service {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_ports_and_protocols() {
        for (text, shown) in [
            ("80", "80/tcp"),
            ("53/udp", "53/udp"),
            ("38412/sctp", "38412/sctp"),
            ("icmp", "icmp"),
            ("ip/58", "icmp"),
            ("gre", "gre"),
            ("ip/47", "gre"),
            ("ip/200", "ip/200"),
        ] {
            assert_eq!(text.parse::<Service>().unwrap().to_string(), shown);
        }
        for text in [
            "", "tcp", "ip/6", "ip/256", "ip/", "ip/0", "ip/+4", "web", "ip/33", "80/gre",
        ] {
            assert!(text.parse::<Service>().is_err(), "{text}");
        }
    }
}
