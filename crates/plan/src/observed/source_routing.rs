//! Routing by the source of packets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

/// Addresses of the host for which it has routing rules (`ip rule add from`): what it sends from them
/// may leave by other links than what it sends from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceRouting {
    /// The addresses.
    pub addresses: BTreeSet<IpAddr>,
    /// The networks that the host itself is on, by the table main; not examined where there are no such
    /// addresses. Answers to them take no other way, as without hallway's rules.
    pub near: Vec<IpNet>,
}

impl SourceRouting {
    /// Whether such rules are about what a node answers to a packet that was for an address of the host.
    #[must_use]
    pub fn concerns(&self, asked: IpAddr, to: IpAddr) -> bool {
        self.addresses.contains(&asked) && !self.near.iter().any(|net| net.contains(&to))
    }

    /// Whether the host accepts packets from its own addresses on a project's links. The source of IPv4
    /// answers is one.
    pub(crate) fn own_sources(&self) -> bool {
        self.addresses.iter().any(IpAddr::is_ipv4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_to_networks_of_the_host_take_no_other_way() {
        let found = SourceRouting {
            addresses: ["192.168.7.1".parse().unwrap()].into(),
            near: vec!["10.0.0.0/24".parse().unwrap()],
        };
        let concerns = |asked: &str, to: &str| {
            let (asked, to) = (asked.parse().unwrap(), to.parse().unwrap());
            found.concerns(asked, to)
        };
        assert!(concerns("192.168.7.1", "203.0.113.7"));
        assert!(!concerns("192.168.7.1", "10.0.0.9"));
        assert!(!concerns("192.168.7.2", "203.0.113.7"));
    }
}
