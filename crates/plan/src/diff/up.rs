//! Steps that make a topology true.

use super::repair::Repairs;
use super::{Plan, Recorded, create, drift, leftovers, moved, programs, rules, traffic};
use crate::compare::compare;
use crate::observed::Observed;
use crate::settled::Settled;
use crate::target::Target;

/// The steps, in order.
pub(super) fn plan(recorded: Recorded<'_>, wanted: &Settled, seen: &Observed) -> Plan {
    let mut plan = Plan::default();
    let before: Vec<&Settled> = recorded.all().collect();
    let found = compare(wanted, &before, recorded.inodes, seen);
    let drifted = drift(recorded, seen);
    let target = Target::of(wanted);
    let repairs = Repairs::new(&found, &drifted.differences, wanted, recorded.applied);
    repairs.unreachable_missing(&mut plan);
    let rules_change = rules::plan(&mut plan, recorded, wanted, seen);
    leftovers::plan(&mut plan, recorded, Some(wanted), seen);
    repairs.namespace_settings(&mut plan, &found.namespaces);
    let created = create::plan(&mut plan, &found, wanted, &target, seen, &repairs);
    repairs.plan(&mut plan, &created, &target);
    traffic::forward_uplinks(&mut plan, recorded, wanted, seen);
    moved::announce(&mut plan, recorded, wanted);
    traffic::end_connections(&mut plan, recorded, wanted, rules_change, seen);
    repairs.unreachable_left(&mut plan);
    let keeper = crate::compare::programs::differences(wanted, seen);
    programs::plan(&mut plan, recorded, wanted, &created, keeper);
    programs::guard(&mut plan, recorded, seen);
    plan
}
