//! The guard of a project: what its keeper must load, compared with what is loaded.

use hallway_nftables::{Ruleset, Value};
use hallway_spec::IpVersion;

use super::{Difference, Fact, ObjectPlace};
use crate::mark;
use crate::observed::{Observed, Seen, Uplink};
use crate::rules::{Guarded, nf_version, sets};
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
            let wanted = wanted_guard(wanted, seen, found);
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

/// What the guard must have: of uplinks, those that the project's own tables note; while these tables
/// are missing, those that it has.
fn wanted_guard(wanted: &Settled, seen: &Observed, found: &Ruleset) -> Ruleset {
    let own = seen.rules.present().filter(|own| !own.tables.is_empty());
    let noted = notes(own.unwrap_or(found));
    Guarded::of(wanted, &noted, |name| seen.is_bridge(name)).ruleset(&wanted.project)
}

/// The uplinks that tables note.
fn notes(rules: &Ruleset) -> Vec<Uplink> {
    let of_version = |version| {
        let set = sets::FORWARDING.of(nf_version(version));
        let tables = rules.tables.iter().filter(|t| t.family == set.family);
        let elements = tables
            .filter_map(|t| t.set(set.name))
            .flat_map(|s| &s.elements);
        elements.filter_map(move |element| match element.key.as_slice() {
            [Value::Ifname(link)] => Some(Uplink {
                link: link.clone(),
                version,
            }),
            _ => None,
        })
    };
    IpVersion::ALL.into_iter().flat_map(of_version).collect()
}
