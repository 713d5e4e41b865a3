//! Subnets for networks without one in the file.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

/// The pools, in this order: private addresses (RFC 1918) that few others use. Podman gives its networks
/// 10.88.0.0/16 and all above (containers.conf(5)), also where no container has made a route yet.
const POOLS: [Ipv4Net; 3] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 72, 0, 0), 13),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 24, 0, 0), 14),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
];
/// Routes with fewer bits than this count as default routes, like the two halves that VPNs use.
const WIDE: u8 = 8;
/// The usual prefix length of a subnet that is chosen.
pub const SUBNET_LENGTH: u8 = 24;

/// The first subnet of the pools with that length that overlaps none of these prefixes.
#[must_use]
pub fn first_free(taken: &[IpNet], length: u8) -> Option<IpNet> {
    let pools = POOLS.iter().filter_map(|pool| pool.subnets(length).ok());
    let mut all = pools.flatten().map(IpNet::V4);
    all.find(|net| !is_taken(taken, net))
}

/// Whether a subnet overlaps one of these prefixes.
#[must_use]
pub fn is_taken(taken: &[IpNet], net: &IpNet) -> bool {
    let mut taken = taken.iter().filter(|t| t.prefix_len() >= WIDE);
    taken.any(|t| t.contains(net) || net.contains(t))
}

/// Whether a subnet that is chosen may overlap this prefix.
#[must_use]
pub fn may_be_chosen(net: &IpNet) -> bool {
    let mut pools = POOLS.iter().map(|pool| IpNet::V4(*pool));
    pools.any(|pool| pool.contains(net) || net.contains(&pool))
}

/// The pools in words.
#[must_use]
pub fn pools() -> String {
    POOLS.map(|p| p.to_string()).join(", ")
}
