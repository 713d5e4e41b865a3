//! Addresses as they were found.

use ipnet::IpNet;

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenAddress {
    /// Another IPv4 address of its subnet comes before it.
    pub secondary: bool,
    /// Not an IPv4 address with another scope, or without the local route by which packets to it are
    /// delivered: such an address has to be added anew.
    pub usable: bool,
    /// Interface index.
    pub interface: u32,
    /// Address and prefix length.
    pub net: IpNet,
}
