//! MAC addresses.

use std::fmt;
use std::str::FromStr;

/// Why a MAC address was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMac {
    /// It is not six bytes in hexadecimal with colons between them.
    #[error("invalid MAC address {0:?}; write it like 02:42:ac:11:00:02")]
    Syntax(String),
    /// It is a multicast or broadcast address, or all zero.
    #[error("{0} is not a unicast address: its first byte must be even, and not all bytes zero")]
    NotUnicast(String),
}

/// A unicast MAC address (IEEE 802): six bytes, the first one even, not all zero.
///
/// ```
/// use hallway_spec::Mac;
///
/// let mac: Mac = "02:42:AC:11:00:02".parse()?;
/// assert_eq!(mac.to_string(), "02:42:ac:11:00:02");
/// # Ok::<(), hallway_spec::InvalidMac>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// Its bytes.
    #[must_use]
    pub fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for Mac {
    type Err = InvalidMac;

    fn from_str(text: &str) -> Result<Self, InvalidMac> {
        let wrong = || InvalidMac::Syntax(text.to_owned());
        let mut out = [0; 6];
        let mut parts = text.split(':');
        for slot in &mut out {
            let part = parts.next().filter(|p| p.len() == 2).ok_or_else(wrong)?;
            *slot = u8::from_str_radix(part, 16).map_err(|_not_hex| wrong())?;
        }
        if parts.next().is_some() {
            return Err(wrong());
        }
        if out[0] & 1 == 1 || out == [0; 6] {
            return Err(InvalidMac::NotUnicast(text.to_owned()));
        }
        Ok(Self(out))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_unicast() {
        assert_eq!(
            "02:42:AC:11:00:02".parse::<Mac>().unwrap().to_string(),
            "02:42:ac:11:00:02"
        );
        for text in [
            "01:00:5e:00:00:01",
            "00:00:00:00:00:00",
            "02:42:ac:11:00",
            "2:42:ac:11:00:02",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }
}
