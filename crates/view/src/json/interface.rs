//! An interface of a node.

use std::collections::BTreeMap;

use hallway_nftables::print::mac;
use hallway_plan::settled::{self, Plug};
use hallway_spec::Name;
use ipnet::IpNet;
use serde::Serialize;

/// A node's interface.
#[derive(Debug, Serialize)]
pub struct Interface<'a> {
    /// Its name inside the node.
    pub name: &'a str,
    /// Its MAC address.
    pub mac: String,
    /// With prefix lengths.
    pub addresses: &'a [IpNet],
    /// Bytes.
    pub mtu: Option<u32>,
    /// Bits per second.
    pub bandwidth: Option<u64>,
    /// The impairments of the packets it sends, as in a file.
    pub impairments: BTreeMap<&'static str, String>,
    /// What it may send from besides its own addresses.
    pub sources: &'a [IpNet],
    /// What its node forwards by it gets its address.
    pub masquerade: bool,
    /// Its network; none for a cable.
    pub network: Option<&'a Name>,
    /// The host's end; none for a cable, and for a macvlan interface.
    pub host_link: Option<&'a str>,
}

impl<'a> Interface<'a> {
    pub(super) fn new(interface: &'a settled::Interface) -> Self {
        let host_link = match &interface.plug {
            Plug::Port { link, .. } => Some(link.as_str()),
            Plug::Macvlan { .. } | Plug::Cable => None,
        };
        Self {
            name: &interface.name,
            mac: mac(&interface.mac),
            addresses: &interface.addresses,
            mtu: interface.mtu,
            bandwidth: interface
                .bandwidth
                .map(hallway_spec::Bandwidth::bits_per_second),
            impairments: interface.impairments.given().into_iter().collect(),
            sources: &interface.sources,
            masquerade: interface.masquerade,
            network: interface.plug.network(),
            host_link,
        }
    }
}
