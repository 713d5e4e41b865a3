//! Names of network interfaces.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text_type::text_type;

/// The longest interface name: IFNAMSIZ without the NUL at the end (linux/if.h), in bytes.
const INTERFACE_NAME_MAX: usize = 15;

/// Names with a special meaning: the loopback interface, and two directories in
/// /proc/sys/net/*/conf.
const RESERVED: [&str; 3] = ["lo", "all", "default"];

/// The name of a network interface, by the kernel's rules (`dev_valid_name`, net/core/dev.c): 1 to
/// 15 bytes, without `/`, `:`, white space and NUL, neither `.` nor `..`. `%` is refused too: the
/// kernel interprets `eth%d` as a pattern (`__dev_alloc_name`).
///
/// ```
/// use hallway_spec::InterfaceName;
///
/// assert!("eth0".parse::<InterfaceName>().is_ok());
/// assert!("eth0.100".parse::<InterfaceName>().is_ok());
/// assert!("much-too-long-a-name".parse::<InterfaceName>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceName(String);

/// Why an interface name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInterfaceName {
    /// It is empty.
    #[error("an interface name may not be empty")]
    Empty,
    /// It has more than 15 bytes.
    #[error("an interface name may have at most 15 bytes, {0:?} has {len}", len = .0.len())]
    TooLong(String),
    /// It has a character that the kernel does not allow, or is `.` or `..`.
    #[error("{0:?} cannot be the name of an interface")]
    Character(String),
    /// Files only: the name has a special meaning.
    #[error("the interface name {0:?} is reserved")]
    Reserved(String),
    /// Files only: it has another character than letters, digits, `-`, `_` and `.`, or does not
    /// begin with a letter or digit.
    #[error(
        "an interface name may have letters, digits, '-', '_' and '.', and begins with a letter or digit: {0:?}"
    )]
    Restricted(String),
}

text_type!(InterfaceName, InvalidInterfaceName);

impl FromStr for InterfaceName {
    type Err = InvalidInterfaceName;

    fn from_str(text: &str) -> Result<Self, InvalidInterfaceName> {
        if text.is_empty() {
            return Err(InvalidInterfaceName::Empty);
        }
        if text.len() > INTERFACE_NAME_MAX {
            return Err(InvalidInterfaceName::TooLong(text.to_owned()));
        }
        let refused = |c: char| c.is_whitespace() || matches!(c, '/' | ':' | '%' | '\0');
        if text.contains(refused) || text == "." || text == ".." {
            return Err(InvalidInterfaceName::Character(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl InterfaceName {
    /// Reads the name of a new interface from a file. Stricter than the kernel: no reserved names,
    /// and only characters that are safe in a command line and on a terminal.
    ///
    /// # Errors
    /// When the name is not allowed.
    pub fn for_new_interface(text: &str) -> Result<Self, InvalidInterfaceName> {
        let name: Self = text.parse()?;
        if RESERVED.contains(&text) {
            return Err(InvalidInterfaceName::Reserved(text.to_owned()));
        }
        let first = text.chars().next();
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !first.is_some_and(|c| c.is_ascii_alphanumeric()) || !text.chars().all(safe) {
            return Err(InvalidInterfaceName::Restricted(text.to_owned()));
        }
        Ok(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interface_names_fit_the_kernel() {
        for text in ["a", "lo", "eth0", "a23456789012345", "br-0a.1", "é"] {
            assert!(text.parse::<InterfaceName>().is_ok(), "{text}");
        }
        for text in [
            "",
            "a234567890123456",
            ".",
            "..",
            "a/b",
            "a b",
            "a\tb",
            "a:1",
            "eth%d",
            "a\0",
        ] {
            assert!(text.parse::<InterfaceName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn new_interfaces_have_names_without_surprises() {
        assert!(InterfaceName::for_new_interface("a23456789012345").is_ok());
        for text in [
            "lo",
            "all",
            "default",
            "-f",
            "é",
            "a;b",
            "$x",
            "a234567890123456",
        ] {
            assert!(InterfaceName::for_new_interface(text).is_err(), "{text}");
        }
    }
}
