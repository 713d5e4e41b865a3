//! IPv6 in the nodes of a lab: containerlab leaves it on, also where the file gives only IPv4 addresses. Routing
//! programs use link-local addresses (BGP unnumbered, OSPFv3).

use hallway_spec::Value;
use ipnet::IpNet;

use super::lab::{LabLink, LabNode};

const ON: &str = "net.ipv6.conf.all.disable_ipv6";

/// Gives nodes of which the file has only IPv4 addresses the setting that keeps IPv6 on, unless the file has it
/// or turns IPv6 off. In a node without addresses it is on.
pub(super) fn keep_on(nodes: &mut [LabNode], links: &[LabLink]) {
    for node in nodes.iter_mut().filter(|n| n.is_linux()) {
        let ends = links.iter().flat_map(|link| &link.ends);
        let of_ends = ends.filter(|end| end.node == node.name);
        let of_ends = of_ends.flat_map(|end| &end.addresses);
        let mut all = node.addresses.values().flatten().chain(of_ends).peekable();
        let has_addresses = all.peek().is_some();
        let is_ipv6 = |a: &Value| matches!(a.text().map(str::parse), Some(Ok(IpNet::V6(_))));
        let is_said = node.sysctls.0.iter();
        let is_said = is_said
            .map(|e| &e.key)
            .any(|key| key.ends_with("disable_ipv6"));
        if has_addresses && !is_said && !all.any(is_ipv6) {
            let place = &node.place;
            node.sysctls.set(ON, place, Value::of_text(place, "0"));
        }
    }
}
