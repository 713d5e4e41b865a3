//! Accepts in the chains of other firewalls.

use hallway_spec::Name;

use super::Plan;
use crate::compare::{Difference, Fact, ObjectPlace};
use crate::firewall_accepts::{FirewallChain, Pass, passes};
use crate::observed::Observed;
use crate::settled::Settled;
use crate::step::{Cause, Op};

/// Accepts that are wanted and missing.
fn missing(wanted: &Settled, seen: &Observed) -> Vec<(FirewallChain, Pass)> {
    let mut out = Vec::new();
    for seen in &seen.entries {
        if !wanted.allow_through.contains(&seen.entry.firewall) {
            continue;
        }
        for pass in passes(wanted) {
            let is = |(project, found, _): &&(Name, Pass, u64)| {
                *project == wanted.project && *found == pass
            };
            if !seen.accepts.iter().any(|a| is(&a)) {
                out.push((seen.entry, pass));
            }
        }
    }
    out
}

/// Adds what is missing, and removes what is not wanted.
pub(super) fn plan(plan: &mut Plan, drifted: bool, wanted: &Settled, seen: &Observed) {
    for (entry, pass) in missing(wanted, seen) {
        let cause = match drifted {
            true => Cause::Drift(Box::new(absent(entry, &pass))),
            false => Cause::File("--allow-through".into()),
        };
        let project = wanted.project.clone();
        let op = Op::LetThrough {
            entry,
            pass,
            project,
        };
        plan.push(op, cause);
    }
    let passes = passes(wanted);
    let keep = |entry: &FirewallChain, pass: &Pass| {
        wanted.allow_through.contains(&entry.firewall) && passes.contains(pass)
    };
    remove(plan, &wanted.project, seen, &Cause::NotInFile, keep);
}

/// Removes the accepts of a project, but those to keep.
fn remove(
    plan: &mut Plan,
    project: &Name,
    seen: &Observed,
    cause: &Cause,
    keep: impl Fn(&FirewallChain, &Pass) -> bool,
) {
    for seen in &seen.entries {
        for (owner, pass, handle) in &seen.accepts {
            if owner == project && !keep(&seen.entry, pass) {
                let op = Op::RemoveAccept {
                    entry: seen.entry,
                    pass: pass.clone(),
                    handle: *handle,
                };
                plan.push(op, cause.clone());
            }
        }
    }
}

/// Removes all of a project.
pub(super) fn remove_all(plan: &mut Plan, project: &Name, seen: &Observed) {
    remove(plan, project, seen, &Cause::Down, |_, _| false);
}

/// Accepts that another program has removed, like a firewall that was started again.
pub(super) fn drift(applied: &Settled, seen: &Observed) -> Vec<Difference> {
    let all = missing(applied, seen).into_iter();
    all.map(|(entry, pass)| absent(entry, &pass)).collect()
}

fn absent(entry: FirewallChain, pass: &Pass) -> Difference {
    Difference {
        place: ObjectPlace::Host,
        fact: Fact::AcceptMissing {
            chain: entry.to_string(),
            link: pass.link.clone(),
        },
    }
}
