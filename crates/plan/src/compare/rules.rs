//! The project's tables: what they must hold, compared with what they hold.

use std::collections::{BTreeMap, BTreeSet};

use hallway_nftables::compare::What;
use hallway_nftables::{self as nft, Element, Family, IpVersion, Ruleset, Value, print};

use super::{Difference, Fact, ObjectPlace, changes};
use crate::observed::{Observed, Seen};
use crate::rules::{ruleset, sets, source_routing};
use crate::settled::Settled;

/// The families of the project's tables.
const FAMILIES: [Family; 2] = [Family::Inet, Family::Bridge];

/// The rules of a project, with the notes of uplinks that were found: notes change while the
/// project is up, so they are not compared. Which uplinks are bridges is compared, and which addresses of
/// the host have routes of their own.
pub(crate) fn wanted_rules(wanted: &Settled, seen: &Observed) -> Ruleset {
    let mut rules = ruleset(wanted);
    let mut bridges = BTreeSet::new();
    for version in [IpVersion::V4, IpVersion::V6] {
        let notes = sets::FORWARDING.of(version);
        let found = seen.rules.present().into_iter().flat_map(|r| &r.tables);
        let mut found = found.filter(|t| t.family == notes.family);
        let Some(elements) = found.find_map(|t| Some(t.set(notes.name)?.elements.clone())) else {
            continue;
        };
        let names = elements.iter().filter_map(|e| match e.key.as_slice() {
            [Value::Ifname(name)] => Some(name.clone()),
            _ => None,
        });
        bridges.extend(names.filter(|name| seen.is_bridge(name)));
        fill(&mut rules, notes, &elements);
    }
    let bridges: Vec<Element> = bridges.iter().map(|b| sets::bridged(b)).collect();
    fill(&mut rules, &sets::BRIDGED, &bridges);
    source_routing::fill(&mut rules, wanted, &seen.host.source_routing);
    rules
}

fn fill(rules: &mut Ruleset, notes: &sets::Definition, elements: &[Element]) {
    for table in rules.tables.iter_mut().filter(|t| t.family == notes.family) {
        for set in table.sets.iter_mut().filter(|s| s.name == notes.name) {
            set.elements = elements.to_vec();
        }
    }
}

/// How two rulesets differ.
pub(crate) fn unlike(wanted: &Ruleset, found: &Ruleset) -> Vec<nft::RulesetDifference> {
    let mut all = hallway_nftables::compare(wanted, found);
    // A table of that name in another family is another program's.
    all.retain(|d| d.what != What::ExtraTable || FAMILIES.contains(&d.family));
    all
}

/// How the table of a node that translates addresses differs. Where none is on record none was looked
/// for, and there is none.
pub(super) fn node_table(wanted: Option<&Ruleset>, seen: &Seen<Ruleset>) -> Option<Fact> {
    let nothing = Ruleset { tables: Vec::new() };
    let found = seen.present().unwrap_or(&nothing);
    let differences = unlike(wanted.unwrap_or(&nothing), found);
    let first = differences.first()?;
    let missing = found.tables.is_empty();
    let changes: &[_] = if missing { &[] } else { &differences };
    Some(Fact::NodeTable {
        table: format!("{} {}", first.family.name(), first.table),
        wanted: wanted.cloned().map(Box::new),
        changes: changes::words(changes),
    })
}

/// Every difference, one for each table or set.
pub(crate) fn differences(wanted: &Settled, seen: &Observed) -> Vec<Difference> {
    let found = match &seen.rules {
        Seen::Present(found) => found,
        Seen::Absent => &Ruleset { tables: Vec::new() },
        Seen::Unseen => return Vec::new(),
    };
    let all = unlike(&wanted_rules(wanted, seen), found);
    let mut missing = Vec::new();
    let mut changed: BTreeMap<String, Vec<nft::RulesetDifference>> = BTreeMap::new();
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
            _ => changed.entry(table).or_default().push(difference),
        }
    }
    let changed = changed.into_iter().map(|(table, all)| Fact::TableChanged {
        table,
        changes: changes::words(&all),
    });
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
            place: ObjectPlace::Host,
            fact,
        })
        .collect()
}
