//! The project's tables: what they must hold against what they hold.

use std::collections::BTreeMap;

use hallway_nftables::compare::What;
use hallway_nftables::{IpVersion, Ruleset, print};

use super::{Difference, Fact, Place};
use crate::observed::{Observed, Seen};
use crate::rules::{purpose, ruleset, sets};
use crate::settled::Settled;

/// The rules of a project, with the notes of uplinks that were found: those change while the
/// project is up, and are not part of what is wanted.
pub(crate) fn wanted_rules(wanted: &Settled, found: Option<&Ruleset>) -> Ruleset {
    let mut rules = ruleset(wanted);
    let of_version = [IpVersion::V4, IpVersion::V6].map(|v| sets::FORWARDING.of(v));
    for notes in of_version.into_iter().chain([&sets::BRIDGED]) {
        let found = found.into_iter().flat_map(|r| &r.tables);
        let mut found = found.filter(|t| t.family == notes.family);
        let Some(elements) = found.find_map(|t| Some(t.set(notes.name)?.elements.clone())) else {
            continue;
        };
        for table in rules.tables.iter_mut().filter(|t| t.family == notes.family) {
            for set in table.sets.iter_mut().filter(|s| s.name == notes.name) {
                set.elements.clone_from(&elements);
            }
        }
    }
    rules
}

/// How two rulesets differ; not by the lines of the file that comments name. A line moves when
/// something is added above it, and what is filtered stays the same.
pub(crate) fn unlike(wanted: &Ruleset, found: &Ruleset) -> Vec<hallway_nftables::Difference> {
    hallway_nftables::compare_with(wanted, found, &purpose::without_line)
}

/// Every difference, one for each table or set.
pub(crate) fn differences(wanted: &Settled, seen: &Observed) -> Vec<Difference> {
    let found = match &seen.rules {
        Seen::Present(found) => found,
        Seen::Absent => &Ruleset { tables: Vec::new() },
        Seen::Unseen => return Vec::new(),
    };
    let all = unlike(&wanted_rules(wanted, Some(found)), found);
    let mut missing = Vec::new();
    let mut changed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut elements: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for difference in all {
        let table = format!("{} {}", difference.family.name(), difference.table);
        let set = |name: &str| format!("{table} {name}");
        match &difference.what {
            What::MissingTable => missing.push(Fact::TableMissing { table }),
            What::MissingElement { set: name, element } => {
                elements
                    .entry(set(name))
                    .or_default()
                    .0
                    .push(print::element(element));
            }
            What::ExtraElement { set: name, element } => {
                elements
                    .entry(set(name))
                    .or_default()
                    .1
                    .push(print::element(element));
            }
            What::ChangedElement {
                set: name,
                wanted,
                found,
            } => {
                let of = elements.entry(set(name)).or_default();
                of.0.push(print::element(wanted));
                of.1.push(print::element(found));
            }
            _ => changed
                .entry(table)
                .or_default()
                .push(difference.to_string()),
        }
    }
    let changed = changed
        .into_iter()
        .map(|(table, changes)| Fact::TableChanged { table, changes });
    let elements = elements
        .into_iter()
        .map(|(set, (missing, extra))| Fact::Elements {
            set,
            missing,
            extra,
        });
    let facts = missing.into_iter().chain(changed).chain(elements);
    facts
        .map(|fact| Difference {
            place: Place::Host,
            fact,
        })
        .collect()
}
