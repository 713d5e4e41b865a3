//! A plan in words: its steps, with policies and published ports line by line as in the file.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::compare::{Difference, Fact};
use crate::settled::{Node, Policy, Publish, Settled};
use crate::step::{Cause, Described, KeeperStep, NameStep, Op, Step, StepAction};

/// At most this many names are in one line.
const NAMED: usize = 5;

/// All steps in order, and what the keeper does after them. `before` is what was built last.
#[must_use]
pub fn described(plan: &Plan, before: Option<&Settled>, wanted: &Settled) -> Vec<Described> {
    let mut out = Vec::new();
    for step in &plan.steps {
        match (&step.op, &step.cause) {
            (Op::ReplaceRules(_) | Op::ChangeRules { .. }, Cause::File(_)) => {
                out.extend(of_file(step, before, wanted));
            }
            (Op::ReplaceRules(_) | Op::ChangeRules { .. }, Cause::Drift(_)) => {
                out.extend(plan.of_rules.iter().map(|found| corrected(step, found)));
                // The file may have changed at the same time.
                out.extend(before.map_or_else(Vec::new, |before| lines(Some(before), wanted)));
            }
            _ => out.push(step.describe()),
        }
    }
    out.extend(plan.names.iter().map(NameStep::describe));
    out.extend(plan.keeper.iter().map(KeeperStep::describe));
    out
}

/// A step by which the rules follow the file: the policies and published ports that change, or the networks
/// and nodes.
fn of_file(step: &Step, before: Option<&Settled>, wanted: &Settled) -> Vec<Described> {
    let lines = lines(before, wanted);
    let detail = match before {
        None if matches!(step.op, Op::ReplaceRules(_)) => counts(wanted),
        Some(before) if lines.is_empty() => parts(before, wanted),
        None if lines.is_empty() => String::new(),
        _ => return lines,
    };
    let action = match before {
        None => step.describe().action,
        Some(_) => StepAction::Change,
    };
    let rules = Described {
        action,
        detail,
        ..step.describe()
    };
    std::iter::once(rules).chain(lines).collect()
}

/// One thing that another program changed in the rules.
fn corrected(step: &Step, found: &Difference) -> Described {
    let action = match found.fact {
        Fact::TableMissing { .. } => StepAction::Create,
        _ => StepAction::Change,
    };
    let cause = found.clause();
    Described {
        action,
        cause,
        ..step.describe()
    }
}

/// What all rules are about.
fn counts(settled: &Settled) -> String {
    let all = [
        (settled.networks.len(), "network", "networks"),
        (settled.nodes.len(), "node", "nodes"),
        (settled.publishes.len(), "port", "ports"),
        (settled.policies.len(), "policy", "policies"),
    ];
    let some = all.iter().filter(|(count, ..)| *count > 0);
    let words = some.map(|(count, one, more)| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    });
    let words: Vec<String> = words.collect();
    format!("of {}", words.join(", "))
}

/// The networks and nodes that come, and those that go.
fn parts(before: &Settled, wanted: &Settled) -> String {
    let names = |s: &Settled| -> Vec<String> {
        let networks = s.networks.iter().map(|n| format!("network {}", n.name));
        let nodes = s.nodes.iter().map(|n| format!("node {}", n.name));
        networks.chain(nodes).collect()
    };
    let (old, new) = (names(before), names(wanted));
    let only = |word: &str, of: &[String], other: &[String]| {
        let mut names: Vec<&str> = of.iter().map(String::as_str).collect();
        names.retain(|n| !other.iter().any(|o| o == n));
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let list = names.join(", ");
        match (list.is_empty(), more) {
            (true, _) => None,
            (_, 0) => Some(format!("{word} {list}")),
            _ => Some(format!("{word} {list} and {more} others")),
        }
    };
    let all = [only("with", &new, &old), only("without", &old, &new)];
    let all: Vec<String> = all.into_iter().flatten().collect();
    all.join(", ")
}

/// The policies and published ports that go, and those that come.
fn lines(before: Option<&Settled>, wanted: &Settled) -> Vec<Described> {
    let policies = |s: &Settled| -> Vec<(String, String)> {
        s.policies
            .iter()
            .map(|p| (p.words.clone(), format!("policy {}", p.number())))
            .collect()
    };
    let ports = |s: &Settled| -> Vec<(String, String)> {
        s.publishes
            .iter()
            .map(|p| (port(p), p.place.key.clone()))
            .collect()
    };
    let mut out = changed(
        "policy",
        before.map(policies).unwrap_or_default(),
        policies(wanted),
    );
    if let Some(before) = before {
        out.extend(moved(before, wanted));
    }
    out.extend(changed(
        "publish",
        before.map(ports).unwrap_or_default(),
        ports(wanted),
    ));
    if let Some(before) = before {
        out.extend(limits(before, wanted));
    }
    out
}

/// Policies in both whose order has changed: the smallest number that explains the new order.
fn moved(before: &Settled, wanted: &Settled) -> Vec<Described> {
    let mut earlier: BTreeMap<&str, usize> = BTreeMap::new();
    for (position, policy) in before.policies.iter().enumerate() {
        earlier.entry(&policy.words).or_insert(position);
    }
    let mut seen = BTreeSet::new();
    let both: Vec<(&Policy, usize)> = wanted
        .policies
        .iter()
        .filter(|policy| seen.insert(policy.words.as_str()))
        .filter_map(|policy| Some((policy, *earlier.get(policy.words.as_str())?)))
        .collect();
    let positions: Vec<usize> = both.iter().map(|(_, position)| *position).collect();
    let stay = longest_increasing(&positions);
    let moved = both.into_iter().filter(|(_, at)| !stay.contains(at));
    let line = |(policy, at): (&Policy, usize)| Described {
        action: StepAction::Change,
        kind: "policy",
        name: policy.words.clone(),
        detail: format!("moved from position {} to {}", at + 1, policy.number()),
        cause: format!("policy {}", policy.number()),
    };
    moved.map(line).collect()
}

/// A longest increasing subsequence of the numbers (by patience sorting).
fn longest_increasing(numbers: &[usize]) -> BTreeSet<usize> {
    // For each length: where the subsequence of that length with the smallest last number ends.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers.get(*end) < Some(number));
        before.push(length.checked_sub(1).and_then(|l| ends.get(l)).copied());
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut out = BTreeSet::new();
    let mut next = ends.last().copied();
    while let Some(at) = next {
        out.extend(numbers.get(at));
        next = before.get(at).copied().flatten();
    }
    out
}

/// Limits of nodes that change.
fn limits(before: &Settled, wanted: &Settled) -> Vec<Described> {
    let words = |limit: Option<u32>| limit.map_or_else(|| "the default".into(), |l| l.to_string());
    let line = |node: &Node| {
        let earlier = before.node(&node.name)?;
        (earlier.connections != node.connections).then(|| Described {
            action: StepAction::Change,
            kind: "limit",
            name: format!("connections of {}", node.name),
            detail: format!(
                "from {} to {}",
                words(earlier.connections),
                words(node.connections)
            ),
            cause: format!("{}.limits", node.place.key),
        })
    };
    wanted.nodes.iter().filter_map(line).collect()
}

/// Lines of `before` that are not in `now`, then those of `now` that are not in `before`. Each is a
/// text with its key in the file.
fn changed(
    kind: &'static str,
    before: Vec<(String, String)>,
    now: Vec<(String, String)>,
) -> Vec<Described> {
    let texts = |lines: &[(String, String)]| -> BTreeSet<String> {
        lines.iter().map(|(text, _)| text.clone()).collect()
    };
    let (old, new) = (texts(&before), texts(&now));
    let line = |action, name, cause| Described {
        action,
        kind,
        name,
        detail: String::new(),
        cause,
    };
    let gone = before.into_iter().filter(|(text, _)| !new.contains(text));
    let gone = gone.map(|(text, _)| line(StepAction::Remove, text, Cause::NotInFile.to_string()));
    let come = now.into_iter().filter(|(text, _)| !old.contains(text));
    gone.chain(come.map(|(text, key)| line(StepAction::Create, text, key)))
        .collect()
}

/// A published port like in the file, with its node.
fn port(publish: &Publish) -> String {
    let address = match publish.host_address {
        Some(address) if address.is_ipv6() => format!("[{address}]:"),
        Some(address) => format!("{address}:"),
        None => String::new(),
    };
    let node_ports = match publish.host_ports == publish.node_ports {
        true => String::new(),
        false => format!(":{}", publish.node_ports),
    };
    let Publish {
        host_ports,
        protocol,
        node,
        ..
    } = publish;
    format!("{address}{host_ports}{node_ports}/{protocol} of {node}")
}

/// What a plan removes that was added by single commands after the file was read: it is in
/// `before`, but neither in `wanted` nor in `base`, which is the content of the file at that time.
#[must_use]
pub fn dropped(base: &Settled, before: &Settled, wanted: &Settled) -> Vec<String> {
    let things = |s: &Settled| -> BTreeSet<String> {
        let networks = s.networks.iter().map(|n| format!("network {}", n.name));
        let sidecars = s.nodes.iter().flat_map(|n| &n.sidecars).map(|p| &p.name);
        let nodes = s.nodes.iter().map(|n| &n.name).chain(sidecars);
        let nodes = nodes.map(|name| format!("node {name}"));
        let joined = s.nodes.iter().flat_map(|n| {
            n.memberships()
                .map(move |(_, network)| format!("{} on network {network}", n.name))
        });
        let ports = s.publishes.iter().map(|p| format!("publish {}", port(p)));
        let policies = s.policies.iter().map(|p| p.words.clone());
        let cables = s
            .cables
            .iter()
            .map(|c| format!("link {} {}", c.a.node, c.b.node));
        networks
            .chain(nodes)
            .chain(joined)
            .chain(ports)
            .chain(policies)
            .chain(cables)
            .collect()
    };
    let (base, wanted) = (things(base), things(wanted));
    things(before)
        .into_iter()
        .filter(|t| !base.contains(t) && !wanted.contains(t))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_the_longest_part_that_increases() {
        let stay = |numbers: &[usize]| longest_increasing(numbers).into_iter().collect::<Vec<_>>();
        assert_eq!(stay(&[]), Vec::<usize>::new());
        assert_eq!(stay(&[0, 1, 2]), [0, 1, 2]);
        assert_eq!(stay(&[3, 0, 1, 2]), [0, 1, 2]);
        assert_eq!(stay(&[1, 2, 3, 0]), [1, 2, 3]);
        assert_eq!(stay(&[2, 1, 0]), [0]);
        assert_eq!(stay(&[0, 3, 1, 2, 4]), [0, 1, 2, 4]);
    }
}
