//! The links of the host that networks can be on.

use std::collections::BTreeMap;
use std::net::IpAddr;

use hallway_spec::{IpVersion, Network, Subnet};
use ipnet::IpNet;

use super::conflict::{Conflict, ConflictCode};
use crate::observed::{Observed, SeenLink};

/// A link of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostLink {
    /// `bridge`, `vlan`, …
    pub kind: Option<String>,
    /// The host's addresses on it.
    pub addresses: Vec<IpNet>,
    /// Its MAC address; none if it is not an Ethernet link.
    pub mac: Option<[u8; 6]>,
    /// The link that it is a port of.
    pub master: Option<String>,
    /// Administratively up.
    pub up: bool,
    /// Bytes.
    pub mtu: u32,
    /// The link that it is on, with the number, if it is a VLAN.
    pub vlan: Option<(Option<String>, u16)>,
}

/// The links of the host.
pub(super) fn of_host(seen: &Observed) -> BTreeMap<String, HostLink> {
    let name = |index: u32| {
        let mut links = seen.host.links.iter();
        links.find(|l| l.index == index).map(|l| l.name.clone())
    };
    let host = |link: &SeenLink| {
        let all = seen.host.addresses.iter();
        let of_link = HostLink {
            kind: link.kind.clone(),
            addresses: all
                .filter(|a| a.interface == link.index)
                .map(|a| a.net)
                .collect(),
            mac: link.mac,
            master: link.master.map(|i| name(i).unwrap_or_default()),
            up: link.up,
            mtu: link.mtu,
            vlan: link.vlan.map(|id| (link.peer.and_then(name), id)),
        };
        (link.name.clone(), of_link)
    };
    seen.host.links.iter().map(host).collect()
}

/// The host's addresses on a link, and the subnets of a network there: those of the addresses, where the
/// file gives none.
///
/// # Errors
/// When the host has no address there.
pub(super) fn on_link<'a>(
    network: &Network,
    link: &str,
    found: &'a HostLink,
    code: ConflictCode,
) -> Result<(Vec<&'a IpNet>, Vec<Subnet>), Conflict> {
    let usable = |net: &&IpNet| {
        let special = match net.addr() {
            IpAddr::V4(a) => a.is_link_local(),
            IpAddr::V6(a) => a.is_unicast_link_local(),
        };
        !special && net.prefix_len() < net.max_prefix_len()
    };
    let addresses: Vec<&IpNet> = found.addresses.iter().filter(usable).collect();
    let mut out = network.subnets.clone();
    if out.is_empty() {
        let first = |version| {
            addresses
                .iter()
                .find(move |a| IpVersion::of_net(a) == version)
        };
        let nets = IpVersion::ALL.into_iter().filter_map(first);
        out.extend(nets.map(|net| Subnet::with_first_address(net.trunc())));
    }
    if out.is_empty() {
        let name = &network.name;
        return Err(Conflict {
            code,
            message: format!(
                "network {name}: the host has no address on {link}, so its subnet is not known"
            ),
            place: network.place.clone(),
            help: "write the subnet".into(),
            other: None,
        });
    }
    Ok((addresses, out))
}
