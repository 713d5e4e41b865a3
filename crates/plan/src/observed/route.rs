//! Routes and neighbours.

use std::net::IpAddr;

use ipnet::IpNet;

/// How a route or a routing rule drops packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropping {
    /// Without an answer (blackhole).
    Silently,
    /// With the answer that it is not allowed.
    Prohibited,
    /// With the answer that the destination is unreachable.
    Unreachable,
}

impl Dropping {
    /// Its name in ip-route(8).
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Silently => "blackhole",
            Self::Prohibited => "prohibit",
            Self::Unreachable => "unreachable",
        }
    }
}

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
    /// The source address of packets whose sender chooses none, of a route that the kernel made.
    pub source: Option<IpAddr>,
    /// It has several next hops; the interface is that of the first.
    pub multipath: bool,
    /// It drops packets instead of sending them.
    pub drops: Option<Dropping>,
    /// It is only for packets with a certain type of service.
    pub limited: bool,
    /// Its link has no carrier.
    pub no_carrier: bool,
    /// The kernel does not use it: for this reason.
    pub dead: bool,
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
