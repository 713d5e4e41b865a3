//! Programs and listeners of the keeper: what starts, ends and begins again, and why.

use std::collections::BTreeSet;

use super::created::Created;
use super::{Plan, Recorded};
use crate::compare::{Difference, Fact, Place};
use crate::observed::Observed;
use crate::settled::{Node, Settled, Workload};
use crate::step::{Action, Cause, KeeperStep, KeeperTask};
use crate::target::listeners;

/// The steps. `found` is how the keeper differs from what is wanted.
pub(super) fn plan(
    plan: &mut Plan,
    recorded: Recorded<'_>,
    wanted: &Settled,
    created: &Created,
    found: Vec<Difference>,
) {
    let before = recorded.applied;
    for node in &wanted.nodes {
        let Some(service) = &node.service else {
            continue;
        };
        let earlier = before.and_then(|s| s.node(&node.name));
        let stopped = found.iter().find(|d| is_program_of(d, node));
        if let Some((action, cause)) = program(node, service, earlier, created, stopped) {
            plan.keeper.push(step(action, node, service, cause));
        }
    }
    for node in before.into_iter().flat_map(|s| &s.nodes) {
        let Some(service) = &node.service else {
            continue;
        };
        let stays = wanted.node(&node.name).is_some_and(|n| n.service.is_some());
        if !stays {
            plan.keeper
                .push(step(Action::Stop, node, service, Cause::NotInFile));
        }
    }
    // Listeners that the file adds or removes are shown as its published ports.
    let held: BTreeSet<_> = before.into_iter().flat_map(listeners).collect();
    for difference in found {
        if let Fact::ListenerMissing { listener } = difference.fact
            && held.contains(&listener)
        {
            plan.keeper.push(KeeperStep {
                task: KeeperTask::Listener(listener),
                cause: Cause::Drift(Box::new(difference)),
            });
        }
    }
}

/// The guard is loaded in every run; as a step it is named only where it is not as it was built.
pub(super) fn guard(plan: &mut Plan, recorded: Recorded<'_>, seen: &Observed) {
    let built = recorded.applied.filter(|_| recorded.pending.is_none());
    if let Some(difference) = built.and_then(|s| crate::compare::guard::difference(s, seen)) {
        plan.keeper.push(KeeperStep {
            task: KeeperTask::Guard,
            cause: Cause::Drift(Box::new(difference)),
        });
    }
}

fn step(action: Action, node: &Node, service: &Workload, cause: Cause) -> KeeperStep {
    let task = KeeperTask::Program {
        action,
        node: node.name.clone(),
        command: service.command.clone(),
    };
    KeeperStep { task, cause }
}

fn is_program_of(difference: &Difference, node: &Node) -> bool {
    matches!(difference.fact, Fact::ProgramStopped { .. })
        && matches!(&difference.place, Place::Node { node: of, .. } if *of == node.name)
}

/// What is done to a node's program; `None` when it runs and stays as it is.
fn program(
    node: &Node,
    service: &Workload,
    earlier: Option<&Node>,
    created: &Created,
    stopped: Option<&Difference>,
) -> Option<(Action, Cause)> {
    let key = |key: &str| Cause::File(format!("{}.{key}", node.place.key));
    let ran = earlier.and_then(|e| Some((e, e.service.as_ref()?)));
    let Some((earlier, before)) = ran else {
        return Some((Action::Start, key("command")));
    };
    if let Some(changed) = changed_key((earlier, before), (node, service)) {
        return Some((Action::Restart, key(changed)));
    }
    if created.nodes.contains(&node.name) {
        return Some((Action::Restart, Cause::NamespaceCreated));
    }
    stopped.map(|d| (Action::Restart, Cause::Drift(Box::new(d.clone()))))
}

/// The key of the file because of which a program is started again.
fn changed_key(
    (earlier, before): (&Node, &Workload),
    (node, service): (&Node, &Workload),
) -> Option<&'static str> {
    let keys = [
        (before.command != service.command, "command"),
        (earlier.environment != node.environment, "environment"),
        (before.working_dir != service.working_dir, "working_dir"),
        (before.user != service.user, "user"),
        (before.ready != service.ready, "ready"),
        (before.restart != service.restart, "restart"),
        (before.depends_on != service.depends_on, "depends_on"),
        (earlier.netns != node.netns, "netns"),
    ];
    keys.into_iter()
        .find_map(|(differs, key)| differs.then_some(key))
}
