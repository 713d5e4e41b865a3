//! Subnets for networks without one in the file. A project gets the same ones each time.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Allocates subnets of 10.128.0.0/9 and of fd00::/8 that overlap no other.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    project: String,
    used: Vec<IpNet>,
}

impl Pool {
    pub(crate) fn new(project: &str, used: Vec<IpNet>) -> Self {
        Self {
            project: project.to_owned(),
            used,
        }
    }

    /// A /24, or a /16 for more than 200 members.
    pub(crate) fn v4(&mut self, network: &str, members: usize) -> Option<IpNet> {
        let begin = crate::hash::hash(&format!("{}/{network}", self.project));
        let (bits, prefix) = match members {
            0..=200 => (15, 24),
            _ => (7, 16),
        };
        let count = 1_u64 << bits;
        for i in 0..count {
            let number = ((begin + i) % count) as u32;
            let address = (10_u32 << 24) | (1 << 23) | (number << (32 - prefix));
            let net = Ipv4Net::new(address.into(), prefix as u8).ok()?;
            if let Some(net) = self.take(net.into()) {
                return Some(net);
            }
        }
        None
    }

    /// A unique local /64 (RFC 4193).
    pub(crate) fn v6(&mut self, network: &str) -> Option<IpNet> {
        for i in 0_u32..1000 {
            let number = crate::hash::hash(&format!("{}/{network}/{i}", self.project));
            let address = (0xfd_u128 << 120) | (u128::from(number >> 8) << 64);
            let net = Ipv6Net::new(address.into(), 64).ok()?;
            if let Some(net) = self.take(net.into()) {
                return Some(net);
            }
        }
        None
    }

    fn take(&mut self, net: IpNet) -> Option<IpNet> {
        let overlaps = |used: &IpNet| used.contains(&net) || net.contains(used);
        if self.used.iter().any(overlaps) {
            return None;
        }
        self.used.push(net);
        Some(net)
    }
}

/// The last free address of a subnet.
pub(crate) fn free(net: IpNet, used: &[IpAddr]) -> Option<IpAddr> {
    let last = match net.broadcast() {
        IpAddr::V4(last) => u128::from(u32::from(last)),
        IpAddr::V6(last) => u128::from(last),
    };
    let address = |number: u128| match net {
        IpNet::V4(_) => u32::try_from(number).ok().map(|n| IpAddr::V4(n.into())),
        IpNet::V6(_) => Some(IpAddr::V6(number.into())),
    };
    let below = (1..=1000).filter_map(|i| address(last.checked_sub(i)?));
    below
        .filter(|a| net.contains(a) && *a != net.network())
        .find(|a| !used.contains(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_are_stable_and_apart() {
        let mut pool = Pool::new("shop", Vec::new());
        let first = pool.v4("a", 3).unwrap();
        let mut other = Pool::new("shop", vec![first]);
        assert_ne!(other.v4("a", 3).unwrap(), first);
        assert_eq!(Pool::new("shop", Vec::new()).v4("a", 3), Some(first));
        assert!("10.128.0.0/9".parse::<IpNet>().unwrap().contains(&first));
        let wide = pool.v4("b", 500).unwrap();
        assert_eq!(wide.prefix_len(), 16);
        let v6 = pool.v6("a").unwrap();
        assert!(v6.to_string().starts_with("fd") && v6.trunc() == v6);
    }
}
