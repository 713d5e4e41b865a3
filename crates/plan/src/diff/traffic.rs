//! Connections that end with a change.

use hallway_spec::Name;

use super::{Plan, Recorded, RulesChange, moved};
use crate::observed::Observed;
use crate::settled::{Publish, Settled};
use crate::step::{Cause, Flows, Op, PublishedPorts};

/// Connections that the change ends.
pub(super) fn end_connections(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: &Settled,
    change: RulesChange,
    seen: &Observed,
) {
    let Some(before) = recorded.applied else {
        let ports: Vec<_> = wanted.publishes.iter().map(published_ports).collect();
        push_flows(
            plan,
            Flows {
                ports,
                ..Flows::default()
            },
            seen,
        );
        return;
    };
    if change == RulesChange::None {
        return;
    }
    let prefixes = moved::left(before, wanted);
    let mut ports = changed_ports(before, wanted);
    ports.extend(changed_ports(wanted, before));
    ports.sort_unstable();
    ports.dedup();
    // While the rules were not in place, connections may have begun that they deny.
    let judged = before.policies != wanted.policies
        || bounds(before) != bounds(wanted)
        || change == RulesChange::Drifted;
    let denied = judged.then(|| wanted.clone());
    push_flows(
        plan,
        Flows {
            prefixes,
            ports,
            denied,
            ..Flows::default()
        },
        seen,
    );
}

/// What networks are allowed and refused without a policy.
fn bounds(settled: &Settled) -> Vec<(&Name, [bool; 3])> {
    let networks = settled.networks.iter();
    networks
        .map(|n| (&n.name, [n.internal, n.outside, n.nat]))
        .collect()
}

fn push_flows(plan: &mut Plan, flows: Flows, seen: &Observed) {
    if flows != Flows::default() {
        let host = seen.host.addresses.iter().map(|a| a.net.addr()).collect();
        let flows = Flows { host, ..flows };
        plan.push(Op::ForgetFlows(Box::new(flows)), Cause::Connections);
    }
}

/// Published ports of `from` that `to` does not have in the same way.
pub(super) fn changed_ports(from: &Settled, to: &Settled) -> Vec<PublishedPorts> {
    let same = |a: &Publish, b: &Publish| {
        published_ports(a) == published_ports(b)
            && a.targets == b.targets
            && a.node_ports == b.node_ports
            && a.host_address == b.host_address
    };
    let gone = from
        .publishes
        .iter()
        .filter(|p| !to.publishes.iter().any(|q| same(p, q)));
    gone.map(published_ports).collect()
}

fn published_ports(publish: &Publish) -> PublishedPorts {
    PublishedPorts {
        protocol: publish.protocol,
        ports: publish.host_ports,
    }
}
