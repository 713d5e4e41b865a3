//! The kernel stage: the record is written before the first step and after the last.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hallway_kernel::Kernel;
use hallway_plan::compare::Difference;
use hallway_plan::observed::{NamespaceState, Seen};
use hallway_plan::{Observed, Plan, Settled};

use super::{Caller, RequestedState, settings};
use crate::engine::recorded;
use crate::event::Event;
use crate::record::Written;
use crate::{Engine, Failure, Planned, Reason, Record};
use hallway_spec::{NETNS_DIRECTORY, NetnsName};

use super::attempt::{AfterFailure, Made, carry_out};

impl Engine {
    /// Carries out a plan. If a step fails, the former state is restored. What fails inside a node that
    /// existed before is returned instead.
    pub(super) fn build(
        &self,
        planned: &Planned,
        request: &RequestedState<'_>,
        caller: &mut Caller<'_>,
    ) -> Result<(Record, Option<Failure>), Failure> {
        let mut record = planned.record.clone().unwrap_or_else(|| {
            Record::new(request.source.to_owned(), request.path.map(str::to_owned))
        });
        let unchanged = planned.plan.steps.is_empty()
            && planned.plan.names.is_empty()
            && record.pending.is_none()
            && record.applied.as_ref() == Some(&planned.settled)
            && record.source == request.source
            && (request.path.is_none() || record.path.as_deref() == request.path)
            && record.repair == request.repair
            && record.edited_from == planned.edited_from;
        if unchanged {
            return Ok((record, None));
        }
        match self.carry_through(planned, request, &mut record, caller) {
            Ok(inside) => Ok((record, inside)),
            Err(mut failure) => {
                caller.report(Event::Restoring);
                let undone = self.undo(&planned.settled.project, planned.record.as_ref());
                let before = planned.record.as_ref().and_then(|r| r.applied.as_ref());
                let synced = match before.filter(|_| planned.observed.keeper != Seen::Absent) {
                    // Programs whose namespaces were made again are started there.
                    Some(before) => self.sync_keeper(&planned.settled.project, before, caller),
                    None => Ok(()),
                };
                failure
                    .also
                    .extend([undone, synced].into_iter().filter_map(Result::err));
                Err(failure)
            }
        }
    }

    fn carry_through(
        &self,
        planned: &Planned,
        request: &RequestedState<'_>,
        record: &mut Record,
        caller: &mut Caller<'_>,
    ) -> Result<Option<Failure>, Failure> {
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
        let (made, failed) =
            carry_out(&mut self.kernel(), plan, Some(caller), AfterFailure::Others)
                .map_err(|failure| settings::explained(failure, plan, request.topology))?;
        record.inodes = inodes(record, &planned.observed, settled, made);
        record.uplinks = planned
            .plan
            .uplinks(recorded(Some(record)), project, &planned.observed);
        let inside = match planned.plan.steps.is_empty() {
            true => None,
            false => self.check_kept(planned, record, failed)?,
        };
        record.commit();
        record.edited_from.clone_from(&planned.edited_from);
        record.source = written.source;
        record.repair = request.repair;
        record.path = request.path.map(str::to_owned);
        self.write_files(settled)?;
        self.store().save(project, record)?;
        Ok(inside)
    }

    /// Reads what was built: the kernel may have refused something without an error, and another
    /// program may have changed it since. What differs inside a node that existed before is returned:
    /// root of that node can change it at any time, and must not undo what concerns others.
    fn check_kept(
        &self,
        planned: &Planned,
        record: &Record,
        failed: Option<Failure>,
    ) -> Result<Option<Failure>, Failure> {
        let created = planned.plan.created();
        let differences = self.verify(planned, record)?;
        if differences.is_empty() {
            return Ok(None);
        }
        let inside = |d: &Difference| {
            let netns = d.inside(&planned.settled);
            netns.is_some_and(|of| of.name().is_none_or(|name| !created.contains(name)))
        };
        if !differences.iter().all(inside) {
            return Err(Reason::NotKept { differences }.into());
        }
        let reason = Reason::NodeNotKept { differences };
        let cause = failed.and_then(|failure| failure.cause);
        Ok(Some(Failure {
            cause,
            ..reason.into()
        }))
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

/// The inode numbers of every namespace of the project that is in place: those that were made, those that
/// the kernel has under the project's mark, and those on record. A record that was lost does not say them.
pub(super) fn inodes(record: &Record, seen: &Observed, settled: &Settled, made: Made) -> Made {
    let marked = seen.namespaces.iter().filter_map(|n| match n.state {
        NamespaceState::Mounted(inode) => {
            let owner = n.owner.as_ref().is_some_and(|(p, _)| *p == settled.project);
            owner.then(|| (n.name.clone(), inode))
        }
        _ => None,
    });
    let mut all: BTreeMap<NetnsName, u64> = record.inodes.iter().cloned().collect();
    all.extend(marked);
    all.extend(made);
    let wanted: BTreeSet<&NetnsName> = settled
        .nodes
        .iter()
        .filter_map(|n| n.netns.name())
        .collect();
    all.retain(|name, _| wanted.contains(name));
    all.into_iter().collect()
}
