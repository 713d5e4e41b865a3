//! Steps that remove a project, or parts of it.

use super::Plan;
use super::present::{Present, inner_prefixes};
use crate::settled::{Network, Node};
use crate::step::Op;

/// The host's ends of a node's ports.
pub(super) fn host_links(node: &Node) -> Vec<String> {
    node.ports().map(|(_, _, link)| link.to_owned()).collect()
}

/// Everything of the project, in an order in which no packet leaves by an uplink unmasked.
pub(super) fn down(plan: &mut Plan, present: &Present) {
    let cause = "down";
    if present.any_rules {
        plan.push(Op::Unpublish, cause);
    }
    strays(plan, present);
    for network in present.networks.values() {
        plan.push(remove_network(network), cause);
    }
    for node in present.nodes.values() {
        plan.push(
            Op::RemoveNamespace {
                netns: node.netns.clone(),
                links: host_links(node),
            },
            cause,
        );
    }
    if let Some(before) = &present.before {
        let prefixes: Vec<_> = inner_prefixes(before).collect();
        if !prefixes.is_empty() && !plan.steps.is_empty() {
            plan.push(
                Op::ForgetFlows {
                    prefixes,
                    ports: Vec::new(),
                    denied: false,
                },
                cause,
            );
        }
    }
    if present.any_rules {
        if present.forwarding {
            plan.push(Op::RestoreForwarding, cause);
        }
        plan.push(Op::RemoveRules, cause);
    }
    for to in &present.unreachable {
        plan.push(Op::RemoveUnreachable { to: *to }, cause);
    }
}

/// What an unfinished run left, or what was there without a record.
pub(super) fn strays(plan: &mut Plan, present: &Present) {
    let cause = "left over from a run that did not finish";
    for group in &present.stray_groups {
        plan.push(
            Op::RemoveGroup {
                network: "left over".into(),
                group: *group,
            },
            cause,
        );
    }
    for link in &present.stray_links {
        plan.push(Op::RemoveLink { name: link.clone() }, cause);
    }
    for netns in &present.stray_namespaces {
        plan.push(
            Op::RemoveNamespace {
                netns: netns.clone(),
                links: Vec::new(),
            },
            cause,
        );
    }
    for (netns, name) in &present.doubtful {
        if !present.stray_namespaces.contains(netns) {
            plan.push(
                Op::RemoveInterface {
                    netns: netns.clone(),
                    name: name.clone(),
                },
                cause,
            );
        }
    }
}

/// A network with all its ports.
pub(super) fn remove_network(network: &Network) -> Op {
    Op::RemoveGroup {
        network: network.name.to_string(),
        group: network.group,
    }
}
