//! By which policies what a run wanted is stricter than the state that is restored when it fails.

use hallway_plan::settled::Policy;
use hallway_spec::Action;

use crate::{Failure, Planned, Reason};

/// Adds the policies that are not in force once the former state has been restored, or that no record
/// says which state that is.
pub(super) fn name(failure: &mut Failure, planned: &Planned) {
    if let Reason::NotReady {
        not_in_force,
        unrecorded,
        ..
    } = &mut failure.reason
    {
        *not_in_force = policies(planned);
        let marks = planned.observed.marks(&planned.settled.project);
        *unrecorded = planned.record.is_none() && !marks.is_empty();
    }
}

/// By which policies a plan is stricter than what is on record: denies that it adds, and allows that it
/// removes. Without them a program of the file that fails would leave open what the file closes, unsaid.
fn policies(planned: &Planned) -> Vec<String> {
    let before = planned.record.as_ref().and_then(|r| r.applied.as_ref());
    let Some(before) = before else {
        return Vec::new();
    };
    let (old, new) = (&before.policies, &planned.settled.policies);
    let only = |of: &[Policy], without: &[Policy], action: Action| -> Vec<Policy> {
        let is_there = |policy: &Policy| without.iter().any(|p| p.words == policy.words);
        let own = of.iter().filter(|p| p.action == action && !is_there(p));
        own.cloned().collect()
    };
    let added = only(new, old, Action::Deny).into_iter();
    let added = added.map(|p| format!("{} (line {}) is not in force", p.words, p.place.line));
    let removed = only(old, new, Action::Allow).into_iter();
    let removed = removed.map(|p| format!("{} is still in force", p.words));
    added.chain(removed).collect()
}
