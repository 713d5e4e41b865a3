//! The kernel stage: the record is written before the first step and after the last.

use std::collections::BTreeSet;
use std::path::Path;

use hallway_kernel::Kernel;
use hallway_plan::step::Part;
use hallway_plan::{Plan, Settled};

use super::{Caller, Request, settings};
use crate::engine::recorded;
use crate::event::Event;
use crate::executor::{Executor, StepFailed};
use crate::observe::NETNS_DIRECTORY;
use crate::record::Written;
use crate::{Engine, Failure, Planned, Reason, Record};

/// The namespaces that were made, with their inode numbers.
type Made = Vec<(String, u64)>;

impl Engine {
    /// Carries out a plan. If a step fails, the former state is restored.
    pub(super) fn build(
        &self,
        planned: &Planned,
        request: &Request<'_>,
        caller: &mut Caller<'_>,
    ) -> Result<Record, Failure> {
        let mut record = planned.record.clone().unwrap_or_else(|| {
            Record::new(request.source.to_owned(), request.path.map(str::to_owned))
        });
        let unchanged = planned.plan.steps.is_empty()
            && planned.plan.names.is_empty()
            && record.pending.is_none()
            && record.applied.as_ref() == Some(&planned.settled)
            && record.source == request.source
            && record.repair == request.repair
            && record.edited_from == planned.edited_from;
        if unchanged {
            return Ok(record);
        }
        if let Err(mut failure) = self.carry_through(planned, request, &mut record, caller) {
            caller.report(Event::Restoring);
            failure.also.extend(
                self.undo(&planned.settled.project, planned.record.as_ref())
                    .err(),
            );
            return Err(failure);
        }
        Ok(record)
    }

    fn carry_through(
        &self,
        planned: &Planned,
        request: &Request<'_>,
        record: &mut Record,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        let (project, settled) = (&planned.settled.project, &planned.settled);
        let written = Written {
            source: request.source.to_owned(),
            edited_from: planned.edited_from.clone(),
        };
        self.store().intend(record, settled, &written)?;
        if !planned.plan.steps.is_empty() {
            self.store().save(project, record)?;
            if !settled.nodes.is_empty() {
                self.make_netns_directory()?;
            }
        }
        if let Some(begun) = planned.record.as_ref().and_then(|r| r.pending.as_ref()) {
            // Of a run that was killed.
            let kept: Vec<&Settled> = record.applied.iter().chain([settled]).collect();
            self.withdraw_addresses(begun, &kept)?;
        }
        self.lease_addresses(record.applied.as_ref(), settled)?;
        let (plan, seen) = (&planned.plan, &planned.observed);
        self.store().note_host_settings(project, plan, seen)?;
        let made = self
            .execute(plan, Some(caller))
            .map_err(|failure| settings::explained(failure, plan, request.topology))?;
        record.inodes = inodes(record, settled, made);
        record.uplinks = planned
            .plan
            .uplinks(recorded(Some(record)), project, &planned.observed);
        if !planned.plan.steps.is_empty() {
            self.check_kept(planned, record)?;
        }
        record.commit();
        record.edited_from.clone_from(&planned.edited_from);
        record.source = written.source;
        record.repair = request.repair;
        record.path = request.path.map(str::to_owned);
        self.write_files(settled)?;
        self.store().save(project, record)
    }

    /// Reads what was built: the kernel may have refused something without an error, and another
    /// program may have changed it since.
    fn check_kept(&self, planned: &Planned, record: &Record) -> Result<(), Failure> {
        match self.verify(planned, record)? {
            differences if differences.is_empty() => Ok(()),
            differences => Err(Reason::NotKept { differences }.into()),
        }
    }

    /// Carries out the steps, until one fails or the caller cancels. Returns the inode numbers of
    /// the namespaces that were made, by name.
    pub(super) fn execute(
        &self,
        plan: &Plan,
        caller: Option<&mut Caller<'_>>,
    ) -> Result<Made, Failure> {
        Self::execute_with(&mut self.kernel(), plan, caller)
    }

    /// As [`Self::execute`], with a handle that has its sockets already.
    pub(super) fn execute_with(
        kernel: &mut Kernel,
        plan: &Plan,
        caller: Option<&mut Caller<'_>>,
    ) -> Result<Made, Failure> {
        carry_out(kernel, plan, caller, AfterFailure::Stop).map(|(made, _)| made)
    }

    /// What is missing of the directory is noted before it is made: a run that is interrupted
    /// between the two leaves nothing that cannot be removed.
    pub(super) fn make_netns_directory(&self) -> Result<(), Failure> {
        let (kernel, path) = (self.kernel(), Path::new(NETNS_DIRECTORY));
        let failed = |e| Failure::caused(Reason::NetnsDirectory { path: path.into() }, e);
        let needed = kernel.netns_directory_needs(path).map_err(failed)?;
        if needed.directory || needed.mount {
            self.store().note_netns_directory(needed)?;
        }
        kernel.ensure_netns_directory(path).map_err(failed)?;
        Ok(())
    }
}

/// What happens after a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterFailure {
    /// Nothing more.
    Stop,
    /// Steps about other parts of the project.
    OtherParts,
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
    let mut executor = Executor::new(kernel, &plan.steps);
    let (mut given_up, mut first) = (BTreeSet::new(), None);
    for (position, step) in plan.steps.iter().enumerate() {
        if let Some(caller) = caller.as_deref_mut() {
            caller.report(Event::StepStarted { position, steps });
            caller.cancel.check()?;
        }
        let part = step.op.part().filter(|_| after == AfterFailure::OtherParts);
        if part.is_some_and(|p| p != Part::Host && given_up.contains(&p)) {
            continue;
        }
        match (executor.step(position, &step.op), part) {
            (Ok(()), _) => {}
            (Err(e), Some(part)) if e.position == position => {
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

/// The inode numbers of every namespace of the project that is in place.
pub(super) fn inodes(record: &Record, settled: &Settled, made: Made) -> Made {
    let fresh: BTreeSet<&str> = made.iter().map(|(n, _)| n.as_str()).collect();
    let wanted: BTreeSet<&str> = settled.nodes.iter().map(|n| n.netns.as_str()).collect();
    let kept = record
        .inodes
        .iter()
        .filter(|(n, _)| !fresh.contains(n.as_str()) && wanted.contains(n.as_str()));
    let mut out: Made = kept.cloned().collect();
    out.extend(made);
    out.sort();
    out
}
