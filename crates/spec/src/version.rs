//! The version of the Internet Protocol.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// IPv4 or IPv6. Written and stored as the number 4 or 6.
///
/// ```
/// use hallway_spec::IpVersion;
///
/// let address = "fd00::1".parse()?;
/// assert_eq!(IpVersion::of(address), IpVersion::V6);
/// assert_eq!(format!("IPv{}", IpVersion::of(address)), "IPv6");
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub enum IpVersion {
    /// IPv4 (RFC 791).
    V4,
    /// IPv6 (RFC 8200).
    V6,
}

/// The number is neither 4 nor 6.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the IP version is 4 or 6, not {0}")]
pub struct InvalidIpVersion(String);

impl IpVersion {
    /// Both versions, in ascending order.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The version of an address.
    #[must_use]
    pub const fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The version of a prefix.
    #[must_use]
    pub const fn of_net(net: &IpNet) -> Self {
        match net {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    /// The number 4 or 6.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::V4 => 4,
            Self::V6 => 6,
        }
    }

    /// The length of an address in bits: 32 or 128.
    #[must_use]
    pub const fn bits(self) -> u8 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }

    /// Whether this is IPv4.
    #[must_use]
    pub const fn is_v4(self) -> bool {
        matches!(self, Self::V4)
    }

    /// Whether this is IPv6.
    #[must_use]
    pub const fn is_v6(self) -> bool {
        matches!(self, Self::V6)
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number().fmt(f)
    }
}

impl FromStr for IpVersion {
    type Err = InvalidIpVersion;

    fn from_str(text: &str) -> Result<Self, InvalidIpVersion> {
        match text {
            "4" => Ok(Self::V4),
            "6" => Ok(Self::V6),
            other => Err(InvalidIpVersion(other.to_owned())),
        }
    }
}

impl TryFrom<u8> for IpVersion {
    type Error = InvalidIpVersion;

    fn try_from(number: u8) -> Result<Self, InvalidIpVersion> {
        match number {
            4 => Ok(Self::V4),
            6 => Ok(Self::V6),
            other => Err(InvalidIpVersion(other.to_string())),
        }
    }
}

impl From<IpVersion> for u8 {
    fn from(version: IpVersion) -> Self {
        version.number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_stored_as_numbers() {
        for version in IpVersion::ALL {
            let text = serde_json::to_string(&version).unwrap();
            assert_eq!(text, version.to_string());
            assert_eq!(serde_json::from_str::<IpVersion>(&text).unwrap(), version);
            assert_eq!(text.parse::<IpVersion>(), Ok(version));
        }
        assert!(serde_json::from_str::<IpVersion>("5").is_err());
    }
}
