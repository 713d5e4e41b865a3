//! What the host sends elsewhere than to the project's networks.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::host_rules::{Diverted, Remedy};
use crate::mark;
use crate::observed::{Observed, SeenLink, SeenRoute};
use crate::settled::{Node, Settled};
use crate::target::MAIN_TABLE;

/// Routes of other programs in the table main to parts of networks in which nodes have addresses: of two routes
/// the longer one is used.
#[must_use]
pub fn by_longer_routes(settled: &Settled, seen: &Observed) -> Vec<Diverted> {
    let links = &seen.host.links;
    let link = |index: Option<u32>| links.iter().find(|l| Some(l.index) == index);
    let is_used = |net: &IpNet| {
        let mut all = settled.nodes.iter().flat_map(Node::port_addresses);
        all.any(|address| net.contains(&address))
    };
    let mut out = Vec::new();
    for net in settled
        .inner_networks()
        .flat_map(|n| &n.subnets)
        .map(|s| s.net)
    {
        let longer = seen.host.routes.iter().filter(|route| {
            let inside = net.contains(&route.to) && route.to.prefix_len() > net.prefix_len();
            inside && route.table == MAIN_TABLE && route.protocol != mark::ROUTE_PROTOCOL
        });
        out.extend(longer.filter_map(|route| {
            let by = link(route.interface);
            let alias = by.and_then(|l| l.alias.as_deref());
            let own = alias.is_some_and(|a| mark::parse_alias(a).is_some());
            let name = by.map_or_else(String::new, |l| format!(" by {}", l.name));
            (!own && is_used(&route.to)).then(|| Diverted {
                net: route.to,
                by: format!("the route {}{name}", route.to),
                remedy: Remedy::WithoutRoute,
                drops: route.drops,
            })
        }));
    }
    out.extend(by_earlier_routes(settled, seen));
    out
}

/// Routes of other programs in the table main to a prefix to which the project has a route itself, and that the
/// kernel uses before that one: with a lower metric, or of equal ones, the first.
fn by_earlier_routes(settled: &Settled, seen: &Observed) -> Vec<Diverted> {
    let is_ours = |link: &SeenLink| {
        let alias = link.alias.as_deref().and_then(mark::parse_alias);
        alias.is_some_and(|(project, _)| project == settled.project)
    };
    let links = seen.host.links.iter().map(|link| (link.index, link));
    let links: BTreeMap<u32, &SeenLink> = links.collect();
    let by = |route: &SeenRoute| route.interface.and_then(|index| links.get(&index).copied());
    let of_project = |route: &SeenRoute| by(route).is_some_and(is_ours);
    let mut to: BTreeMap<IpNet, Vec<&SeenRoute>> = BTreeMap::new();
    for route in seen.host.routes.iter().filter(|r| r.table == MAIN_TABLE) {
        to.entry(route.to).or_default().push(route);
    }
    let subnets = || settled.inner_networks().flat_map(|n| &n.subnets);
    let mut out = Vec::new();
    for (net, routes) in to {
        let own = routes.iter().find(|r| of_project(r));
        let (Some(own), Some(first)) = (own, first_of(&routes)) else {
            continue;
        };
        if of_project(first) || !subnets().any(|s| s.net.contains(&net)) {
            continue;
        }
        let link = by(first).map(|link| link.name.clone());
        let name = link
            .as_ref()
            .map_or_else(String::new, |l| format!(" by {l}"));
        out.push(Diverted {
            net,
            by: format!("the route {net}{name}, which comes before the project's"),
            remedy: match link {
                _ if is_mended(own, first) => Remedy::Repair,
                Some(link) => Remedy::WithoutRouteBy(link),
                None => Remedy::WithoutRoute,
            },
            drops: first.drops,
        });
    }
    out
}

/// The route that the kernel uses of those with one destination: of those with one metric it lists the
/// first one first.
pub(crate) fn first_of<'s>(routes: &[&'s SeenRoute]) -> Option<&'s SeenRoute> {
    let used = routes.iter().filter(|r| !r.limited && !r.dead);
    used.min_by_key(|r| r.metric).copied()
}

/// Whether a route can be put before another one: a new one of IPv4 comes before those with its metric.
pub(crate) fn is_mended(own: &SeenRoute, first: &SeenRoute) -> bool {
    own.to.addr().is_ipv4() && own.metric == first.metric
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: &str, interface: u32, metric: u32) -> SeenRoute {
        SeenRoute {
            to: to.parse().unwrap(),
            interface: Some(interface),
            protocol: 2,
            unreachable: false,
            table: MAIN_TABLE,
            metric,
            via: None,
            multipath: false,
            drops: None,
            limited: false,
            no_carrier: false,
            dead: false,
            further: None,
        }
    }

    #[test]
    fn the_first_of_the_lowest_metric_is_used() {
        let (a, b, c) = (
            route("10.0.0.0/24", 1, 256),
            route("10.0.0.0/24", 2, 0),
            route("10.0.0.0/24", 3, 0),
        );
        assert_eq!(first_of(&[&a, &b, &c]), Some(&b));
        let dead = SeenRoute {
            dead: true,
            ..b.clone()
        };
        let limited = SeenRoute {
            limited: true,
            ..b.clone()
        };
        assert_eq!(first_of(&[&dead, &limited, &c, &a]), Some(&c));
        assert!(is_mended(&c, &b) && !is_mended(&a, &b));
        let (v6, other) = (route("fd00::/64", 1, 256), route("fd00::/64", 2, 256));
        assert!(!is_mended(&v6, &other));
    }
}
