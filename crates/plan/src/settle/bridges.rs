//! The bridges of the host.

use std::collections::BTreeMap;

use ipnet::IpNet;

use crate::mark;
use crate::observed::{Observed, SeenLink};

/// A bridge of the host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostBridge {
    /// The host's addresses on it.
    pub addresses: Vec<IpNet>,
    /// Its MAC address.
    pub mac: Option<[u8; 6]>,
    /// The project that made it.
    pub project: Option<hallway_spec::Name>,
}

/// The bridges of the host.
pub(super) fn of_host(seen: &Observed) -> BTreeMap<String, HostBridge> {
    let links = seen.host.links.iter();
    let bridges = links.filter(|l| l.kind.as_deref() == Some("bridge"));
    let host = |link: &SeenLink| {
        let all = seen.host.addresses.iter();
        let alias = link.alias.as_deref().and_then(mark::parse_alias);
        let bridge = HostBridge {
            addresses: all
                .filter(|a| a.interface == link.index)
                .map(|a| a.net)
                .collect(),
            mac: link.mac,
            project: alias.map(|(project, _)| project),
        };
        (link.name.clone(), bridge)
    };
    bridges.map(host).collect()
}
