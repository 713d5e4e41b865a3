//! The steps of a plan, and what happens after one that failed.

use std::collections::BTreeSet;

use hallway_kernel::Kernel;
use hallway_plan::Plan;
use hallway_plan::step::{Cause, Part, Step};
use hallway_spec::NetnsName;

use super::Caller;
use crate::event::Event;
use crate::executor::{Executor, StepFailed};
use crate::{Failure, Reason};

/// The namespaces that were made, with their inode numbers.
pub(super) type Made = Vec<(NetnsName, u64)>;

/// What happens after a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// Nothing more.
    Stop,
    /// Steps about other parts of the project.
    OtherParts,
    /// The same, if it was inside a node that existed before, and mends what was changed there or lacks
    /// what was removed there meanwhile.
    Others,
}

impl AfterFailure {
    fn goes_on(self, step: &Step, failed: &StepFailed) -> bool {
        let drift = matches!(step.cause, Cause::Drift(_));
        self != Self::Others || drift || failed.error.lacks_link()
    }
}

/// Carries out the steps. Returns what was made, and the first failure after which others were carried
/// out.
pub(super) fn carry_out(
    kernel: &mut Kernel,
    plan: &Plan,
    mut caller: Option<&mut Caller<'_>>,
    after: AfterFailure,
) -> Result<(Made, Option<Failure>), Failure> {
    let steps = plan.steps.len();
    let created = plan.created();
    let mut executor = Executor::new(kernel, &plan.steps);
    let (mut given_up, mut first) = (BTreeSet::new(), None);
    for (position, step) in plan.steps.iter().enumerate() {
        if let Some(caller) = caller.as_deref_mut() {
            caller.report(Event::StepStarted { position, steps });
            caller.cancel.check()?;
        }
        let part = match after {
            AfterFailure::Stop => None,
            AfterFailure::OtherParts => step.op.part(),
            AfterFailure::Others => step.op.part().filter(|_| step.op.is_inside(&created)),
        };
        if part.is_some_and(|p| p != Part::Host && given_up.contains(&p)) {
            continue;
        }
        match (executor.step(position, &step.op), part) {
            (Ok(()), _) => {}
            (Err(e), Some(part)) if e.position == position && after.goes_on(step, &e) => {
                given_up.insert(part);
                first.get_or_insert(failed(plan, e));
            }
            (Err(e), _) => return Err(failed(plan, e)),
        }
    }
    let made = executor.close().map_err(|e| failed(plan, e))?;
    if let Some(caller) = caller {
        caller.report(Event::StepsDone);
    }
    Ok((made, first))
}

/// What the step did not do, and why.
fn failed(plan: &Plan, of: StepFailed) -> Failure {
    let step = plan.steps.get(of.position);
    let reason = step.map_or(Reason::Kernel, |step| {
        let words = step.describe();
        Reason::Step {
            action: words.action.to_string(),
            kind: words.kind.to_string(),
            name: words.name.to_string(),
            position: of.position + 1,
            count: plan.steps.len(),
        }
    });
    Failure::caused(reason, of.error)
}
