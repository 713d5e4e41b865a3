//! Steps that create what is missing, and change what stays in place.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_spec::Name;
use ipnet::IpNet;

use super::present::Present;
use super::{Kept, Plan};
use crate::settled::{Network, Node, Plug, Route, Settled};
use crate::step::{CableEnd, Op, Port};

/// A network's bridge; a routed network has none.
pub(super) fn create_network(plan: &mut Plan, present: &Present, network: &Network, kept: &Kept) {
    let Some(name) = network.bridge.clone() else {
        return;
    };
    if !kept.networks.contains(&network.name) {
        let cause = network.place.key.clone();
        plan.push(
            Op::CreateBridge {
                network: Box::new(network.clone()),
                name,
            },
            cause,
        );
    } else if present
        .networks
        .get(&network.name)
        .is_some_and(|p| p.filtered != network.filtered)
    {
        plan.push(
            Op::ChangeBridge {
                name,
                filtered: network.filtered,
            },
            "policies",
        );
    }
}

/// The namespaces of nodes.
pub(super) fn create_nodes(plan: &mut Plan, wanted: &Settled, kept: &Kept) {
    for node in wanted
        .nodes
        .iter()
        .filter(|n| !kept.nodes.contains(&n.name))
    {
        plan.push(
            Op::CreateNamespace {
                node: node.name.clone(),
                netns: node.netns.clone(),
                ipv6: node.ipv6,
                forwarding: node.forwarding,
            },
            node.place.key.clone(),
        );
    }
}

/// Interfaces on networks, then cables.
pub(super) fn create_interfaces(plan: &mut Plan, wanted: &Settled, kept: &Kept) {
    let networks: BTreeMap<&Name, &Network> =
        wanted.networks.iter().map(|n| (&n.name, n)).collect();
    for node in &wanted.nodes {
        for (position, interface) in node.interfaces.iter().enumerate() {
            let Plug::Port { network, .. } = &interface.plug else {
                continue;
            };
            let key = (node.name.clone(), interface.name.clone());
            if kept.interfaces.contains(&key) {
                continue;
            }
            let port = networks
                .get(network)
                .and_then(|n| Port::new(node, position, n));
            if let Some(port) = port {
                plan.push(
                    Op::CreatePort(Box::new(port)),
                    format!("{}.networks.{network}", node.place.key),
                );
            }
        }
    }
    for cable in &wanted.cables {
        if kept.interfaces.contains(&cable.a) && kept.interfaces.contains(&cable.b) {
            continue;
        }
        if let (Some(a), Some(b)) = (cable_end(wanted, &cable.a), cable_end(wanted, &cable.b)) {
            plan.push(
                Op::CreateCable {
                    a: Box::new(a),
                    b: Box::new(b),
                },
                "links",
            );
        }
    }
}

fn cable_end(wanted: &Settled, end: &(Name, String)) -> Option<CableEnd> {
    let node = wanted.node(&end.0)?;
    let position = node.interfaces.iter().position(|i| i.name == end.1)?;
    CableEnd::new(node, position)
}

/// Routes of interfaces that stay; those of new interfaces come with them.
pub(super) fn routes(plan: &mut Plan, present: &Present, wanted: &Settled, kept: &Kept) {
    for node in wanted.nodes.iter().filter(|n| kept.nodes.contains(&n.name)) {
        let Some(before) = present.nodes.get(&node.name) else {
            continue;
        };
        let doubtful = present.doubtful_routes.contains(&node.name);
        let named = |owner: &Node, route: &Route| {
            owner
                .interfaces
                .get(route.interface)
                .map(|i| i.name.clone())
                .unwrap_or_default()
        };
        let stays = |interface: &str| {
            kept.interfaces
                .contains(&(node.name.clone(), interface.to_owned()))
        };
        let old: BTreeSet<(Option<IpAddr>, IpNet, String)> = before
            .routes
            .iter()
            .map(|r| (r.via, r.to, named(before, r)))
            .filter(|(_, _, interface)| stays(interface))
            .collect();
        let new: BTreeSet<(Option<IpAddr>, IpNet, String)> = node
            .routes
            .iter()
            .map(|r| (r.via, r.to, named(node, r)))
            .collect();
        for route in &before.routes {
            let key = (route.via, route.to, named(before, route));
            if old.contains(&key) && !new.contains(&key) {
                plan.push(
                    Op::RemoveRoute {
                        netns: node.netns.clone(),
                        route: *route,
                    },
                    node.place.key.clone(),
                );
            }
        }
        for route in &node.routes {
            let interface = named(node, route);
            let key = (route.via, route.to, interface.clone());
            if stays(&interface) && (doubtful || !old.contains(&key)) {
                plan.push(
                    Op::AddRoute {
                        netns: node.netns.clone(),
                        interface,
                        route: *route,
                    },
                    node.place.key.clone(),
                );
            }
        }
        if before.forwarding != node.forwarding {
            plan.push(
                Op::ChangeForwarding {
                    netns: node.netns.clone(),
                    forwarding: node.forwarding,
                    ipv6: node.ipv6,
                },
                node.place.key.clone(),
            );
        }
    }
}
