//! From what is present to what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::Name;
use ipnet::IpNet;

use super::Plan;
use super::present::{Present, inner_prefixes, same_network};
use super::removal::{host_links, remove_network, strays};
use crate::observed::Observed;
use crate::rules::{self, Delta};
use crate::settled::{Interface, Network, Node, Plug, Publish, Route, Settled};
use crate::step::{CableEnd, Op, Port};

/// What stays as it is through this run.
struct Kept {
    networks: BTreeSet<Name>,
    nodes: BTreeSet<Name>,
    interfaces: BTreeSet<(Name, String)>,
}

/// Steps that make `wanted` true.
pub(super) fn up(plan: &mut Plan, present: &Present, wanted: &Settled, seen: &Observed) {
    let kept = kept(present, wanted);
    for to in inner_prefixes(wanted) {
        if !present.unreachable.contains(&to) {
            plan.push(
                Op::AddUnreachable { to },
                "packets to the prefix never leave by an uplink",
            );
        }
    }
    let rules = rules(plan, present, wanted);
    strays(plan, present);
    removals(plan, present, wanted, &kept);
    for network in &wanted.networks {
        create_network(plan, present, network, &kept);
    }
    create_nodes(plan, wanted, &kept);
    create_interfaces(plan, present, wanted, &kept);
    routes(plan, present, wanted, &kept);
    forwarding(plan, present, wanted, &kept, seen);
    flows(plan, present, wanted, rules);
    let still: BTreeSet<IpNet> = inner_prefixes(wanted).collect();
    for to in present.unreachable.difference(&still) {
        plan.push(Op::RemoveUnreachable { to: *to }, "the network is gone");
    }
}

fn kept(present: &Present, wanted: &Settled) -> Kept {
    let networks: BTreeSet<Name> = wanted
        .networks
        .iter()
        .filter(|n| {
            present
                .networks
                .get(&n.name)
                .is_some_and(|p| same_network(p, n))
        })
        .map(|n| n.name.clone())
        .collect();
    let nodes: BTreeSet<Name> = wanted
        .nodes
        .iter()
        .filter(|n| {
            present
                .nodes
                .get(&n.name)
                .is_some_and(|p| p.netns == n.netns && p.ipv6 == n.ipv6)
        })
        .map(|n| n.name.clone())
        .collect();
    let same = |node: &Node, interface: &Interface| {
        nodes.contains(&node.name)
            && present
                .interfaces
                .get(&(node.name.clone(), interface.name.clone()))
                == Some(interface)
            && match &interface.plug {
                Plug::Port { network, .. } => networks.contains(network),
                Plug::Cable => true,
            }
    };
    let mut interfaces: BTreeSet<(Name, String)> = wanted
        .nodes
        .iter()
        .flat_map(|n| n.interfaces.iter().map(move |i| (n, i)))
        .filter(|(n, i)| same(n, i))
        .map(|(n, i)| (n.name.clone(), i.name.clone()))
        .collect();
    // A cable stays only if both its ends do and it still joins the same two.
    for cable in &wanted.cables {
        let stays = present.cables.contains(cable)
            && interfaces.contains(&cable.a)
            && interfaces.contains(&cable.b);
        if !stays {
            interfaces.remove(&cable.a);
            interfaces.remove(&cable.b);
        }
    }
    Kept {
        networks,
        nodes,
        interfaces,
    }
}

/// The rules step; returns whether rules changed at all.
fn rules(plan: &mut Plan, present: &Present, wanted: &Settled) -> bool {
    let new = rules::ruleset(wanted);
    let before = present
        .before
        .as_ref()
        .filter(|_| present.rules)
        .map(rules::ruleset);
    let delta = before.map_or(Delta::Replace, |old| rules::delta(&old, &new));
    match delta {
        Delta::Same => false,
        Delta::Elements(_) => {
            plan.push(
                Op::ChangeRules { delta },
                "networks, nodes, ports and policies",
            );
            true
        }
        Delta::Replace => {
            plan.push(
                Op::ReplaceRules {
                    rules: Box::new(new),
                },
                "networks, nodes, ports and policies",
            );
            true
        }
    }
}

fn removals(plan: &mut Plan, present: &Present, wanted: &Settled, kept: &Kept) {
    let gone = "no longer in the file, or built anew";
    for network in present
        .networks
        .values()
        .filter(|n| !kept.networks.contains(&n.name))
    {
        plan.push(remove_network(network), gone);
    }
    for node in present.nodes.values() {
        if !kept.nodes.contains(&node.name) {
            plan.push(
                Op::RemoveNamespace {
                    netns: node.netns.clone(),
                    links: host_links(node),
                },
                gone,
            );
            continue;
        }
        for interface in &node.interfaces {
            let key = (node.name.clone(), interface.name.clone());
            let there = present.interfaces.contains_key(&key) && !kept.interfaces.contains(&key);
            if !there {
                continue;
            }
            let op = match &interface.plug {
                Plug::Port { network, .. } if !kept.networks.contains(network) => continue,
                Plug::Port { link, .. } => Op::RemoveLink { name: link.clone() },
                Plug::Cable => Op::RemoveInterface {
                    netns: node.netns.clone(),
                    name: interface.name.clone(),
                },
            };
            plan.push(op, gone);
        }
    }
    let _ = wanted;
}

fn create_network(plan: &mut Plan, present: &Present, network: &Network, kept: &Kept) {
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

fn create_nodes(plan: &mut Plan, wanted: &Settled, kept: &Kept) {
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

fn create_interfaces(plan: &mut Plan, present: &Present, wanted: &Settled, kept: &Kept) {
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
    let _ = present;
}

fn cable_end(wanted: &Settled, end: &(Name, String)) -> Option<CableEnd> {
    let node = wanted.node(&end.0)?;
    let position = node.interfaces.iter().position(|i| i.name == end.1)?;
    CableEnd::new(node, position)
}

/// Routes of interfaces that stay; those of new interfaces come with them.
fn routes(plan: &mut Plan, present: &Present, wanted: &Settled, kept: &Kept) {
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
        let old: BTreeSet<(Option<std::net::IpAddr>, IpNet, String)> = before
            .routes
            .iter()
            .map(|r| (r.via, r.to, named(before, r)))
            .filter(|(_, _, interface)| stays(interface))
            .collect();
        let new: BTreeSet<(Option<std::net::IpAddr>, IpNet, String)> = node
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

fn forwarding(plan: &mut Plan, present: &Present, wanted: &Settled, kept: &Kept, seen: &Observed) {
    let mut versions = BTreeSet::new();
    let mut links = Vec::new();
    for network in &wanted.networks {
        for subnet in &network.subnets {
            versions.insert(if subnet.gateway.is_ipv4() { 4 } else { 6 });
        }
        if let Some(bridge) = &network.bridge
            && !kept.networks.contains(&network.name)
        {
            links.push(bridge.clone());
        }
    }
    let has_inner = wanted.inner_networks().any(|n| !n.internal);
    let uplinks_done = present.rules
        && present.before.as_ref().is_some_and(|b| {
            b.inner_networks().any(|n| !n.internal) == has_inner && versions_of(b) == versions
        });
    let _ = seen;
    if !versions.is_empty() && (!links.is_empty() || !uplinks_done) {
        plan.push(
            Op::EnableForwarding {
                links,
                versions: versions.into_iter().collect(),
            },
            "networks",
        );
    }
}

fn versions_of(settled: &Settled) -> BTreeSet<u8> {
    settled
        .networks
        .iter()
        .flat_map(|n| &n.subnets)
        .map(|s| if s.gateway.is_ipv4() { 4 } else { 6 })
        .collect()
}

/// Connections that must not outlive the change.
fn flows(plan: &mut Plan, present: &Present, wanted: &Settled, rules_changed: bool) {
    let Some(before) = &present.before else {
        let ports: Vec<_> = wanted.publishes.iter().map(port_range).collect();
        if !ports.is_empty() {
            let op = Op::ForgetFlows {
                prefixes: Vec::new(),
                ports,
                denied: false,
            };
            plan.push(
                op,
                "connections older than a published port would bypass it",
            );
        }
        return;
    };
    if !rules_changed {
        return;
    }
    let addresses = |s: &Settled| -> BTreeSet<IpNet> {
        s.nodes
            .iter()
            .flat_map(Node::port_addresses)
            .map(IpNet::from)
            .collect()
    };
    let now = addresses(wanted);
    let prefixes: Vec<IpNet> = addresses(before).difference(&now).copied().collect();
    let same = |a: &Publish, b: &Publish| {
        port_range(a) == port_range(b)
            && a.targets == b.targets
            && a.node_ports == b.node_ports
            && a.host_address == b.host_address
    };
    let changed = |from: &Settled, to: &Settled| -> Vec<(u8, u16, u16)> {
        from.publishes
            .iter()
            .filter(|p| !to.publishes.iter().any(|q| same(p, q)))
            .map(port_range)
            .collect()
    };
    let mut ports = changed(before, wanted);
    ports.extend(changed(wanted, before));
    ports.sort_unstable();
    ports.dedup();
    let denied = before.policies != wanted.policies;
    if !prefixes.is_empty() || !ports.is_empty() || denied {
        plan.push(
            Op::ForgetFlows {
                prefixes,
                ports,
                denied,
            },
            "what changed must not live on in connections",
        );
    }
}

fn port_range(publish: &Publish) -> (u8, u16, u16) {
    (
        rules::elements::protocol_number(publish.protocol),
        publish.host_ports.first(),
        publish.host_ports.last(),
    )
}
