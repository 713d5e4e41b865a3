//! Names of projects, networks and nodes.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// It is empty.
    #[error("a name may not be empty")]
    Empty,
    /// It has more than 63 bytes.
    #[error("a name may have at most {NAME_MAX} characters, this has {0}")]
    TooLong(usize),
    /// It begins with a `-`, `_` or `.`, or another character.
    #[error("a name begins with a letter from a to z or a digit")]
    Start,
    /// It has a character that is not allowed.
    #[error("a name may have letters from a to z, digits, '-', '_' and '.', not {0:?}")]
    Character(char),
}

/// The name of a project, network or node: letters, digits, `-`, `_` and `.`, beginning with a
/// letter or digit, at most 63 bytes. Safe as a file name and as part of a command line.
///
/// ```
/// use hallway_spec::Name;
///
/// assert!("web-1".parse::<Name>().is_ok());
/// assert!("../etc".parse::<Name>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

text_type!(Name, InvalidName);

/// RFC 1035's limit for one label, so that every name can be a host name.
const NAME_MAX: usize = 63;

/// Names that every node has for itself.
const OF_LOOPBACK: [&str; 3] = ["localhost", "ip6-localhost", "ip6-loopback"];

/// Whether each node resolves that name to its own loopback: it can be no name of another address.
#[must_use]
pub fn is_of_loopback(name: &str) -> bool {
    OF_LOOPBACK.iter().any(|own| own.eq_ignore_ascii_case(name))
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let first = text.chars().next();
        if text.is_empty() {
            return Err(InvalidName::Empty);
        }
        if text.len() > NAME_MAX {
            return Err(InvalidName::TooLong(text.len()));
        }
        if !first.is_some_and(|c| c.is_ascii_alphanumeric()) {
            return Err(InvalidName::Start);
        }
        let odd = text
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c)));
        if let Some(odd) = odd {
            return Err(InvalidName::Character(odd));
        }
        Ok(Self(text.to_owned()))
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
}
