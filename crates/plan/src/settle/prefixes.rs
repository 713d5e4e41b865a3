//! Prefixes of the host that others use.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::mark;
use crate::observed::Observed;
use crate::target::LOCAL_TABLE;

/// A prefix that is not this project's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The prefix: the subnet of a link, the destination of a route, or one address that is used.
    pub net: IpNet,
    /// What holds it, as text for messages.
    pub holder: String,
    /// It is of another project, so it must not overlap. A prefix of no project may be longer or
    /// shorter: the longest prefix is used first.
    pub of_project: bool,
}

impl Held {
    /// Whether a subnet would take addresses from it.
    pub(super) fn is_hit_by(&self, subnet: &IpNet) -> bool {
        subnet.contains(&self.net) || (self.of_project && self.net.contains(subnet))
    }
}

/// The prefixes of links, routes and addresses that are not of the links `ours`.
pub(super) fn foreign_prefixes(seen: &Observed, ours: &BTreeSet<u32>) -> Vec<Held> {
    let held = |net: IpNet, index: Option<u32>| {
        let link = index.and_then(|i| seen.host.links.iter().find(|l| l.index == i));
        let project = link.and_then(|l| Some(mark::parse_alias(l.alias.as_deref()?)?.0));
        let holder = match (link, &project) {
            (None, _) => "a route".to_owned(),
            (Some(link), Some(project)) => format!("{} (project {project})", link.name),
            (Some(link), None) => link.name.clone(),
        };
        Held {
            net,
            holder,
            of_project: project.is_some(),
        }
    };
    let mut out = Vec::new();
    for route in &seen.host.routes {
        let interesting = route.to.prefix_len() > 0
            && route.protocol != mark::ROUTE_PROTOCOL
            && !route.interface.is_some_and(|i| ours.contains(&i))
            && !is_special(&route.to);
        if interesting && route.table != LOCAL_TABLE {
            out.push(held(route.to, route.interface));
        }
        // A router that packets of the host go to.
        if let Some(via) = route.via
            && !route.interface.is_some_and(|i| ours.contains(&i))
            && !is_special(&via.into())
        {
            out.push(held(via.into(), route.interface));
        }
    }
    for address in &seen.host.addresses {
        if !ours.contains(&address.interface) && !is_special(&address.net) {
            out.push(held(address.net.trunc(), Some(address.interface)));
            out.push(held(address.net.addr().into(), Some(address.interface)));
        }
    }
    out
}

fn is_special(net: &IpNet) -> bool {
    match net.addr() {
        IpAddr::V4(a) => {
            a.is_loopback() || a.is_multicast() || a.is_broadcast() || a.is_link_local()
        }
        IpAddr::V6(a) => a.is_loopback() || a.is_multicast() || a.is_unicast_link_local(),
    }
}
