//! `links:`.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::reader::{At, Reader};
use super::{bandwidth, interface, mtu, nodes};
use crate::{Code, IpVersion, Link, LinkEnd, Name, Node, Problem};

pub(crate) const KEYS: &[&str] = &["endpoints", "mtu", "bandwidth"];
pub(crate) const END_KEYS: &[&str] = &["address", "interface", "mac"];

/// Nodes that only a link names are added to `nodes`.
pub(super) fn read(r: &mut Reader<'_>, at: &At, known: &mut Vec<Node>) -> Vec<Link> {
    let mut out = Vec::new();
    let mut names: BTreeSet<Name> = known.iter().map(|n| n.name.clone()).collect();
    for item in r.items(at) {
        let fields = r.fields(&item, Some(KEYS), "a mapping with endpoints");
        let place = r.place(&item);
        let field = |key: &str| {
            fields.get(key).map(|id| At {
                id,
                path: format!("{}.{key}", item.path),
            })
        };
        let Some(endpoints) = field("endpoints") else {
            r.report(
                Problem::new(Code::Missing, &place, "a link needs endpoints")
                    .help("write endpoints: { a: 10.0.1.1/24, b: 10.0.1.2/24 }"),
            );
            continue;
        };
        let ends = ends(r, &endpoints);
        let count = ends.len();
        let mtu = field("mtu").and_then(|at| mtu(r, &at));
        let bandwidth = field("bandwidth").and_then(|at| bandwidth(r, &at));
        let Ok(ends) = <[LinkEnd; 2]>::try_from(ends) else {
            let place = r.place(&endpoints);
            r.report(Problem::new(
                Code::BadValue,
                &place,
                format!("a link has two ends, this has {count}"),
            ));
            continue;
        };
        for end in &ends {
            if names.insert(end.node.clone()) {
                known.push(nodes::bare(end.node.clone(), end.place.clone()));
            }
        }
        out.push(Link {
            ends,
            mtu,
            bandwidth,
            place,
        });
    }
    out
}

fn ends(r: &mut Reader<'_>, at: &At) -> Vec<LinkEnd> {
    let mut out = Vec::new();
    for (node, place, here) in super::named(r, at, "addresses") {
        out.push(end(r, &here, node, place));
    }
    out
}

fn end(r: &mut Reader<'_>, at: &At, node: Name, place: crate::Place) -> LinkEnd {
    let mut out = LinkEnd {
        node,
        addresses: Vec::new(),
        interface: None,
        mac: None,
        place,
    };
    let mut addresses = Some(at.clone());
    if r.is_map(at.id) {
        let fields = r.fields(at, Some(END_KEYS), "an address");
        let field = |key: &str| {
            fields.get(key).map(|id| At {
                id,
                path: format!("{}.{key}", at.path),
            })
        };
        addresses = field("address");
        out.interface = field("interface").and_then(|at| interface(r, &at));
        out.mac = field("mac").and_then(|at| r.checked(&at, "a MAC address", Code::BadValue));
    }
    for item in addresses.map(|at| r.items(&at)).unwrap_or_default() {
        let Some(net) = r.value::<IpNet>(
            &item,
            "an address with its prefix length, like 10.0.1.10/24",
        ) else {
            continue;
        };
        let version = IpVersion::of_net(&net);
        let reserved = net.prefix_len() < net.max_prefix_len() - 1
            && (net.addr() == net.network() || (version.is_v4() && net.addr() == net.broadcast()));
        if reserved
            || net.addr().is_loopback()
            || net.addr().is_multicast()
            || net.addr().is_unspecified()
        {
            let problem = Problem::new(
                Code::AddressReserved,
                &r.place(&item),
                format!("{net} is no address an interface can have"),
            );
            r.report(problem);
        } else if out
            .addresses
            .iter()
            .any(|a| IpVersion::of_net(a) == version)
        {
            r.wrong(&item, "one address of each family at most");
        } else {
            out.addresses.push(net);
        }
    }
    out
}
