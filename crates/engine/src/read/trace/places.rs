//! Where an exchange is watched, and which packets are.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_nftables::trace::Watched;
use hallway_plan::reach::{Location, Party, Path, World};
use hallway_spec::IpVersion;

/// The packets that the kernel must report: all that may belong to the exchange at any place.
pub(super) fn watched(path: &Path) -> Vec<Watched> {
    let mut out: Vec<Watched> = Vec::new();
    let mut add = |one: Watched| {
        if !out.contains(&one) {
            out.push(one);
        }
    };
    let version = path.address.map_or(IpVersion::V4, IpVersion::of);
    let protocol = path.service.protocol(version);
    let port = path.service.port();
    let mut ends: Vec<(IpAddr, u16)> = path.address.map(|a| (a, port)).into_iter().collect();
    ends.extend(path.request.iter().map(|h| (h.flow.to, h.flow.port)));
    for (address, port) in ends {
        let port = (port != 0).then_some(port);
        add(Watched {
            from: None,
            to: Some(address),
            protocol,
            source_port: None,
            port,
            version: hallway_nftables::IpVersion::of(address),
        });
        add(Watched {
            from: Some(address),
            to: None,
            protocol,
            source_port: port,
            port: None,
            version: hallway_nftables::IpVersion::of(address),
        });
    }
    out
}

/// Every place that packets of it may pass.
pub(super) fn places(world: &World<'_>, path: &Path, from: &Location) -> Vec<Location> {
    let mut out: BTreeSet<Location> = BTreeSet::from([from.clone(), Location::Host]);
    out.extend(path.request.iter().chain(&path.reply).map(|h| h.at.clone()));
    if let Some(address) = path.address {
        out.insert(world.seen_from(from, &Party::Address(address)));
    }
    out.remove(&Location::Outside);
    out.into_iter().collect()
}
