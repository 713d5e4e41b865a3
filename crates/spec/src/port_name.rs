//! Names of ports.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::port::PORT_NAME_MAX;
use crate::service::AnyProtocol;
use crate::text_type::text_type;
use crate::{InvalidPortName, InvalidService, Place, PortRange, Protocol, Service};

/// The name of a port of a node: letters, digits, `-` and `_`, beginning with a letter.
///
/// ```
/// use hallway_spec::PortName;
///
/// assert!("http-admin".parse::<PortName>().is_ok());
/// assert!("8080".parse::<PortName>().is_err());
/// assert!("tcp".parse::<PortName>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortName(String);

text_type!(PortName, InvalidPortName);

impl FromStr for PortName {
    type Err = InvalidPortName;

    fn from_str(text: &str) -> Result<Self, InvalidPortName> {
        if text.len() > PORT_NAME_MAX {
            return Err(InvalidPortName::TooLong(text.len()));
        }
        let known = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if !text.starts_with(|c: char| c.is_ascii_alphabetic()) || !text.chars().all(known) {
            return Err(InvalidPortName::Text(text.to_owned()));
        }
        if AnyProtocol::read(text).is_some() {
            return Err(InvalidPortName::Protocol(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A name that a node gives to a port or to a range of ports.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedPort {
    /// The name.
    pub name: PortName,
    /// The node's ports.
    pub ports: PortRange,
    /// The ports of the host that they are published on.
    pub host_ports: Option<PortRange>,
    /// tcp, udp or sctp.
    pub protocol: Protocol,
    /// The place in the file.
    pub place: Place,
}

/// A service as a person writes it: a port, a protocol, or the name of a port.
///
/// ```
/// use hallway_spec::ServiceText;
///
/// assert!(matches!("53/udp".parse()?, ServiceText::Service(_)));
/// assert!(matches!("web".parse()?, ServiceText::Named(_)));
/// # Ok::<(), hallway_spec::InvalidService>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceText {
    /// A port with its number, or a protocol.
    Service(Service),
    /// The name of a port.
    Named(PortName),
}

impl FromStr for ServiceText {
    type Err = InvalidService;

    fn from_str(text: &str) -> Result<Self, InvalidService> {
        match text.parse() {
            Ok(name) => Ok(Self::Named(name)),
            Err(_not_a_name) => text.parse().map(Self::Service),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_taken_for_a_port_or_a_protocol() {
        for text in ["web", "http-admin", "dns_tcp", "h2", "Web", "tcp80"] {
            assert!(text.parse::<PortName>().is_ok(), "{text}");
        }
        let long = "a".repeat(64);
        for text in [
            "",
            "80",
            "8000-8010",
            "2h",
            "-a",
            "_a",
            "a b",
            "a/tcp",
            "a:b",
            "a=b",
            "a.b",
            "ü",
            "tcp",
            "icmp",
            "gre",
            "ip/47",
            &long,
        ] {
            assert!(text.parse::<PortName>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_neither_a_name_nor_a_service_is_refused() {
        for text in ["", "tcp", "web/tcp", "80/gre", "0", "ip/300"] {
            assert!(text.parse::<ServiceText>().is_err(), "{text}");
        }
    }
}
