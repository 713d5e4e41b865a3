//! Drift: what differs from what was built.

use super::{Recorded, firewall_accepts, uplinks};
use crate::compare::{self, Comparison, Difference, compare};
use crate::observed::Observed;
use crate::settled::Settled;

/// What differs between the kernel and what the last complete run built.
#[must_use]
pub fn drift(recorded: Recorded<'_>, seen: &Observed) -> Comparison {
    let Some(applied) = recorded.applied else {
        return Comparison::default();
    };
    let pending: Vec<&Settled> = recorded.pending.into_iter().collect();
    let mut found = compare(applied, &pending, recorded.inodes, seen);
    found.differences = drift_of(recorded, applied, found.differences, seen);
    found
}

/// All differences from what was built; `objects` are those of its objects.
pub(super) fn drift_of(
    recorded: Recorded<'_>,
    applied: &Settled,
    objects: Vec<Difference>,
    seen: &Observed,
) -> Vec<Difference> {
    let mut out = objects;
    out.extend(compare::rules::differences(applied, seen));
    out.extend(firewall_accepts::drift(applied, seen));
    out.extend(uplinks::drift(recorded, applied, seen));
    out.extend(compare::files::differences(applied, seen));
    out.extend(compare::programs::differences(applied, seen));
    out.extend(compare::guard::difference(applied, seen));
    out
}
