//! Connections that end with a change.

use hallway_spec::Name;

use super::{Plan, Recorded, RulesChange, moved, published};
use crate::observed::Observed;
use crate::settled::Settled;
use crate::step::{Cause, Flows, Op};

/// Connections that the change ends.
pub(super) fn end_connections(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: &Settled,
    change: RulesChange,
    seen: &Observed,
) {
    let Some(before) = recorded.applied else {
        let ports = published::all(wanted);
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
    let host = seen.host.addresses.iter().map(|a| a.net.addr());
    let ports = published::changed(before, wanted, host);
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
        plan.push(Op::FlushConnections(Box::new(flows)), Cause::Connections);
    }
}
