//! What must change for one ruleset to become another: elements where only elements differ, else
//! the whole tables, in one transaction either way.

use hallway_nftables::{Element, Family, Layout, Ruleset, Table};

/// The difference between two rulesets of one project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delta {
    /// Nothing differs.
    Same,
    /// Only elements of sets differ.
    Elements(Vec<SetChange>),
    /// Chains or sets differ: replace the tables.
    Replace,
}

/// Elements of one set that are removed and added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetChange {
    /// The table's family.
    pub family: Family,
    /// The set.
    pub set: String,
    /// How its elements are written.
    pub layout: Layout,
    /// Elements that are removed.
    pub remove: Vec<Element>,
    /// Elements that are added.
    pub add: Vec<Element>,
}

/// Compares two rulesets.
#[must_use]
pub fn delta(old: &Ruleset, new: &Ruleset) -> Delta {
    if old.tables.len() != new.tables.len() {
        return Delta::Replace;
    }
    let mut changes = Vec::new();
    for (old, new) in old.tables.iter().zip(&new.tables) {
        if !same_frame(old, new) {
            return Delta::Replace;
        }
        for (before, after) in old.sets.iter().zip(&new.sets) {
            let remove = minus(&before.elements, &after.elements);
            let add = minus(&after.elements, &before.elements);
            if !remove.is_empty() || !add.is_empty() {
                changes.push(SetChange {
                    family: new.family,
                    set: after.name.clone(),
                    layout: after.layout(),
                    remove,
                    add,
                });
            }
        }
    }
    if changes.is_empty() {
        Delta::Same
    } else {
        Delta::Elements(changes)
    }
}

fn same_frame(old: &Table, new: &Table) -> bool {
    old.family == new.family
        && old.name == new.name
        && old.chains == new.chains
        && old.sets.len() == new.sets.len()
        && old.sets.iter().zip(&new.sets).all(|(a, b)| {
            (&a.name, &a.key, &a.value, a.interval) == (&b.name, &b.key, &b.value, b.interval)
        })
}

/// Elements of `from` that `without` lacks; both are sorted.
fn minus(from: &[Element], without: &[Element]) -> Vec<Element> {
    from.iter()
        .filter(|e| without.binary_search(e).is_err())
        .cloned()
        .collect()
}
