//! Removal of a project by its marks.

use std::collections::BTreeSet;

use hallway_spec::Name;
use ipnet::IpNet;

use super::{Plan, Recorded, firewall_accepts, leftovers, uplinks};
use crate::mark::{self, Role};
use crate::observed::Observed;
use crate::settled::Settled;
use crate::step::{Cause, Flows, Op};

/// Removes everything of the project, in an order in which no packet leaves that must not.
pub(super) fn plan(project: &Name, recorded: Recorded<'_>, seen: &Observed) -> Plan {
    let mut plan = Plan::default();
    let has_rules = seen.tables.iter().any(|t| &t.project == project);
    let table = mark::table(project);
    if has_rules {
        let table = table.clone();
        plan.push(Op::Unpublish { table }, Cause::Down);
    }
    leftovers::of_project(&mut plan, project, recorded, None, seen);
    // Those of networks that represent the outside, too: the host's own connections to their nodes.
    let on_host = |settled: &'_ Settled| {
        let networks = settled
            .networks
            .iter()
            .filter(|n| n.is_inner() || n.outside && !n.external);
        let subnets = networks.flat_map(|n| &n.subnets);
        subnets.map(|s| s.net).collect::<Vec<IpNet>>()
    };
    let prefixes: BTreeSet<IpNet> = recorded.all().flat_map(on_host).collect();
    if !prefixes.is_empty() && !plan.steps.is_empty() {
        let flows = Flows {
            prefixes: prefixes.into_iter().collect(),
            ..Flows::default()
        };
        plan.push(Op::FlushConnections(Box::new(flows)), Cause::Down);
    }
    firewall_accepts::remove_all(&mut plan, project, seen);
    uplinks::restore(&mut plan, recorded, project, seen);
    if has_rules {
        plan.push(Op::RemoveRules { table }, Cause::Down);
    }
    for to in unreachable(project, recorded, seen) {
        plan.push(Op::RemoveUnreachable { to }, Cause::Down);
    }
    plan
}

/// Prefixes of a project's own networks.
pub(super) fn inner_prefixes(settled: &Settled) -> impl Iterator<Item = IpNet> {
    let subnets = settled.inner_networks().flat_map(|n| &n.subnets);
    subnets.map(|s| s.net)
}

/// Unreachable routes of the project that exist. Without a record they are those to the subnets of its
/// bridges, and those that no other project needs.
fn unreachable(project: &Name, recorded: Recorded<'_>, seen: &Observed) -> BTreeSet<IpNet> {
    let known = recorded.all().flat_map(inner_prefixes);
    let known: BTreeSet<IpNet> = known.chain(bridge_prefixes(project, seen)).collect();
    let marked = seen.host.routes.iter();
    marked
        .filter(|r| r.unreachable && r.protocol == mark::ROUTE_PROTOCOL)
        .map(|r| r.to)
        .filter(|to| known.contains(to) || seen.unclaimed.contains(to))
        .collect()
}

/// The subnets of the addresses that the project's bridges have.
fn bridge_prefixes(project: &Name, seen: &Observed) -> impl Iterator<Item = IpNet> {
    let bridges = seen.host.links.iter().filter(move |link| {
        let marked = link.alias.as_deref().and_then(mark::parse_alias);
        matches!(marked, Some((owner, Role::Bridge(_))) if owner == *project)
    });
    bridges.flat_map(|bridge| {
        let addresses = seen.host.addresses.iter();
        let its = addresses.filter(|address| address.interface == bridge.index);
        its.map(|address| address.net.trunc())
    })
}
