//! Steps that concern traffic as a whole: what the host forwards, and which connections end.

use std::collections::BTreeSet;

use hallway_spec::IpVersion;
use ipnet::IpNet;

use super::present::Present;
use super::{Kept, Plan};
use crate::settled::{Node, Publish, Settled};
use crate::step::{Op, PublishedPorts};

/// Forwarding on the links of new networks, and on the uplinks.
pub(super) fn forwarding(plan: &mut Plan, present: &Present, wanted: &Settled, kept: &Kept) {
    let versions = versions(wanted);
    let mut links = Vec::new();
    for network in &wanted.networks {
        if let Some(bridge) = &network.bridge
            && !kept.networks.contains(&network.name)
        {
            links.push(bridge.clone());
        }
    }
    let has_inner = wanted.inner_networks().any(|n| !n.internal);
    let uplinks_done = present.rules
        && present.before.as_ref().is_some_and(|b| {
            b.inner_networks().any(|n| !n.internal) == has_inner && self::versions(b) == versions
        });
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

/// The IP versions of a project's networks.
fn versions(settled: &Settled) -> BTreeSet<IpVersion> {
    let subnets = settled.networks.iter().flat_map(|n| &n.subnets);
    subnets.map(|s| IpVersion::of(s.gateway)).collect()
}

/// Connections that the change ends.
pub(super) fn end_connections(
    plan: &mut Plan,
    present: &Present,
    wanted: &Settled,
    rules_changed: bool,
) {
    let Some(before) = &present.before else {
        let ports: Vec<_> = wanted.publishes.iter().map(published_ports).collect();
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
        published_ports(a) == published_ports(b)
            && a.targets == b.targets
            && a.node_ports == b.node_ports
            && a.host_address == b.host_address
    };
    let changed = |from: &Settled, to: &Settled| -> Vec<PublishedPorts> {
        from.publishes
            .iter()
            .filter(|p| !to.publishes.iter().any(|q| same(p, q)))
            .map(published_ports)
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
            "connections that are no longer allowed, or lead elsewhere now",
        );
    }
}

fn published_ports(publish: &Publish) -> PublishedPorts {
    PublishedPorts {
        protocol: publish.protocol,
        ports: publish.host_ports,
    }
}
