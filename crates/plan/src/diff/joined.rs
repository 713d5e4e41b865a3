//! What a project leaves behind in a namespace of other programs: nothing of its own, and settings as they
//! were.

use std::collections::BTreeSet;

use super::{Plan, Recorded};
use crate::compare::ObjectPlace;
use crate::mark::NEW_LINK;
use crate::observed::{Observed, SeenSpace};
use crate::settled::{JoinedNamespace, Node, Settled};
use crate::step::{Adjustment, Cause, Op};
use crate::target::Setting;

/// Steps for nodes that leave namespaces, and for settings that nodes there no longer change.
pub(super) fn plan(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: Option<&Settled>,
    seen: &Observed,
) {
    let mut done = BTreeSet::new();
    for node in recorded.all().flat_map(|s| &s.nodes) {
        let (Some(joined), Some(inside)) = (&node.joined, seen.inside(node)) else {
            continue;
        };
        let same = |n: &&Node| n.joined.as_ref().is_some_and(|j| j.inode == joined.inode);
        let now = wanted.and_then(|w| w.nodes.iter().find(same));
        let cause = match wanted {
            None => Cause::Down,
            Some(_) => Cause::NotInFile,
        };
        let mut steps = restored(node, joined, now, inside);
        if now.is_none_or(|n| n.name != node.name) {
            steps.extend(inside_only(node, inside));
        }
        for op in steps {
            if done.insert(format!("{op:?}")) {
                plan.push(op, cause.clone());
            }
        }
    }
}

/// Ends of cables and macvlan interfaces; ports go with their other ends on the host.
fn inside_only(node: &Node, inside: &SeenSpace) -> Vec<Op> {
    let ends = node.interfaces.iter().filter(|i| i.plug.is_inside_only());
    // Also one that a run that was killed has just made.
    let named = ends.flat_map(|i| [i.name.as_str(), NEW_LINK].map(|name| (i, name)));
    let there = named.filter(|(i, name)| {
        let found = inside.link(name);
        found.is_some_and(|link| link.mac == Some(i.mac))
    });
    let remove = |(_, name): (_, &str)| Op::RemoveInterface {
        netns: node.netns.clone(),
        name: name.to_owned(),
    };
    there.map(remove).collect()
}

/// Settings that are as hallway left them, and are no longer wanted, as they were before.
fn restored(
    node: &Node,
    joined: &JoinedNamespace,
    now: Option<&Node>,
    inside: &SeenSpace,
) -> Vec<Op> {
    let place = ObjectPlace::Node {
        node: node.name.clone(),
        netns: node.netns.clone(),
    };
    let adjust = |change| Op::Adjust {
        place: place.clone(),
        change,
    };
    let mut out = Vec::new();
    for (key, before) in &joined.before.sysctls {
        let wanted = now.is_some_and(|n| n.sysctls.contains_key(key));
        let ours = inside.sysctls.get(key) == node.sysctls.get(key);
        if !wanted && ours && inside.sysctls.get(key) != Some(before) {
            let (key, value) = (key.clone(), before.clone());
            out.push(adjust(Adjustment::Sysctl { key, value }));
        }
    }
    for (version, before) in &joined.before.forwarding {
        let setting = Setting::Forwarding(*version);
        let wanted = now.is_some_and(|n| n.forwarding);
        let ours = inside.settings.get(&setting) == Some(&1);
        if !wanted && ours && *before != 1 {
            out.push(adjust(Adjustment::Setting {
                link: None,
                setting,
                value: *before,
            }));
        }
    }
    out
}
