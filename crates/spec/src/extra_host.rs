//! What a further name of a node's hosts file means.

use std::net::{AddrParseError, IpAddr};
use std::str::FromStr;

/// The word of Docker for the host.
const GATEWAY: &str = "host-gateway";

/// The address of a further name in a node's hosts file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtraHost {
    /// This one.
    Address(IpAddr),
    /// `host-gateway`: those of the host on the node's network.
    Gateway,
}

impl FromStr for ExtraHost {
    type Err = AddrParseError;

    /// An IPv6 address may have brackets.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == GATEWAY {
            return Ok(Self::Gateway);
        }
        let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        bare.unwrap_or(text).parse().map(Self::Address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::unwrap_used)] // what fails is the test
    fn addresses_and_the_host() {
        let six: IpAddr = "fd00::1".parse().unwrap();
        for (text, meant) in [
            ("host-gateway", Some(ExtraHost::Gateway)),
            ("fd00::1", Some(ExtraHost::Address(six))),
            ("[fd00::1]", Some(ExtraHost::Address(six))),
            ("[fd00::1", None),
            ("gateway", None),
        ] {
            assert_eq!(text.parse().ok(), meant, "{text}");
        }
    }
}
