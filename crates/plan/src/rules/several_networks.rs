//! Requests to nodes with several networks, whose answers would take another way or have another source:
//! the host translates them, so that the answers pass it.

use hallway_nftables::{IpVersion, Value};
use hallway_spec::{Mode, Name};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::sets::{Definition, SECOND, SHARED};
use crate::settled::{Node, Route, Settled};

/// The key of an element, with its set.
type Key = (&'static Definition, Vec<Value>);

/// Those of one node.
pub(super) fn of_node(settled: &Settled, node: &Node) -> Vec<Key> {
    let mut out = of_further_networks(settled, node);
    out.extend(of_other_networks(settled, node));
    out
}

fn version_of(net: &IpNet) -> IpVersion {
    IpVersion::of(net.addr())
}

/// The addresses of a node on networks by which its default route does not lead.
fn of_further_networks(settled: &Settled, node: &Node) -> Vec<Key> {
    let mut out = Vec::new();
    for route in node.routes.iter().filter(|r| r.to.prefix_len() == 0) {
        let version = version_of(&route.to);
        let default = node.interfaces.get(route.interface).map(|i| &i.name);
        let of_host = |name: &Name| settled.network(name).filter(|n| n.mode.passes_host());
        for (interface, name, _) in node.ports().filter(|(i, _, _)| Some(&i.name) != default) {
            if of_host(name).is_none_or(|n| n.outside) {
                continue;
            }
            let own = interface.addresses.iter().map(|a| a.addr());
            for address in own.filter(|a| IpVersion::of(*a) == version) {
                let key = vec![Value::address(address)];
                out.push((SECOND.of(version), key));
            }
        }
    }
    out
}

/// Whether the way of a node to the outside does not lead through the host.
fn past_host(settled: &Settled, node: &Node) -> bool {
    let default = node.routes.iter().filter(|r| r.to.prefix_len() == 0);
    let mut by = default.filter_map(|r| node.interfaces.get(r.interface)?.plug.network());
    by.any(|name| {
        settled
            .network(name)
            .is_some_and(|n| n.mode == Mode::Macvlan)
    })
}

/// Each address of a node with the prefixes to which the node has a way by another interface: a UDP
/// socket for any address answers from the address of that one.
fn of_other_networks(settled: &Settled, node: &Node) -> Vec<Key> {
    let on = |name: &Name| settled.network(name).filter(|n| n.mode.passes_host());
    let mut out = Vec::new();
    for (interface, name, _) in node.ports().filter(|(_, name, _)| on(name).is_some()) {
        let others = node.memberships().filter(|(_, other)| *other != name);
        let others = others.filter_map(|(_, other)| settled.network(other));
        let subnets = others
            .filter(|n| n.mode != Mode::Lan)
            .flat_map(|n| &n.subnets)
            .map(|s| s.net);
        let by_others = node.routes.iter().filter(|r| r.to.prefix_len() > 0);
        let by_others = by_others.filter(|r| is_by_another(settled, node, r, name));
        let by_others = by_others.map(|r| r.to);
        let nets: Vec<IpNet> = match node.default_route && !past_host(settled, node) {
            true => IpNet::aggregate(&subnets.chain(by_others).collect()),
            // Whatever way it has to others, it does not lead through the host.
            false => vec![Ipv4Net::default().into(), Ipv6Net::default().into()],
        };
        for net in &nets {
            let same = |a: &&IpNet| version_of(a) == version_of(net);
            for address in interface.addresses.iter().filter(same) {
                let key = vec![Value::address(address.addr()), Value::net(*net)];
                out.push((SHARED.of(version_of(net)), key));
            }
        }
    }
    out
}

/// Whether a route leads through the host, from another network than this one.
fn is_by_another(settled: &Settled, node: &Node, route: &Route, name: &Name) -> bool {
    let by = node
        .interfaces
        .get(route.interface)
        .and_then(|i| i.plug.network());
    let network = by
        .filter(|by| *by != name)
        .and_then(|by| settled.network(by));
    network.is_some_and(|n| n.gateways().any(|g| route.via == Some(g)))
}
