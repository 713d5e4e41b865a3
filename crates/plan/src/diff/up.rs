//! Steps that build a topology.

use super::drifted::{drift, drift_of};
use super::repair::Repairs;
use super::{
    Plan, Recorded, RulesChange, create, firewall_accepts, leftovers, moved, names, programs,
    rules, traffic, uplinks,
};
use crate::compare::compare;
use crate::observed::Observed;
use crate::settled::Settled;
use crate::target::Target;

/// The steps, in order.
pub(super) fn plan(recorded: Recorded<'_>, wanted: &Settled, seen: &Observed) -> Plan {
    let mut plan = Plan::default();
    let before: Vec<&Settled> = recorded.all().collect();
    let found = compare(wanted, &before, recorded.inodes, seen);
    // If the file has not changed, a difference from the file is a difference from what was built.
    let same = recorded.pending.is_none() && recorded.applied == Some(wanted);
    let drifted = match same {
        true => drift_of(recorded, wanted, found.differences.clone(), seen),
        false => drift(recorded, seen).differences,
    };
    let mut target = Target::of(wanted);
    if seen.host.source_routing.own_sources() {
        target.accept_own_sources();
    }
    let repairs = Repairs::new(&found, &drifted, wanted, recorded.applied);
    repairs.unreachable_missing(&mut plan);
    let rules_differ = drifted.iter().any(|d| d.fact.is_of_rules());
    let rules_change = match same && !rules_differ && seen.rules.present().is_some() {
        true => RulesChange::None,
        false => rules::plan(&mut plan, recorded, wanted, seen),
    };
    leftovers::plan(&mut plan, recorded, Some(wanted), seen);
    repairs.namespace_settings(&mut plan, &found.namespaces);
    let created = create::plan(&mut plan, &found, wanted, &target, seen, &repairs);
    repairs.plan(&mut plan, &created, &target);
    uplinks::forward(&mut plan, recorded, wanted, seen);
    firewall_accepts::plan(&mut plan, built_before(recorded, wanted), wanted, seen);
    moved::announce(&mut plan, recorded, wanted);
    traffic::end_connections(&mut plan, recorded, wanted, rules_change, seen);
    repairs.unreachable_left(&mut plan);
    names::plan(&mut plan, recorded, wanted, &drifted);
    let keeper = crate::compare::programs::differences(wanted, seen);
    programs::plan(&mut plan, recorded, wanted, &created, keeper);
    programs::guard(&mut plan, recorded, seen);
    let left = found.differences.into_iter();
    plan.left = left.filter(|d| d.fact.is_left_to_others()).collect();
    plan
}

/// Whether the accepts that are missing in other firewalls existed before.
fn built_before(recorded: Recorded<'_>, wanted: &Settled) -> bool {
    let applied = recorded.applied.filter(|_| recorded.pending.is_none());
    applied
        .is_some_and(|a| a.allow_through == wanted.allow_through && a.networks == wanted.networks)
}
