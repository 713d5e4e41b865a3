//! What a project's keeper listens on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hallway_spec::{LOCALHOST_PORTS_MAX, Protocol};

use crate::settled::{Publish, Settled};

/// A published port on an address of localhost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Listener {
    /// Address and port.
    pub address: SocketAddr,
    /// Its transport protocol.
    pub protocol: Protocol,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.protocol)
    }
}

/// The addresses of localhost on which a published port is served: both, unless it is published on
/// one address alone. A long range is served on none, and neither is SCTP: listeners proxy only
/// streams of bytes and datagrams.
#[must_use]
pub fn localhost(publish: &Publish) -> Vec<IpAddr> {
    let long = publish.host_ports.len() > LOCALHOST_PORTS_MAX;
    if long || publish.protocol == Protocol::Sctp {
        return Vec::new();
    }
    match publish.host_address {
        None => {
            // All addresses of one version: another entry may have the same port of the other one.
            let only = publish.named_address.filter(IpAddr::is_unspecified);
            let both: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let mut all = both.to_vec();
            all.retain(|a| only.is_none_or(|only| a.is_ipv4() == only.is_ipv4()));
            all
        }
        Some(address) if address.is_loopback() => vec![address],
        Some(_) => Vec::new(),
    }
}

/// The addresses of the real host on which a project in a sandbox is served: localhost, or the one
/// that the file names.
#[must_use]
pub fn on_machine(publish: &Publish) -> Vec<IpAddr> {
    let long = publish.host_ports.len() > LOCALHOST_PORTS_MAX;
    match publish.named_address {
        Some(address) if !long && publish.protocol != Protocol::Sctp => vec![address],
        _ => localhost(publish),
    }
}

/// Every listener of a project in the namespace that it is built in, without those that no node can
/// answer.
pub fn listeners(settled: &Settled) -> impl Iterator<Item = Listener> {
    let served = settled.publishes.iter().filter(|p| !p.targets.is_empty());
    served.flat_map(|publish| {
        localhost(publish).into_iter().flat_map(move |address| {
            publish.host_ports.iter().map(move |port| Listener {
                address: SocketAddr::new(address, port),
                protocol: publish.protocol,
            })
        })
    })
}
