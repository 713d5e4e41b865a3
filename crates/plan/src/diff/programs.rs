//! Programs and listeners of the keeper: which are started, ended and started again, and why.

use std::collections::BTreeSet;

use hallway_spec::Name;

use super::created::Created;
use super::{Plan, Recorded};
use crate::compare::{Difference, Fact, ObjectPlace};
use crate::observed::{Observed, SeenKeeper};
use crate::program::Program;
use crate::settled::Settled;
use crate::step::{Cause, KeeperStep, KeeperTask, StepAction};
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
    for now in wanted.programs() {
        let earlier = before.and_then(|s| s.program(now.name));
        let stopped = found.iter().find(|d| is_of(d, now.name));
        if let Some((action, cause)) = program(&now, earlier.as_ref(), created, stopped) {
            plan.keeper.push(step(action, &now, cause));
        }
    }
    for earlier in before.into_iter().flat_map(Settled::programs) {
        if wanted.program(earlier.name).is_none() {
            plan.keeper
                .push(step(StepAction::Stop, &earlier, Cause::NotInFile));
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

/// Every run loads the guard; it is shown as a step only if it differs from what was built.
pub(super) fn guard(plan: &mut Plan, recorded: Recorded<'_>, seen: &Observed) {
    let built = recorded.applied.filter(|_| recorded.pending.is_none());
    if let Some(difference) = built.and_then(|s| crate::compare::guard::difference(s, seen)) {
        plan.keeper.push(KeeperStep {
            task: KeeperTask::Guard,
            cause: Cause::Drift(Box::new(difference)),
        });
    }
}

impl Plan {
    /// Leaves programs as they are that have ended, as far as the keeper knows them. Returns those of them that
    /// no command stopped, each with the reason in words.
    pub fn leave_ended(&mut self, keeper: Option<&SeenKeeper>) -> Vec<(Name, String)> {
        let mut left = Vec::new();
        self.keeper.retain(|step| {
            let (Cause::Drift(difference), KeeperTask::Program { node, .. }) =
                (&step.cause, &step.task)
            else {
                return true;
            };
            let Fact::ProgramStopped { state, by_command } = &difference.fact else {
                return true;
            };
            if !keeper.is_some_and(|k| k.programs.contains_key(node.as_ref())) {
                return true;
            }
            if !by_command {
                left.push((node.clone(), state.clone()));
            }
            false
        });
        left
    }
}

fn step(action: StepAction, program: &Program<'_>, cause: Cause) -> KeeperStep {
    let task = KeeperTask::Program {
        action,
        node: program.name.clone(),
        command: program.service.command.clone(),
    };
    KeeperStep { task, cause }
}

fn is_of(difference: &Difference, program: &Name) -> bool {
    matches!(difference.fact, Fact::ProgramStopped { .. })
        && matches!(&difference.place, ObjectPlace::Node { node: of, .. } if of == program)
}

/// What is done to a program; `None` when it runs and does not change.
fn program(
    now: &Program<'_>,
    earlier: Option<&Program<'_>>,
    created: &Created,
    stopped: Option<&Difference>,
) -> Option<(StepAction, Cause)> {
    let key = |key: &str| Cause::File(format!("{}.{key}", now.place.key));
    let Some(earlier) = earlier else {
        return Some((StepAction::Start, key("command")));
    };
    if let Some(changed) = changed_key(earlier, now) {
        return Some((StepAction::Restart, key(changed)));
    }
    if created.nodes.contains(&now.node.name) {
        return Some((StepAction::Restart, Cause::NamespaceCreated));
    }
    stopped.map(|d| (StepAction::Restart, Cause::Drift(Box::new(d.clone()))))
}

/// The key of the file because of which a program is started again.
fn changed_key(earlier: &Program<'_>, now: &Program<'_>) -> Option<&'static str> {
    let (before, service) = (earlier.service, now.service);
    let keys = [
        (before.command != service.command, "command"),
        (earlier.environment != now.environment, "environment"),
        (before.working_dir != service.working_dir, "working_dir"),
        (before.user != service.user, "user"),
        (before.ready != service.ready, "ready"),
        (before.healthcheck != service.healthcheck, "healthcheck"),
        (before.restart != service.restart, "restart"),
        (before.depends_on != service.depends_on, "depends_on"),
        (earlier.node.hostname != now.node.hostname, "hostname"),
        (earlier.node.netns != now.node.netns, "netns"),
    ];
    keys.into_iter()
        .find_map(|(differs, key)| differs.then_some(key))
}
