//! What the host sends elsewhere than to the project's networks.

use ipnet::IpNet;

use super::host_rules::{Diverted, Remedy};
use crate::mark;
use crate::observed::Observed;
use crate::settled::{Node, Settled};
use crate::target::MAIN_TABLE;

/// Routes of others in the table main to parts of networks in which nodes have addresses: of two routes
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
            })
        }));
    }
    out
}
