//! Links of the host that others made, with the name of one of the project's.

use std::collections::{BTreeMap, BTreeSet};

use crate::mark;
use crate::observed::{SeenLink, SeenSpace};
use crate::target::{Link, Space};

/// Their indexes. `wanted` is everything that any run wanted on the host.
pub(super) fn links<'a>(
    wanted: impl Iterator<Item = &'a Space>,
    seen: &SeenSpace,
) -> BTreeSet<u32> {
    let mut named: BTreeMap<&str, Vec<&Link>> = BTreeMap::new();
    for link in wanted.flat_map(|space| &space.links) {
        named.entry(&link.name).or_default().push(link);
    }
    let foreign = seen.links.iter().filter(|found| {
        let wanted = named.get(found.name.as_str());
        wanted.is_some_and(|all| !all.iter().any(|link| is_ours(link, found)))
    });
    foreign.map(|link| link.index).collect()
}

/// The project's link has its alias; or it has lost that, and still has its group or its MAC address.
fn is_ours(wanted: &Link, found: &SeenLink) -> bool {
    let alias = found.alias.as_deref();
    if alias.is_some_and(|alias| mark::parse_alias(alias).is_some()) {
        return found.alias == wanted.alias;
    }
    let group = wanted.group.and_then(mark::slot_of);
    let of_project = group.is_some() && mark::slot_of(found.group) == group;
    of_project || (wanted.mac.is_some() && wanted.mac == found.mac)
}
