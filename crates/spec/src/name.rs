//! Names and MAC addresses, checked once and then trusted.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidName(pub String);

/// The name of a project, network or node: letters, digits, `-`, `_` and `.`, beginning with a
/// letter or digit, at most 63 bytes. Safe as a file name and as part of a command line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// RFC 1035's limit for one label, so that every name can be a host name.
const NAME_MAX: usize = 63;

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let first = text.chars().next();
        if text.is_empty() {
            return Err(InvalidName("a name may not be empty".into()));
        }
        if text.len() > NAME_MAX {
            return Err(InvalidName(format!(
                "a name may have at most {NAME_MAX} characters, this has {}",
                text.len()
            )));
        }
        if !first.is_some_and(|c| c.is_ascii_alphanumeric()) {
            return Err(InvalidName("a name begins with a letter or a digit".into()));
        }
        let odd = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c)));
        if let Some(odd) = odd {
            return Err(InvalidName(format!(
                "a name may have letters, digits, '-', '_' and '.', not {odd:?}"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of an interface inside a node: at most 15 bytes (IFNAMSIZ, linux/if.h).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

impl FromStr for InterfaceName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text.len() > 15 {
            return Err(InvalidName(format!(
                "an interface name may have at most 15 characters, {text:?} has {}",
                text.len()
            )));
        }
        if ["lo", "all", "default"].contains(&text) {
            return Err(InvalidName(format!(
                "the interface name {text:?} is reserved"
            )));
        }
        let name: Name = text.parse()?;
        Ok(Self(name.0))
    }
}

macro_rules! text_type {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> Self {
                name.0
            }
        }
        impl TryFrom<String> for $type {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }
    };
}

text_type!(Name);
text_type!(InterfaceName);

/// A unicast MAC address.
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
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let wrong = || {
            InvalidName(format!(
                "{text:?} is no MAC address; write it like 02:42:ac:11:00:02"
            ))
        };
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
            return Err(InvalidName(format!(
                "{text} is not a unicast address: its first byte must be even"
            )));
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
    fn names_that_could_do_harm_are_refused() {
        for text in [
            "",
            ".",
            "..",
            "-f",
            "a/b",
            "a b",
            "x;rm",
            "ü",
            "\u{1b}[0m",
            &"a".repeat(64),
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
        for text in ["web", "web-1", "a.b_c", "0db", &"a".repeat(63)] {
            assert!(text.parse::<Name>().is_ok(), "{text:?}");
        }
    }

    #[test]
    fn interface_names_fit_the_kernel() {
        assert!("a23456789012345".parse::<InterfaceName>().is_ok());
        assert!("a234567890123456".parse::<InterfaceName>().is_err());
        assert!("lo".parse::<InterfaceName>().is_err());
    }

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
