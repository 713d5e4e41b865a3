//! The differences between a wanted ruleset and one that was found.
//!
//! ```
//! use hallway_nftables::{DataType, RulesetDifference, Element, Family, Ruleset, Set, Table, Value, compare};
//!
//! let mut wanted = Table::new(Family::Inet, "example");
//! wanted.sets.push(Set::new("ports", &[DataType::Service]));
//! let mut found = wanted.clone();
//! found.sets[0].elements.push(Element::new(vec![Value::Port(80)]));
//! let differences = compare(&Ruleset { tables: vec![wanted] }, &Ruleset { tables: vec![found] });
//! assert_eq!(differences.len(), 1);
//! assert_eq!(
//!     differences[0].to_string(),
//!     "table inet example: set ports has element 80, which is not wanted"
//! );
//! ```

mod words;

use std::collections::BTreeMap;

use crate::{Base, Chain, Element, Family, Rule, Ruleset, Set, Table, Value};

/// A difference, with the table it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesetDifference {
    /// The family of the table.
    pub family: Family,
    /// The name of the table.
    pub table: String,
    /// What differs.
    pub what: What,
}

/// What differs. Missing means wanted and not found, extra means found and not wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The table with everything in it.
    MissingTable,
    /// The table with everything in it.
    ExtraTable,
    /// The comment of the table.
    ChangedTable {
        /// The wanted comment.
        wanted: String,
        /// The one that was found.
        found: String,
    },
    /// Whether the table is dormant: none of its rules has an effect then.
    DormantTable {
        /// Whether the found one is dormant.
        found: bool,
    },
    /// A set with its elements, by name.
    MissingSet(String),
    /// A set with its elements, by name.
    ExtraSet(String),
    /// The definition of a set, by name. Its elements are not compared then.
    ChangedSet(String),
    /// An element.
    MissingElement {
        /// The set.
        set: String,
        /// The element.
        element: Element,
    },
    /// An element.
    ExtraElement {
        /// The set.
        set: String,
        /// The element.
        element: Element,
    },
    /// The value or the comment of a key.
    ChangedElement {
        /// The set.
        set: String,
        /// The wanted element.
        wanted: Element,
        /// The one that was found.
        found: Element,
    },
    /// A chain with its rules, by name.
    MissingChain(String),
    /// A chain with its rules, by name.
    ExtraChain(String),
    /// Where a chain is entered, or what its policy is.
    ChangedChain {
        /// The chain.
        chain: String,
        /// The wanted one.
        wanted: Option<Base>,
        /// The found one.
        found: Option<Base>,
    },
    /// A rule.
    MissingRule {
        /// The chain.
        chain: String,
        /// Its position among the wanted rules.
        position: usize,
        /// The rule.
        rule: Rule,
    },
    /// A rule.
    ExtraRule {
        /// The chain.
        chain: String,
        /// Its position among the rules that were found.
        position: usize,
        /// The rule.
        rule: Rule,
    },
}

/// What must change for `found` to become `wanted`; empty if they are equal.
///
/// The order of tables, sets, chains and elements has no effect, that of rules has: a rule at
/// another place is extra at one and missing at the other. Counter values are not compared.
#[must_use]
pub fn compare(wanted: &Ruleset, found: &Ruleset) -> Vec<RulesetDifference> {
    let key = |table: &Table| (table.family, table.name.clone());
    let mut out = Vec::new();
    for ((family, table), pair) in pairs(&wanted.tables, &found.tables, key) {
        let mut found = Vec::new();
        match pair {
            Pair::Missing(_) => found.push(What::MissingTable),
            Pair::Extra => found.push(What::ExtraTable),
            Pair::Both(wanted, here) => tables(&mut found, wanted, here),
        }
        out.extend(found.into_iter().map(|what| RulesetDifference {
            family,
            table: table.clone(),
            what,
        }));
    }
    out
}

enum Pair<'a, T> {
    Missing(&'a T),
    Extra,
    Both(&'a T, &'a T),
}

/// Objects with the same key, in pairs.
fn pairs<'a, T, K: Ord>(
    wanted: &'a [T],
    found: &'a [T],
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, Pair<'a, T>> {
    let mut out: BTreeMap<K, Pair<'a, T>> = wanted
        .iter()
        .map(|one| (key(one), Pair::Missing(one)))
        .collect();
    for one in found {
        out.entry(key(one))
            .and_modify(|pair| {
                if let Pair::Missing(wanted) = pair {
                    *pair = Pair::Both(wanted, one);
                }
            })
            .or_insert(Pair::Extra);
    }
    out
}

fn tables(out: &mut Vec<What>, wanted: &Table, found: &Table) {
    let comment = crate::value::comment(&wanted.comment);
    if comment != found.comment {
        out.push(What::ChangedTable {
            wanted: comment.to_owned(),
            found: found.comment.clone(),
        });
    }
    if wanted.dormant != found.dormant {
        out.push(What::DormantTable {
            found: found.dormant,
        });
    }
    for (name, pair) in pairs(&wanted.sets, &found.sets, |set| set.name.clone()) {
        match pair {
            Pair::Missing(_) => out.push(What::MissingSet(name)),
            Pair::Extra => out.push(What::ExtraSet(name)),
            Pair::Both(wanted, found) => sets(out, wanted, found),
        }
    }
    for (name, pair) in pairs(&wanted.chains, &found.chains, |chain| chain.name.clone()) {
        match pair {
            Pair::Missing(_) => out.push(What::MissingChain(name)),
            Pair::Extra => out.push(What::ExtraChain(name)),
            Pair::Both(wanted, found) => chains(out, wanted, found),
        }
    }
}

fn sets(out: &mut Vec<What>, wanted: &Set, found: &Set) {
    let set = wanted.name.clone();
    if !wanted.has_definition_of(found) {
        return out.push(What::ChangedSet(set));
    }
    let differ = |a: &Element, b: &Element| (&a.value, &a.comment) != (&b.value, &b.comment);
    if are_equal(&wanted.elements, &found.elements, differ) {
        return;
    }
    let canonical = |set: &Set| -> BTreeMap<Vec<Value>, Element> {
        let all = set.elements.iter().map(Element::canonical);
        all.map(|e| (e.key.clone(), e)).collect()
    };
    let (wanted, mut found) = (canonical(wanted), canonical(found));
    for (key, wanted) in wanted {
        let set = set.clone();
        match found.remove(&key) {
            None => out.push(What::MissingElement {
                set,
                element: wanted,
            }),
            Some(found) if differ(&found, &wanted) => {
                out.push(What::ChangedElement { set, wanted, found });
            }
            Some(_) => {}
        }
    }
    out.extend(found.into_values().map(|element| What::ExtraElement {
        set: set.clone(),
        element,
    }));
}

/// Whether the elements are the same as they are. Then their canonical form is not needed, which is a
/// copy of all.
fn are_equal(
    wanted: &[Element],
    found: &[Element],
    differ: impl Fn(&Element, &Element) -> bool,
) -> bool {
    let rest = found.iter().map(|e| (e.key.as_slice(), e));
    let mut rest: BTreeMap<&[Value], &Element> = rest.collect();
    let each = wanted.iter().all(|element| {
        let same = rest.remove(element.key.as_slice());
        same.is_some_and(|same| !differ(same, element))
    });
    each && rest.is_empty()
}

fn chains(out: &mut Vec<What>, wanted: &Chain, found: &Chain) {
    if wanted.base != found.base {
        out.push(What::ChangedChain {
            chain: wanted.name.clone(),
            wanted: wanted.base,
            found: found.base,
        });
    }
    let canonical =
        |chain: &Chain| -> Vec<Rule> { chain.rules.iter().map(Rule::canonical).collect() };
    rules(out, &wanted.name, &canonical(wanted), &canonical(found));
}

/// Rules that are in one list and not in the other, by a longest common subsequence.
fn rules(out: &mut Vec<What>, chain: &str, wanted: &[Rule], found: &[Rule]) {
    let same = |(a, b): &(&Rule, &Rule)| a == b;
    let begin = wanted.iter().zip(found).take_while(same).count();
    let (w, f) = (
        wanted.get(begin..).unwrap_or_default(),
        found.get(begin..).unwrap_or_default(),
    );
    let end = w.iter().rev().zip(f.iter().rev()).take_while(same).count();
    let w = w.get(..w.len() - end).unwrap_or_default();
    let f = f.get(..f.len() - end).unwrap_or_default();
    let lengths = common_lengths(w, f);
    let length = |i: usize, j: usize| lengths.get(i * (f.len() + 1) + j).copied().unwrap_or(0);
    let (mut i, mut j) = (0, 0);
    loop {
        match (w.get(i), f.get(j)) {
            (None, None) => return,
            (Some(a), Some(b)) if a == b => (i, j) = (i + 1, j + 1),
            (Some(one), other) if other.is_none() || length(i + 1, j) >= length(i, j + 1) => {
                out.push(What::MissingRule {
                    chain: chain.to_owned(),
                    position: begin + i,
                    rule: one.clone(),
                });
                i += 1;
            }
            (_, Some(one)) => {
                out.push(What::ExtraRule {
                    chain: chain.to_owned(),
                    position: begin + j,
                    rule: one.clone(),
                });
                j += 1;
            }
            (Some(_), None) => i += 1, // taken above
        }
    }
}

/// The largest number of pairs of rules that are compared. Longer lists that differ are reported as
/// missing and extra as a whole.
const PAIRS_MAX: usize = 4_000_000;

/// By position in both lists, row by row: how many rules of the rests are in both in the same
/// order.
fn common_lengths(wanted: &[Rule], found: &[Rule]) -> Vec<u32> {
    let width = found.len() + 1;
    if wanted.len().saturating_mul(width) > PAIRS_MAX {
        return Vec::new();
    }
    let mut out = vec![0; (wanted.len() + 1) * width];
    for (i, a) in wanted.iter().enumerate().rev() {
        for (j, b) in found.iter().enumerate().rev() {
            let at = |i: usize, j: usize| out.get(i * width + j).copied().unwrap_or(0);
            let best = match a == b {
                true => at(i + 1, j + 1) + 1,
                false => at(i + 1, j).max(at(i, j + 1)),
            };
            if let Some(slot) = out.get_mut(i * width + j) {
                *slot = best;
            }
        }
    }
    out
}
