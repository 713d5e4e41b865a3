//! `links:`.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::nodes;
use super::values::{Named, check_delay, impairments, interface, items, limit, mac, mtu, named};
use crate::document::{EndKeys, LinkKeys};
use crate::problem::{NetworkProblem, Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::{Impairments, IpVersion, Link, LinkEnd, Name, Node};

/// Nodes that are named only by a link are added to `nodes`.
pub(super) fn read(r: &mut Reader<'_>, at: Option<&At>, known: &mut Vec<Node>) -> Vec<Link> {
    let mut out = Vec::new();
    let mut names: BTreeSet<Name> = known.iter().map(|n| n.name.clone()).collect();
    for item in items(r, at) {
        let Some(link) = link(r, &item) else {
            continue;
        };
        for end in &link.ends {
            if names.insert(end.node.clone()) {
                known.push(nodes::bare(end.node.clone(), end.place.clone()));
            }
        }
        out.push(link);
    }
    out
}

fn link(r: &mut Reader<'_>, at: &At) -> Option<Link> {
    let keys = LinkKeys::read(
        r,
        at,
        "a mapping like { endpoints: { a: 10.0.1.1/24, b: 10.0.1.2/24 } }",
    );
    let Some(endpoints) = &keys.endpoints else {
        r.report(at, ValueProblem::Missing(Required::Endpoints));
        return None;
    };
    let bandwidth = limit(r, keys.bandwidth.as_ref(), keys.rate.as_ref());
    let of_both = impairments(r, keys.impairments());
    let (entries, refused) = named(
        r,
        endpoints,
        "a mapping like { a: 10.0.1.1/24, b: 10.0.1.2/24 }",
    );
    let mut ends: Vec<LinkEnd> = entries.into_iter().map(|entry| end(r, entry)).collect();
    for end in &mut ends {
        end.bandwidth = end.bandwidth.or(bandwidth);
        end.impairments = end.impairments.or(&of_both);
        check_delay(r, &end.place, &end.impairments);
    }
    let count = ends.len() + refused;
    let mtu = keys.mtu.as_ref().and_then(|at| mtu(r, at));
    let Ok(ends) = <[LinkEnd; 2]>::try_from(ends) else {
        if count != 2 {
            r.report(endpoints, ValueProblem::LinkEnds(count));
        }
        return None;
    };
    Some(Link {
        ends,
        mtu,
        place: r.place(at),
    })
}

fn end(r: &mut Reader<'_>, entry: Named) -> LinkEnd {
    let mut out = LinkEnd {
        node: entry.name,
        addresses: Vec::new(),
        interface: None,
        mac: None,
        masquerade: false,
        bandwidth: None,
        impairments: Impairments::default(),
        place: entry.place,
    };
    let mut addresses = Some(entry.value.clone());
    if r.is_map(entry.value.id) {
        let keys = EndKeys::read(r, &entry.value, "an address");
        out.impairments = impairments(r, keys.impairments());
        addresses = keys.address;
        out.interface = keys.interface.and_then(|at| interface(r, &at));
        out.mac = keys.mac.and_then(|at| mac(r, &at));
        let masquerade = keys.masquerade.and_then(|at| r.boolean(&at));
        out.masquerade = masquerade.unwrap_or(false);
        out.bandwidth = limit(r, None, keys.rate.as_ref());
    }
    for item in items(r, addresses.as_ref()) {
        let Some(net) = r.value::<IpNet>(
            &item,
            "an address with its prefix length, like 10.0.1.10/24",
        ) else {
            continue;
        };
        let version = IpVersion::of_net(&net);
        if is_reserved(net) {
            r.report(&item, NetworkProblem::LinkAddressReserved(net));
        } else if (out.addresses.iter()).any(|a| IpVersion::of_net(a) == version) {
            r.unexpected(&item, "one address of each IP version at most");
        } else {
            out.addresses.push(net);
        }
    }
    out
}

/// Whether no interface can have this address.
fn is_reserved(net: IpNet) -> bool {
    let address = net.addr();
    let v4 = IpVersion::of_net(&net).is_v4();
    let edge = address == net.network() || (v4 && address == net.broadcast());
    (edge && net.prefix_len() < net.max_prefix_len() - 1)
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unspecified()
}
