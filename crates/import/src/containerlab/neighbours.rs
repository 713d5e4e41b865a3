//! Routes of nodes that lead to no neighbour: the kernel refuses them in a lab, too.

use std::net::IpAddr;

use hallway_spec::Value;
use ipnet::IpNet;

use super::lab::{LabLink, LabNode};
use crate::findings::Findings;

/// Leaves out routes whose next hop is in no prefix of the node's addresses, and says so. Networks that have
/// their subnet from `x-hallway` may give a node more addresses.
pub(super) fn check(nodes: &mut [LabNode], links: &[LabLink], findings: &mut Findings) {
    let chosen = |n: &&LabNode| n.ours.as_ref().is_some_and(|o| o.get("subnet").is_some());
    let chosen: Vec<String> = (nodes.iter())
        .filter(chosen)
        .map(|n| n.name.clone())
        .collect();
    for node in nodes.iter_mut().filter(|n| n.ours.is_none()) {
        let own = links.iter().filter_map(|link| {
            let [a, b] = &link.ends;
            match (a.node == node.name, b.node == node.name) {
                (true, _) => Some((a, b)),
                (_, true) => Some((b, a)),
                _ => None,
            }
        });
        let own: Vec<_> = own.collect();
        if own.iter().any(|(_, other)| chosen.contains(&other.node)) {
            continue;
        }
        let of_ends = own.iter().flat_map(|(end, _)| &end.addresses);
        let all = node.addresses.values().flatten().chain(of_ends);
        let nets: Vec<IpNet> = all.filter_map(|a| a.text()?.parse().ok()).collect();
        let text =
            |route: &Value, key: &str| route.get(key).and_then(Value::text).map(str::to_owned);
        node.routes.retain(|route| {
            let via = text(route, "via").unwrap_or_default();
            let Ok(address) = via.parse::<IpAddr>() else {
                return true; // reported later
            };
            let there = nets.iter().any(|net| net.contains(&address));
            if !there {
                findings.note(format!(
                    "line {}: {} gets no route to {} by {via}, since none of its interfaces has an address in a subnet with {via}",
                    route.place.line,
                    node.name,
                    text(route, "to").unwrap_or_default(),
                ));
            }
            there
        });
    }
}
