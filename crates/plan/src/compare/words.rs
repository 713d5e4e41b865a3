//! Differences as text.

use std::net::IpAddr;

use hallway_spec::IpVersion;

use super::Instead;
use crate::target::{Initial, LinkRole, Route, RouteKind, RouteOrigin, RoutingRule, Setting};

impl Setting {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Forwarding(IpVersion::V4) => "IPv4 forwarding",
            Self::Forwarding(IpVersion::V6) => "IPv6 forwarding",
            Self::ForcedForwarding => "IPv6 forwarding of every link",
            Self::NewForwarding(IpVersion::V4) => "IPv4 forwarding of new links",
            Self::NewForwarding(IpVersion::V6) => "IPv6 forwarding of new links",
            Self::AcceptRa => "accept_ra",
            Self::Autoconf => "autoconf",
            Self::DisableIpv6 => "disable_ipv6",
            Self::Initial(Initial::Solicitations(IpVersion::V4)) => "IPv4 mcast_solicit",
            Self::Initial(Initial::Solicitations(IpVersion::V6)) => "IPv6 mcast_solicit",
            Self::Initial(initial) => initial.name(),
        }
    }
}

pub(super) fn role_words(role: LinkRole) -> &'static str {
    match role {
        LinkRole::Bridge => "bridge",
        LinkRole::Port => "port",
        LinkRole::Interface | LinkRole::Macvlan => "interface",
        LinkRole::Parent => "parent",
        LinkRole::Vlan => "VLAN",
        LinkRole::Cable => "link end",
        LinkRole::Loopback => "loopback",
    }
}

pub(super) fn rule_words(rule: &RoutingRule) -> String {
    let version = match rule.version {
        IpVersion::V4 => "IPv4",
        IpVersion::V6 => "IPv6",
    };
    let (priority, table) = (rule.priority, rule.table_name());
    format!("{version} routing rule {priority} to table {table}")
}

pub(super) fn route_words(route: &Route) -> String {
    match &route.kind {
        RouteKind::Unreachable => format!("unreachable route {}", route.to),
        RouteKind::Link { link, .. } if route.to.prefix_len() == 0 => {
            format!("default route of {link}")
        }
        RouteKind::Link {
            link,
            origin: RouteOrigin::Multicast,
            ..
        } => format!("multicast route {} of {link}", route.to),
        RouteKind::Link { link, .. } => format!("route {} of {link}", route.to),
    }
}

pub(super) fn next_hop(route: &Route) -> String {
    match &route.kind {
        RouteKind::Unreachable => "unreachable".into(),
        RouteKind::Link { via, .. } => hop(*via),
    }
}

fn hop(via: Option<IpAddr>) -> String {
    via.map_or_else(|| "on the link".into(), |v| format!("via {v}"))
}

/// The next hop of a route that exists instead, with its further attributes.
pub(super) fn instead(found: Option<&Instead>) -> String {
    let Some(found) = found else {
        return hop(None);
    };
    if let Some(drops) = found.drops {
        return drops.word().to_owned();
    }
    let link = found.link.as_ref().map(|link| format!("by {link}"));
    let words = [Some(hop(found.via)), link, found.further.clone()];
    words.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The first of several elements, and how many more there are.
pub(super) fn few(elements: &[String]) -> Vec<String> {
    const SHOWN: usize = 8;
    let mut out: Vec<String> = elements.iter().take(SHOWN).cloned().collect();
    match elements.len().saturating_sub(SHOWN) {
        0 => {}
        more => out.push(format!("and {more} more")),
    }
    out
}

pub(super) fn elements(missing: &[String], extra: &[String]) -> String {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing: {}", missing.join(", ")));
    }
    if !extra.is_empty() {
        parts.push(format!("unexpected: {}", extra.join(", ")));
    }
    match parts.is_empty() {
        true => "in another order".to_owned(),
        false => parts.join("; "),
    }
}
