//! The address that stands for an unknown one of the host.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hallway_spec::IpVersion;

/// Stands for the host's own address where it is not known (RFC 5737 and RFC 6666).
pub(super) fn some_address(version: IpVersion) -> IpAddr {
    match version {
        IpVersion::V4 => Ipv4Addr::new(192, 0, 2, 2).into(),
        IpVersion::V6 => Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 2).into(),
    }
}

/// Whether an address stands for one of the host that is not known.
pub(super) fn stands_for_host(address: IpAddr) -> bool {
    address == some_address(IpVersion::of(address))
}
