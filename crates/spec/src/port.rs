//! Transport protocols, ports and port ranges.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The greatest length of the name of a port, in bytes.
pub(crate) const PORT_NAME_MAX: usize = 63;

/// Why the name of a port was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPortName {
    /// It is empty, begins with something other than a letter, or has another character.
    #[error(
        "{0:?} cannot be the name of a port: it begins with a letter and has letters from a to z, digits, '-' and '_'"
    )]
    Text(String),
    /// It has more than 63 bytes.
    #[error("the name of a port has at most {PORT_NAME_MAX} characters, this has {0}")]
    TooLong(usize),
    /// It is a protocol: `ports: [tcp]` would have two meanings.
    #[error("{0} is a protocol and cannot be the name of a port")]
    Protocol(String),
}

/// Why a port, a range or a published port was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPort {
    /// It is not a number from 1 to 65535.
    #[error("invalid port {0:?}; ports are numbers from 1 to 65535")]
    Port(String),
    /// The range has port 0, or its last port is below the first.
    #[error("invalid port range {first}-{last}; ports are from 1 to 65535, the lower one first")]
    Range {
        /// The first port given.
        first: u16,
        /// The last port given.
        last: u16,
    },
    /// The protocol is neither tcp, udp nor sctp.
    #[error("the protocol is tcp, udp or sctp, not {0:?}")]
    Protocol(String),
    /// The part before the ports is not an IP address.
    #[error("{0:?} is not an IP address")]
    Address(String),
    /// The text before `=` is not a valid port name.
    #[error(transparent)]
    Name(#[from] InvalidPortName),
    /// The two ranges have different lengths.
    #[error("{host} has {} ports on the host, but {node} has {} in the node", .host.len(), .node.len())]
    Lengths {
        /// The host's ports.
        host: PortRange,
        /// The node's ports.
        node: PortRange,
    },
}

/// A transport protocol with ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// The number in the IP header.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
            Self::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

impl FromStr for Protocol {
    type Err = InvalidPort;

    fn from_str(text: &str) -> Result<Self, InvalidPort> {
        match text {
            "tcp" => Ok(Self::Tcp),
            "udp" => Ok(Self::Udp),
            "sctp" => Ok(Self::Sctp),
            other => Err(InvalidPort::Protocol(other.to_owned())),
        }
    }
}

/// Consecutive ports, first to last; never empty, never port 0.
///
/// ```
/// use hallway_spec::PortRange;
///
/// let range: PortRange = "8000-8010".parse()?;
/// assert_eq!((range.first(), range.last(), range.len()), (8000, 8010, 11));
/// assert!("8010-8000".parse::<PortRange>().is_err());
/// # Ok::<(), hallway_spec::InvalidPort>(())
/// ```
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
    /// When a port is 0, or `last` is below `first`.
    pub fn new(first: u16, last: u16) -> Result<Self, InvalidPort> {
        if first == 0 || last < first {
            return Err(InvalidPort::Range { first, last });
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
        .ok_or_else(|| InvalidPort::Port(text.to_owned()))
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

/// A port with its protocol, written `80/tcp`. The protocol may be left out: `80` is `80/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortProto {
    /// 1 to 65535.
    pub port: u16,
    /// tcp, udp or sctp.
    pub protocol: Protocol,
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
