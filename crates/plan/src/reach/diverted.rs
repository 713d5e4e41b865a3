//! What the host sends elsewhere than to the project's networks.

use std::fmt;

use ipnet::IpNet;

use crate::mark;
use crate::observed::Observed;
use crate::settled::{Node, Settled};
use crate::target::MAIN_TABLE;

/// A destination on a project's network whose packets follow a route of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diverted {
    /// The network's prefix, or the part of it that is concerned.
    pub net: IpNet,
    /// That route, and the routing rule that leads to it, in words.
    pub by: String,
    /// The priority of a routing rule that would come before; none where the route is one of the table
    /// main.
    pub before: Option<u32>,
}

impl Diverted {
    /// The command after which the packets come to the network again.
    #[must_use]
    pub fn remedy(&self) -> String {
        let net = self.net;
        let ip = if net.addr().is_ipv6() { "ip -6" } else { "ip" };
        match self.before {
            Some(before) => format!("{ip} rule add priority {before} to {net} lookup main"),
            None => format!("{ip} route del {net}"),
        }
    }
}

impl fmt::Display for Diverted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by {}", self.by)
    }
}

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
                before: None,
            })
        }));
    }
    out
}
