//! The guard of a project: what its keeper must load, compared with what is loaded.

use super::{Difference, Fact, ObjectPlace};
use crate::mark;
use crate::observed::{Observed, Seen};
use crate::rules::Guarded;
use crate::settled::Settled;

/// How the guard differs; `None` when it does not, or was not examined.
pub(crate) fn difference(wanted: &Settled, seen: &Observed) -> Option<Difference> {
    let found = match &seen.guard {
        Seen::Unseen => return None,
        Seen::Absent => None,
        Seen::Present(found) => Some(found),
    };
    let table = mark::guard_table(&wanted.project);
    let fact = match found.filter(|found| !found.tables.is_empty()) {
        None => Fact::GuardMissing { table },
        Some(found) => {
            let wanted = Guarded::of(wanted).ruleset(&wanted.project);
            let changes = hallway_nftables::compare(&wanted, found);
            if changes.is_empty() {
                return None;
            }
            let changes = changes.iter().map(ToString::to_string).collect();
            Fact::GuardChanged { table, changes }
        }
    };
    let place = ObjectPlace::Host;
    Some(Difference { place, fact })
}
