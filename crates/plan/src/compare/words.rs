//! Objects of the kernel in words.

use std::net::IpAddr;

use crate::target::{LinkRole, Route, RouteKind};

pub(super) fn role_words(role: LinkRole) -> &'static str {
    match role {
        LinkRole::Bridge => "bridge",
        LinkRole::Port => "port",
        LinkRole::Interface => "interface",
        LinkRole::Cable => "cable end",
        LinkRole::Loopback => "loopback",
    }
}

pub(super) fn route_words(route: &Route) -> String {
    match &route.kind {
        RouteKind::Unreachable => format!("unreachable route {}", route.to),
        RouteKind::Link { link, .. } if route.to.prefix_len() == 0 => {
            format!("default route of {link}")
        }
        RouteKind::Link { link, .. } => format!("route {} of {link}", route.to),
    }
}

pub(super) fn next_hop(route: &Route) -> String {
    match &route.kind {
        RouteKind::Unreachable => "unreachable".into(),
        RouteKind::Link { via, .. } => hop(*via),
    }
}

pub(super) fn hop(via: Option<IpAddr>) -> String {
    via.map_or_else(|| "on the link".into(), |v| format!("via {v}"))
}

pub(super) fn elements(missing: &[String], extra: &[String]) -> String {
    let mut parts = Vec::new();
    if !missing.is_empty() {
        parts.push(format!("missing: {}", missing.join(", ")));
    }
    if !extra.is_empty() {
        parts.push(format!("unexpected: {}", extra.join(", ")));
    }
    parts.join("; ")
}
