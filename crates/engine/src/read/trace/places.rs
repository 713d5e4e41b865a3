//! Where an exchange is watched, and which packets are.

use std::collections::BTreeSet;
use std::net::IpAddr;

use hallway_nftables::IpVersion;
use hallway_nftables::trace::Watched;
use hallway_plan::reach::{At, Party, Path, Service, World};

/// Which packets the kernel is to report: whatever may be the exchange's at any place.
pub(super) fn watched(path: &Path) -> Vec<Watched> {
    let mut out: Vec<Watched> = Vec::new();
    let mut add = |one: Watched| {
        if !out.contains(&one) {
            out.push(one);
        }
    };
    let v4 = path.address.is_none_or(|a| a.is_ipv4());
    let protocol = path.service.protocol(v4);
    let asked = match path.service {
        Service::Icmp => 0,
        Service::Port(port) => port.port,
    };
    let mut ends: Vec<(IpAddr, u16)> = path.address.map(|a| (a, asked)).into_iter().collect();
    ends.extend(path.request.iter().map(|h| (h.flow.to, h.flow.port)));
    for (address, port) in ends {
        let port = (port != 0).then_some(port);
        add(Watched {
            from: None,
            to: Some(address),
            protocol,
            source_port: None,
            port,
            version: IpVersion::of(address),
        });
        add(Watched {
            from: Some(address),
            to: None,
            protocol,
            source_port: port,
            port: None,
            version: IpVersion::of(address),
        });
    }
    out
}

/// Every place that may see something of it.
pub(super) fn places(world: &World<'_>, path: &Path, from: &At) -> Vec<At> {
    let mut out: BTreeSet<At> = BTreeSet::from([from.clone(), At::Host]);
    out.extend(path.request.iter().chain(&path.reply).map(|h| h.at.clone()));
    if let Some(address) = path.address {
        out.insert(world.place(&Party::Address(address)));
    }
    out.remove(&At::Outside);
    out.into_iter().collect()
}
