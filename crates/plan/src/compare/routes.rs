//! Routes: those that hallway adds, and those that the kernel adds with addresses and links.

use std::collections::BTreeSet;

use ipnet::IpNet;

use super::index::{Before, Index};
use super::{Fact, Instead};
use crate::mark;
use crate::observed::SeenRoute;
use crate::reach::{first_of, is_mended};
use crate::target::{BY_KERNEL, Route, RouteKind, RouteOrigin, Space, is_multicast};

/// The differences of the routes of a namespace.
pub(super) fn compare(wanted: &Space, before: &Before<'_>, seen: &Index<'_>, out: &mut Vec<Fact>) {
    let leaves_by_missing_link = |route: &Route| match &route.kind {
        RouteKind::Link { link, .. } => seen.link(link).is_none(),
        RouteKind::Unreachable => false,
    };
    let by_kernel = wanted.kernel_routes();
    let by_kernel = by_kernel.iter().filter(|r| is_due(seen, r));
    for route in by_kernel.chain(&wanted.routes) {
        // The routes of a link that does not exist are created with it.
        if !leaves_by_missing_link(route) && !has_route(wanted, seen, route) {
            out.push(route_missing(wanted, seen, route));
        }
    }
    let still: BTreeSet<&Route> = wanted.routes.iter().collect();
    for route in &before.routes {
        if !still.contains(*route) && has_route(wanted, seen, route) {
            out.push(Fact::RouteLeft {
                route: (*route).clone(),
            });
        }
    }
}

/// Routes of the project that the kernel does not use, since another one comes before, where they can be put
/// first: of two routes that the kernel makes with addresses, the older one is first, so a bridge that was
/// down loses its place. In a node (`alone`) they also replace an IPv6 route that drops packets.
pub(super) fn in_order(wanted: &Space, seen: &Index<'_>, alone: bool) -> Vec<Fact> {
    let mut out = Vec::new();
    for route in wanted.kernel_routes().iter().chain(&wanted.routes) {
        let RouteKind::Link { link, via, .. } = &route.kind else {
            continue;
        };
        let to = seen.routes_to(&route.to);
        let of_link = |r: &&&SeenRoute| {
            let by = r.interface.and_then(|i| seen.name(i));
            by == Some(link) && r.via == *via && r.metric == route.metric()
        };
        let (Some(own), Some(first)) = (to.iter().find(of_link), first_of(to)) else {
            continue;
        };
        let replaces = alone && first.drops.is_some() && first.metric == own.metric;
        if !std::ptr::eq(*own, first) && (replaces || is_mended(own, first)) {
            let by = first.interface.and_then(|i| seen.name(i));
            let by = by.filter(|_| first.drops.is_none());
            out.push(Fact::RouteBehind {
                route: route.clone(),
                first: by.map(str::to_owned),
            });
        }
    }
    out
}

/// Whether the kernel must have added a route of its own. It adds these with an address that is
/// missing, and when a link that is down comes up.
fn is_due(seen: &Index<'_>, route: &Route) -> bool {
    let RouteKind::Link { link, origin, .. } = &route.kind else {
        return false;
    };
    let Some(found) = seen.link(link).filter(|found| found.up) else {
        return false;
    };
    match origin {
        RouteOrigin::Connected(source) => {
            let net = IpNet::new(*source, route.to.prefix_len());
            net.is_ok_and(|net| seen.has_address(found.index, net))
        }
        RouteOrigin::Multicast => {
            let mut addresses = seen.addresses_of(found.index);
            addresses.any(|a| a.net.addr().is_ipv6())
        }
        RouteOrigin::Static | RouteOrigin::Hallway => false,
    }
}

fn has_route(wanted: &Space, seen: &Index<'_>, route: &Route) -> bool {
    let same = seen.routes_to(&route.to);
    same.iter().any(|found| match &route.kind {
        _ if found.further.is_some() || !has_source(wanted, route, found) => false,
        RouteKind::Unreachable => {
            found.unreachable
                && found.protocol == mark::ROUTE_PROTOCOL
                && found.metric == route.metric()
        }
        RouteKind::Link { link, via, .. } => {
            !found.unreachable
                && !found.multipath
                && found.via == *via
                && found.metric == route.metric()
                && found.interface.and_then(|i| seen.name(i)) == Some(link)
        }
    })
}

/// Whether the source address is one of the link's. The kernel makes one IPv4 route for all addresses of a
/// subnet, with the first of them.
fn has_source(wanted: &Space, route: &Route, found: &SeenRoute) -> bool {
    let (RouteKind::Link { link, .. }, Some(source)) = (&route.kind, found.source) else {
        return true;
    };
    let mut links = wanted.links.iter().filter(|l| l.name == *link);
    links.any(|l| l.addresses.iter().any(|net| net.addr() == source))
}

/// The missing route, and which route exists instead. A route of another link that the kernel
/// made, a default route and a link-local one can exist beside it, and are kept. But the kernel has one IPv6
/// route with several next hops instead of several routes.
fn route_missing(wanted: &Space, seen: &Index<'_>, route: &Route) -> Fact {
    let missing = |found, replaces| Fact::RouteMissing {
        route: route.clone(),
        found,
        replaces,
    };
    let RouteKind::Link { link, .. } = &route.kind else {
        return missing(None, false);
    };
    let same = seen.routes_to(&route.to).iter();
    let same: Vec<_> = same.filter(|r| r.metric == route.metric()).collect();
    let shared = route.to.prefix_len() == 0 || is_link_local(&route.to) || is_multicast(&route.to);
    let beside = |r: &&&SeenRoute| {
        let of_link = r.interface.and_then(|i| seen.name(i)) == Some(link);
        let joined = r.multipath && r.to.addr().is_ipv6();
        !r.unreachable && !of_link && !joined && (shared || r.protocol == BY_KERNEL)
    };
    let mut instead = same.iter().filter(|r| !beside(r) && !r.multipath);
    let found = instead.next().map(|r| {
        let by = r.interface.and_then(|i| seen.name(i));
        let source = r.source.filter(|_| !has_source(wanted, route, r));
        let source = source.map(|source| format!("src {source}"));
        Instead {
            via: r.via,
            drops: r.drops,
            link: by.filter(|by| by != link).map(str::to_owned),
            further: r.further.clone().or(source),
        }
    });
    missing(found, !same.is_empty() && !same.iter().any(beside))
}

/// `fe80::/64`, which every link with IPv6 has (RFC 4291, section 2.5.6).
fn is_link_local(net: &IpNet) -> bool {
    matches!(net, IpNet::V6(net) if net.addr().is_unicast_link_local())
}
