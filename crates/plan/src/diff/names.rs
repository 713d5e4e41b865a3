//! Changes of the names that programs in nodes find.

use std::collections::BTreeSet;

use super::{Plan, Recorded};
use crate::compare::{Difference, Fact, ObjectPlace};
use crate::settled::{Node, Settled};
use crate::step::{Cause, EntryKind, NameChange, NameStep};

/// The changes in the file, and the files that differ from what was written.
pub(super) fn plan(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: &Settled,
    drifted: &[Difference],
) {
    let before = recorded.applied;
    for node in &wanted.nodes {
        if let Some(earlier) = before.and_then(|s| s.node(&node.name)) {
            plan.names.extend(changes(earlier, node));
        }
    }
    for difference in drifted {
        let (missing, file) = match &difference.fact {
            Fact::FileMissing { file } => (true, file),
            Fact::FileChanged { file, .. } | Fact::FileAccess { file, .. } => (false, file),
            _ => continue,
        };
        let file = match &difference.place {
            ObjectPlace::Host => file.clone(),
            ObjectPlace::Node { node, .. } => format!("{file} of {node}"),
        };
        plan.names.push(NameStep {
            change: NameChange::File { missing, file },
            cause: Cause::Drift(Box::new(difference.clone())),
        });
    }
}

/// What the file changes for one node that was there before.
fn changes(before: &Node, now: &Node) -> Vec<NameStep> {
    let hosts = |node: &Node| -> Vec<String> {
        let lines = node.extra_hosts.iter();
        lines.map(|(name, to)| format!("{to} {name}")).collect()
    };
    let entries = Entries {
        node: now,
        kind: EntryKind::Host,
        key: "extra_hosts",
    };
    let mut out = entries.changes(&hosts(before), &hosts(now));
    for interface in &now.interfaces {
        let same = before.interfaces.iter().find(|i| i.name == interface.name);
        let Some(earlier) = same.filter(|i| i.plug == interface.plug) else {
            continue;
        };
        let entries = Entries {
            node: now,
            kind: EntryKind::Alias,
            key: "networks",
        };
        out.extend(entries.changes(&texts(&earlier.aliases), &texts(&interface.aliases)));
    }
    let servers = Entries {
        node: now,
        kind: EntryKind::Server,
        key: "dns",
    };
    out.extend(servers.in_order(&texts(&before.dns), &texts(&now.dns)));
    let search = Entries {
        node: now,
        kind: EntryKind::Search,
        key: "dns_search",
    };
    out.extend(search.in_order(&texts(&before.dns_search), &texts(&now.dns_search)));
    out
}

fn texts<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

/// Entries of one kind of one node.
struct Entries<'a> {
    node: &'a Node,
    kind: EntryKind,
    /// The key of the file.
    key: &'static str,
}

impl Entries<'_> {
    fn step(&self, change: NameChange) -> NameStep {
        let cause = Cause::File(format!("{}.{}", self.node.place.key, self.key));
        NameStep { change, cause }
    }

    /// The removed ones, then the added ones.
    fn changes(&self, before: &[String], now: &[String]) -> Vec<NameStep> {
        let only = |all: &[String], others: &[String]| -> Vec<String> {
            let others: BTreeSet<&String> = others.iter().collect();
            all.iter()
                .filter(|e| !others.contains(e))
                .cloned()
                .collect()
        };
        let entry = |comes, text| {
            self.step(NameChange::Entry {
                comes,
                node: self.node.name.clone(),
                kind: self.kind,
                text,
            })
        };
        let gone = only(before, now).into_iter().map(|text| entry(false, text));
        let come = only(now, before).into_iter().map(|text| entry(true, text));
        gone.chain(come).collect()
    }

    /// The same, if the order has an effect.
    fn in_order(&self, before: &[String], now: &[String]) -> Vec<NameStep> {
        let mut steps = self.changes(before, now);
        let stay = |all: &[String], others: &[String]| -> Vec<String> {
            all.iter().filter(|e| others.contains(e)).cloned().collect()
        };
        if stay(before, now) != stay(now, before) {
            steps.push(self.step(NameChange::Order {
                node: self.node.name.clone(),
                kind: self.kind,
                text: now.join(", "),
            }));
        }
        steps
    }
}
