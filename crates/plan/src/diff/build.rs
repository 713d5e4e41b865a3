//! The steps from what is present to what is wanted.

use std::collections::BTreeSet;

use hallway_spec::Name;
use ipnet::IpNet;

use super::create::{create_interfaces, create_network, create_nodes, routes};
use super::present::{Present, inner_prefixes, same_network};
use super::removal::{host_links, remove_network, strays};
use super::traffic::{end_connections, forwarding};
use super::{Kept, Plan};
use crate::rules::{self, Delta};
use crate::settled::{Interface, Node, Plug, Settled};
use crate::step::Op;

/// Steps that make `wanted` true.
pub(super) fn up(plan: &mut Plan, present: &Present, wanted: &Settled) {
    let kept = kept(present, wanted);
    for to in inner_prefixes(wanted) {
        if !present.unreachable.contains(&to) {
            plan.push(
                Op::AddUnreachable { to },
                "packets to the prefix never leave by an uplink",
            );
        }
    }
    let rules_changed = rules(plan, present, wanted);
    strays(plan, present);
    removals(plan, present, &kept);
    for network in &wanted.networks {
        create_network(plan, present, network, &kept);
    }
    create_nodes(plan, wanted, &kept);
    create_interfaces(plan, wanted, &kept);
    routes(plan, present, wanted, &kept);
    forwarding(plan, present, wanted, &kept);
    end_connections(plan, present, wanted, rules_changed);
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

/// What is no longer wanted, or cannot be changed in place.
fn removals(plan: &mut Plan, present: &Present, kept: &Kept) {
    let gone = "no longer in the file, or built again";
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
}
