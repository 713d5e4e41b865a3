//! What the host sends elsewhere than to the project's networks.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use super::host_rules::{Diverted, Remedy};
use crate::mark::{self, Role};
use crate::observed::{Observed, SeenLink, SeenRoute};
use crate::settled::{Network, Node, Settled};
use crate::target::MAIN_TABLE;

/// Routes of other programs in the table main to parts of networks in which nodes have addresses: of two
/// routes the longer one is used.
#[must_use]
pub fn by_longer_routes(settled: &Settled, seen: &Observed) -> Vec<Diverted> {
    let ways = Ways::new(settled, seen);
    let own = seen.host.routes.iter().filter(|r| r.table == MAIN_TABLE);
    let own: BTreeSet<IpNet> = own.filter(|r| ways.leads(r)).map(|r| r.to).collect();
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
        let elsewhere = longer.filter(|route| is_used(&route.to) && !own.contains(&route.to));
        out.extend(elsewhere.map(|route| Diverted {
            net: route.to,
            by: ways.words(route),
            remedy: Remedy::WithoutRoute,
            drops: route.drops,
        }));
    }
    out.extend(by_earlier_routes(settled, seen, &ways));
    out
}

/// Routes of other programs in the table main to a prefix to which the project has a route itself, and
/// that the kernel uses before that one: with a lower metric, or of equal ones, the first. Of equal ones of
/// IPv6 it takes turns.
fn by_earlier_routes(settled: &Settled, seen: &Observed, ways: &Ways<'_>) -> Vec<Diverted> {
    let mut to: BTreeMap<IpNet, Vec<&SeenRoute>> = BTreeMap::new();
    for route in seen.host.routes.iter().filter(|r| r.table == MAIN_TABLE) {
        to.entry(route.to).or_default().push(route);
    }
    let subnets = || settled.inner_networks().flat_map(|n| &n.subnets);
    let mut out = Vec::new();
    for (net, routes) in to {
        let Some(own) = routes.iter().find(|r| ways.leads(r)) else {
            continue;
        };
        if !subnets().any(|s| s.net.contains(&net)) {
            continue;
        }
        let ours = |r: &SeenRoute| r.protocol == mark::ROUTE_PROTOCOL || ways.leads(r);
        let equal = |r: &&&SeenRoute| r.to.addr().is_ipv6() && r.metric == own.metric;
        let used = |r: &&&SeenRoute| !r.limited && !r.dead && !ours(r);
        let in_turn = routes.iter().filter(equal).find(used).copied();
        let first = first_of(&routes).filter(|r| !ours(r));
        let Some(first) = first.or(in_turn) else {
            continue;
        };
        let link = ways.link(first).map(|link| link.name.clone());
        out.push(Diverted {
            net,
            by: format!("{}, which comes before the project's", ways.words(first)),
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

/// The links of the host by which its networks and nodes are reached.
struct Ways<'a> {
    settled: &'a Settled,
    links: BTreeMap<u32, &'a SeenLink>,
}

impl<'a> Ways<'a> {
    fn new(settled: &'a Settled, seen: &'a Observed) -> Self {
        let links = seen.host.links.iter().map(|link| (link.index, link));
        Self {
            settled,
            links: links.collect(),
        }
    }

    fn link(&self, route: &SeenRoute) -> Option<&'a SeenLink> {
        self.links.get(&route.interface?).copied()
    }

    /// Whether a route leads to its destination as a route of the project does: straight, by the bridge of
    /// the network, or by the port of the node.
    fn leads(&self, route: &SeenRoute) -> bool {
        let Some(link) = self.link(route).filter(|_| route.via.is_none()) else {
            return false;
        };
        let of_network =
            |network: &Network| network.subnets.iter().any(|s| s.net.contains(&route.to));
        let alias = link.alias.as_deref().and_then(mark::parse_alias);
        match alias.filter(|(project, _)| *project == self.settled.project) {
            Some((_, Role::Bridge(name))) => self.settled.network(&name).is_some_and(of_network),
            Some((_, Role::Port(node, interface))) => {
                let node = self.settled.node(&node);
                let all = node.into_iter().flat_map(|n| &n.interfaces);
                let mut addresses = all
                    .filter(|i| i.name == interface)
                    .flat_map(|i| &i.addresses);
                addresses.any(|a| route.to.contains(&a.addr()))
            }
            _ => {
                let mut networks = self.settled.networks.iter().filter(|n| n.external);
                networks.any(|n| n.bridge.as_ref() == Some(&link.name) && of_network(n))
            }
        }
    }

    fn words(&self, route: &SeenRoute) -> String {
        let via = route.via.map(|via| format!(" via {via}"));
        let link = self.link(route).map(|link| format!(" by {}", link.name));
        let (via, link) = (via.unwrap_or_default(), link.unwrap_or_default());
        format!("the route {}{via}{link}", route.to)
    }
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
            source: None,
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
