//! Ports, ranges, protocols, and compose's short syntax for publishing.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::PortProto;

/// Why a port was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPort(pub String);

/// A transport protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

impl FromStr for Protocol {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            other => Err(InvalidPort(format!(
                "the protocol is tcp or udp, not {other:?}"
            ))),
        }
    }
}

/// One port or several in a row; never empty, never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "(u16, u16)", into = "(u16, u16)")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// From `first` to `last`, both included.
    ///
    /// # Errors
    /// When a port is 0 or the range is backwards.
    pub fn new(first: u16, last: u16) -> Result<Self, InvalidPort> {
        if first == 0 || last < first {
            return Err(InvalidPort(format!(
                "{first}-{last} is no range of ports from 1 to 65535"
            )));
        }
        Ok(Self { first, last })
    }

    /// The lowest port.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    #[must_use]
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many ports; at least 1.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // never empty
    pub fn len(self) -> usize {
        usize::from(self.last - self.first) + 1
    }

    /// Every port, ascending.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        self.first..=self.last
    }

    /// Whether `port` is one of them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether any port is in both.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl TryFrom<(u16, u16)> for PortRange {
    type Error = InvalidPort;

    fn try_from((first, last): (u16, u16)) -> Result<Self, InvalidPort> {
        Self::new(first, last)
    }
}

impl From<PortRange> for (u16, u16) {
    fn from(range: PortRange) -> Self {
        (range.first, range.last)
    }
}

fn port(text: &str) -> Result<u16, InvalidPort> {
    text.parse::<u16>()
        .ok()
        .filter(|p| *p != 0 && text.bytes().all(|b| b.is_ascii_digit()))
        .ok_or_else(|| {
            InvalidPort(format!(
                "{text:?} is no port; ports are numbers from 1 to 65535"
            ))
        })
}

impl FromStr for PortRange {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        match text.split_once('-') {
            None => Self::new(port(text)?, port(text)?),
            Some((first, last)) => Self::new(port(first)?, port(last)?),
        }
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

impl FromStr for PortProto {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        Ok(Self {
            port: port(number)?,
            protocol: protocol.parse()?,
        })
    }
}

impl fmt::Display for PortProto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.port, self.protocol)
    }
}

/// `[ip:]host[-range]:container[-range][/tcp|udp]`, compose's short syntax; a single number
/// publishes the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishText {
    /// Only this address of the host.
    pub host_address: Option<IpAddr>,
    /// The host's ports.
    pub host_ports: PortRange,
    /// The node's ports.
    pub node_ports: PortRange,
    /// tcp unless said otherwise.
    pub protocol: Protocol,
}

impl FromStr for PublishText {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        let (rest, protocol) = match text.rsplit_once('/') {
            Some((rest, protocol)) => (rest, protocol.parse()?),
            None => (text, Protocol::Tcp),
        };
        let (rest, node) = match rest.rsplit_once(':') {
            Some((rest, node)) => (Some(rest), node),
            None => (None, rest),
        };
        let node_ports: PortRange = node.parse()?;
        let Some(rest) = rest else {
            return Ok(Self {
                host_address: None,
                host_ports: node_ports,
                node_ports,
                protocol,
            });
        };
        let (address, host) = match rest.rsplit_once(':') {
            Some((address, host)) => (Some(address), host),
            None => (None, rest),
        };
        let host_address = address
            .map(|a| {
                let bare = a
                    .strip_prefix('[')
                    .and_then(|a| a.strip_suffix(']'))
                    .unwrap_or(a);
                bare.parse::<IpAddr>().map_err(|_not_an_address| {
                    InvalidPort(format!(
                        "{a:?} is no address; write [ip:]host-port:node-port[/tcp|udp]"
                    ))
                })
            })
            .transpose()?;
        let host_ports: PortRange = host.parse()?;
        if host_ports.len() != node_ports.len() {
            return Err(InvalidPort(format!(
                "{host_ports} are {} ports on the host, but {node_ports} are {} in the node",
                host_ports.len(),
                node_ports.len()
            )));
        }
        Ok(Self {
            host_address,
            host_ports,
            node_ports,
            protocol,
        })
    }
}

impl fmt::Display for PublishText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_address {
            Some(IpAddr::V6(a)) => write!(f, "[{a}]:")?,
            Some(IpAddr::V4(a)) => write!(f, "{a}:")?,
            None => {}
        }
        write!(f, "{}:{}", self.host_ports, self.node_ports)?;
        if self.protocol == Protocol::Udp {
            write!(f, "/udp")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composes_short_syntax_reads_and_prints() {
        for (text, printed) in [
            ("8080:80", "8080:80"),
            ("3000", "3000:3000"),
            ("127.0.0.1:8080:80", "127.0.0.1:8080:80"),
            ("[::1]:6001:6001", "[::1]:6001:6001"),
            ("::1:6000:6000", "[::1]:6000:6000"),
            ("9090-9091:8080-8081/udp", "9090-9091:8080-8081/udp"),
            ("80:80/tcp", "80:80"),
        ] {
            assert_eq!(text.parse::<PublishText>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn what_cannot_be_published_is_refused() {
        for text in [
            "",
            "0:80",
            "65536:80",
            "80-81:80",
            "a:80",
            "host:80:80",
            "80:80/icmp",
            "81-80:81-80",
            "+80",
        ] {
            assert!(text.parse::<PublishText>().is_err(), "{text}");
        }
    }
}
