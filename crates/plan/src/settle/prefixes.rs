//! Prefixes of the host that others use.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use hallway_spec::Name;

use crate::mark;
use crate::observed::{Observed, SeenUse, UsedBy};
use crate::target::LOCAL_TABLE;

/// A prefix that is not this project's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldPrefix {
    /// The prefix: the subnet of a link, the destination of a route, or one address that is used.
    pub net: IpNet,
    /// What holds it, as a clause for messages.
    pub clause: String,
    /// The other project that it is of: then it must not overlap. A prefix of no project may be longer or
    /// shorter: the longest prefix is used first.
    pub project: Option<Name>,
}

impl HeldPrefix {
    /// Whether a subnet would take addresses from it.
    pub(super) fn is_hit_by(&self, subnet: &IpNet) -> bool {
        subnet.contains(&self.net) || (self.project.is_some() && self.net.contains(subnet))
    }
}

/// The prefixes of links, routes and addresses that are not of the links `ours`.
pub(super) fn foreign_prefixes(seen: &Observed, ours: &BTreeSet<u32>) -> Vec<HeldPrefix> {
    let held = |net: IpNet, index: Option<u32>, via: Option<IpAddr>| {
        let link = index.and_then(|i| seen.host.links.iter().find(|l| l.index == i));
        let project = link.and_then(|l| Some(mark::parse_alias(l.alias.as_deref()?)?.0));
        let uses = |what: String| format!("{what} already uses {net} here");
        let clause = match (link, &project, via) {
            (Some(link), Some(project), _) => uses(format!("{} (project {project})", link.name)),
            (_, _, Some(via)) if net == IpNet::from(via) => {
                format!("the host's routes lead by the router {via}")
            }
            (_, _, Some(via)) => format!("the host routes {net} by {via}"),
            (None, ..) => uses("a route".to_owned()),
            (Some(link), ..) => uses(link.name.clone()),
        };
        HeldPrefix {
            net,
            clause,
            project,
        }
    };
    let mut out = Vec::new();
    for route in &seen.host.routes {
        let interesting = route.to.prefix_len() > 0
            && route.protocol != mark::ROUTE_PROTOCOL
            && !route.interface.is_some_and(|i| ours.contains(&i))
            && !is_special(&route.to);
        if interesting && route.table != LOCAL_TABLE {
            out.push(held(route.to, route.interface, route.via));
        }
        // A router that packets of the host go to.
        if let Some(via) = route.via
            && !route.interface.is_some_and(|i| ours.contains(&i))
            && !is_special(&via.into())
        {
            out.push(held(via.into(), route.interface, Some(via)));
        }
    }
    for address in &seen.host.addresses {
        if !ours.contains(&address.interface) && !is_special(&address.net) {
            out.push(held(address.net.trunc(), Some(address.interface), None));
            out.push(held(
                address.net.addr().into(),
                Some(address.interface),
                None,
            ));
        }
    }
    let used = seen.in_use.iter();
    out.extend(used.filter_map(|used| held_by_use(seen, ours, used)));
    out
}

/// An address of another machine that the host uses, if it is not by a link of the project.
fn held_by_use(seen: &Observed, ours: &BTreeSet<u32>, used: &SeenUse) -> Option<HeldPrefix> {
    let net = IpNet::from(used.address);
    let address = used.address;
    let clause = match used.by {
        UsedBy::NameServer => {
            // Without a route to it, no query is sent to it.
            let mut routes = seen.host.routes.iter();
            routes.find(|r| {
                let leads = !r.unreachable && r.table != LOCAL_TABLE && r.to.contains(&net);
                leads && !r.interface.is_some_and(|i| ours.contains(&i))
            })?;
            format!("the host uses the name server {address}")
        }
        // One with a node that was removed is from an address that the host has no longer.
        UsedBy::Connection { own } => {
            let mut addresses = seen.host.addresses.iter();
            addresses.find(|a| a.net.addr() == own && !ours.contains(&a.interface))?;
            format!("the host has an open connection with {address}")
        }
        UsedBy::Neighbour { interface } if ours.contains(&interface) => return None,
        UsedBy::Neighbour { interface } => {
            let link = seen.host.links.iter().find(|l| l.index == interface)?;
            format!("a machine on {} has the address {address}", link.name)
        }
    };
    let held = HeldPrefix {
        net,
        clause,
        project: None,
    };
    (!is_special(&net)).then_some(held)
}

fn is_special(net: &IpNet) -> bool {
    match net.addr() {
        IpAddr::V4(a) => {
            a.is_loopback() || a.is_multicast() || a.is_broadcast() || a.is_link_local()
        }
        IpAddr::V6(a) => a.is_loopback() || a.is_multicast() || a.is_unicast_link_local(),
    }
}
