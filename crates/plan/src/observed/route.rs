//! Routes and neighbours.

use std::net::IpAddr;

use ipnet::IpNet;

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRoute {
    /// Destination.
    pub to: IpNet,
    /// Outgoing interface.
    pub interface: Option<u32>,
    /// The program that added it (RTPROT_*).
    pub protocol: u8,
    /// `unreachable`, as opposed to unicast.
    pub unreachable: bool,
    /// Main, local, …
    pub table: u32,
    /// Of routes to one destination, the one with the lowest metric is used.
    pub metric: u32,
    /// Next hop.
    pub via: Option<IpAddr>,
    /// It has several next hops; the interface is that of the first.
    pub multipath: bool,
    /// Further attributes that hallway sets for no route, as ip-route(8) prints them.
    pub further: Option<String>,
}

/// A neighbour with a fixed MAC address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNeighbour {
    /// The link that it is a neighbour on.
    pub interface: u32,
    /// Its address.
    pub address: IpAddr,
    /// Its MAC address; none: frames have no receiver.
    pub mac: Option<[u8; 6]>,
}
