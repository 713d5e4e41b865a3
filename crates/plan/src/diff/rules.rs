//! The step that corrects the project's tables.

use std::collections::BTreeMap;

use hallway_nftables::{Element, Family, Ruleset};

use super::{Plan, Recorded, RulesChange, uplinks};
use crate::compare::rules::{differences, unlike, wanted_rules};
use crate::mark;
use crate::observed::Observed;
use crate::rules::delta::SetChange;
use crate::rules::{Delta, closing, source_routing};
use crate::settled::Settled;
use crate::step::{Cause, NewRules, Op};

/// The step, if one is needed.
pub(super) fn plan(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: &Settled,
    seen: &Observed,
) -> RulesChange {
    let found = seen.rules.present();
    let new = wanted_rules(wanted, seen);
    let nothing = Ruleset { tables: Vec::new() };
    let found = found.unwrap_or(&nothing);
    let changes = unlike(&new, found);
    if changes.is_empty() {
        return RulesChange::None;
    }
    let built = recorded.applied.filter(|_| recorded.pending.is_none());
    plan.of_rules = built.map_or_else(Vec::new, |applied| differences(applied, seen));
    let drifted = plan.of_rules.first().cloned();
    let cause = match &drifted {
        Some(difference) => Cause::Drift(Box::new(difference.clone())),
        None => Cause::File("networks, nodes, ports and policies".into()),
    };
    let noted: Vec<_> = uplinks::ours(recorded, &wanted.project, seen)
        .into_iter()
        .collect();
    let op = match elements(&changes, &new) {
        Some(changes) => Op::ChangeRules {
            table: mark::table(&wanted.project),
            delta: Delta::Elements(changes),
        },
        None => {
            let mut rules = crate::rules::ruleset(wanted);
            source_routing::fill(&mut rules, wanted, &seen.host.source_routing);
            let exist = !found.tables.is_empty();
            Op::ReplaceRules(Box::new(NewRules {
                lost: match drifted {
                    Some(_) => lost(&new, found),
                    None => Vec::new(),
                },
                closing: exist.then(|| closing(&wanted.project, &rules)),
                bridges: uplinks::bridges(&noted, seen),
                noted,
                rules,
            }))
        }
    };
    plan.push(op, cause);
    match drifted {
        Some(_) => RulesChange::Drifted,
        None => RulesChange::Edited,
    }
}

/// See [`NewRules::lost`].
fn lost(wanted: &Ruleset, found: &Ruleset) -> Vec<Family> {
    let has_rules = |family| {
        let table = found.tables.iter().find(|t| t.family == family);
        table.is_some_and(|t| t.chains.iter().any(|c| !c.rules.is_empty()))
    };
    let all = wanted.tables.iter().map(|t| t.family);
    all.filter(|family| !has_rules(*family)).collect()
}

/// Elements that are removed from a set, and elements that are added.
#[derive(Default)]
struct Elements {
    remove: Vec<Element>,
    add: Vec<Element>,
}

/// The changes set by set; `None` when more than elements differ.
fn elements(
    changes: &[hallway_nftables::RulesetDifference],
    wanted: &Ruleset,
) -> Option<Vec<SetChange>> {
    use hallway_nftables::compare::What;
    let mut sets: BTreeMap<(Family, &str), Elements> = BTreeMap::new();
    for change in changes {
        let (set, remove, add) = match &change.what {
            What::MissingElement { set, element } => (set, None, Some(element)),
            What::ExtraElement { set, element } => (set, Some(element), None),
            What::ChangedElement { set, wanted, found } => (set, Some(found), Some(wanted)),
            _ => return None,
        };
        let of = sets.entry((change.family, set)).or_default();
        of.remove.extend(remove.cloned());
        of.add.extend(add.cloned());
    }
    let change = |((family, name), Elements { remove, add }): ((Family, &str), Elements)| {
        let table = wanted.tables.iter().find(|t| t.family == family)?;
        Some(SetChange {
            family,
            set: name.to_owned(),
            layout: table.set(name)?.layout(),
            remove,
            add,
        })
    };
    sets.into_iter().map(change).collect()
}
