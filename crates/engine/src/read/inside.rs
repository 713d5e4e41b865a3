//! What a prediction depends on in the namespaces of nodes: what programs there have added.

use std::collections::{BTreeMap, BTreeSet};

use hallway_kernel::netns::Netns;
use hallway_kernel::route::{RouteInfo, RouteType};
use hallway_kernel::rule::{RoutingRule, RuleAction};
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::IpVersion;
use hallway_plan::reach::{Inside, OwnRouting};
use hallway_plan::settled::{Node, Settled};
use hallway_plan::target::{BY_KERNEL, DEFAULT_TABLE, LOCAL_TABLE, MAIN_TABLE};
use hallway_spec::Name;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::environment::foreign;
use crate::observe::routing_rules;

/// Reads it. A node that cannot be entered is left out.
#[must_use]
pub fn inside(settled: &Settled, nodes: &BTreeSet<Name>) -> BTreeMap<Name, Inside> {
    let kernel = Kernel::new();
    let all = nodes.iter().filter_map(|name| settled.node(name));
    all.filter_map(|node| {
        let namespace = Netns::open(&node.netns.path()).ok()?;
        let seen = kernel
            .sibling()
            .inside(&namespace, |kernel| read(kernel, node))
            .ok()?;
        Some((node.name.clone(), seen))
    })
    .collect()
}

fn read(kernel: &mut Kernel, node: &Node) -> Result<Inside, KernelError> {
    let links = kernel.links()?;
    let filters = kernel.rp_filter()?;
    let found = kernel.addresses()?;
    let addresses: Vec<IpNet> = found.iter().map(|a| a.net).collect();
    let name_of = |index: u32| {
        let link = links.iter().find(|l| l.index == index)?;
        Some(link.name.clone())
    };
    let on = found
        .iter()
        .filter_map(|a| Some((name_of(a.index)?, a.net)));
    let on = on.collect();
    let mut routing = own_rules(kernel)?;
    let of_file = |index: u32| {
        name_of(index).is_none_or(|name| node.interfaces.iter().any(|i| i.name == name))
    };
    routing.extend(own_routes(kernel, node, &addresses, of_file)?);
    let filter_of = |index: u32| filters.get(&index).copied();
    Ok(Inside {
        rp_filter: (links.iter())
            .filter_map(|link| Some((link.name.clone(), filter_of(link.index)?)))
            .collect(),
        addresses: addresses.iter().map(IpNet::addr).collect(),
        on,
        routing,
        xdp: (links.iter())
            .filter(|link| link.xdp.is_some())
            .map(|link| link.name.clone())
            .collect(),
        tables: foreign(kernel)?,
        indexes: (links.iter())
            .map(|link| (link.name.clone(), link.index))
            .collect(),
    })
}

/// The routing rules of a node that the kernel has not made.
fn own_rules(kernel: &mut Kernel) -> Result<Vec<OwnRouting>, KernelError> {
    let of_kernel = |rule: &RoutingRule| {
        let known = [LOCAL_TABLE, MAIN_TABLE, DEFAULT_TABLE].map(RuleAction::Table);
        rule.is_unconditional() && known.contains(&rule.action)
    };
    let rules = routing_rules(kernel)?;
    let own = rules.iter().filter(|rule| !of_kernel(rule));
    let own = own.map(|rule| OwnRouting {
        to: rule.to.filter(|_| !rule.not).unwrap_or(match rule.version {
            IpVersion::V4 => Ipv4Net::default().into(),
            IpVersion::V6 => Ipv6Net::default().into(),
        }),
        is_rule: true,
        words: format!("the routing rule {}", rule.priority),
    });
    Ok(own.collect())
}

/// The routes of a node that are neither of the kernel nor of the file, where they matter: those of
/// other tables need a rule.
fn own_routes(
    kernel: &mut Kernel,
    node: &Node,
    addresses: &[IpNet],
    of_file: impl Fn(u32) -> bool,
) -> Result<Vec<OwnRouting>, KernelError> {
    // The kernel makes a route to the prefix of each address, also on a link that a program has added. Every
    // link has one to link-local addresses.
    let of_added_link = |route: &RouteInfo| {
        let link_local = matches!(route.to, IpNet::V6(net) if net.addr().is_unicast_link_local());
        !link_local && route.interface.is_some_and(|index| !of_file(index))
    };
    let is_own = |route: &RouteInfo| match (route.table, route.kind) {
        (MAIN_TABLE, RouteType::Unicast) => {
            let wanted = node.routes.iter().any(|r| r.to == route.to);
            // Those of a namespace of other programs are known by their links.
            let added = route.protocol != BY_KERNEL || of_added_link(route);
            added && !wanted && node.joined.is_none()
        }
        (MAIN_TABLE | LOCAL_TABLE, RouteType::Local | RouteType::Anycast) => {
            let to = route.to.addr();
            let known = |net: &IpNet| match route.kind {
                RouteType::Local => net.addr() == to,
                _ => net.network() == to,
            };
            !to.is_loopback() && !addresses.iter().any(known)
        }
        (LOCAL_TABLE, RouteType::Broadcast | RouteType::Multicast) => false,
        // The kernel drops by it what no other route is for.
        (MAIN_TABLE | LOCAL_TABLE, _) => route.metric != u32::MAX,
        _ => false,
    };
    let routes = kernel.routes()?;
    let own = routes.iter().filter(|route| is_own(route));
    let own = own.map(|route| OwnRouting {
        to: route.to,
        is_rule: false,
        words: format!("a route to {}", route.to),
    });
    Ok(own.collect())
}
