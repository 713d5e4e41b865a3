//! Restores the former state, by a plan from what the kernel holds to what is on record.
//!
//! There is no journal: what exists is read from the kernel, so an undo is a plan like any other and
//! works from any point where a run stopped, also in another process.

use hallway_plan::settle::renamed;
use hallway_plan::{Settled, diff};

use super::Caller;
use super::attempt::{AfterFailure, carry_out};
use super::build::inodes;
use super::programs::desired;
use crate::engine::recorded;
use crate::{Cancel, Engine, Failure, Planned, ProjectState, Record, Silent};
use hallway_spec::Name;

/// What an undo did.
pub(super) struct Undone {
    pub(super) record: Record,
    /// Whether the record has changed.
    pub(super) changed: bool,
    /// What failed inside a node; everything else is as before.
    pub(super) inside: Option<Failure>,
}

impl Engine {
    /// Restores the state on record before a run, or removes everything, wherever the run failed.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) fn undo(&self, project: &Name, earlier: Option<&Record>) -> Result<(), Failure> {
        let now = self.inspect(project)?.record;
        let built = now.filter(|record| record.pending.is_none() && record.applied.is_some());
        match (built, earlier.filter(|record| record.applied.is_some())) {
            // The last write of the run reached the disk although it failed: what the run was
            // building is on record as complete.
            (Some(_), None) => self.remove(project, &mut Silent).map(drop),
            (Some(now), Some(earlier)) if now != *earlier => self.restore(project, earlier),
            _ => self.undo_pending(project),
        }
    }

    /// Restores the last complete state, or removes everything.
    pub(super) fn undo_pending(&self, project: &Name) -> Result<(), Failure> {
        match self.undo_steps(project)? {
            Some(mut undone) => {
                self.store().save(project, &mut undone.record)?;
                undone.inside.map_or(Ok(()), Err)
            }
            None => Ok(()),
        }
    }

    /// The same without writing the record; `None` if there is none any more.
    pub(super) fn undo_steps(&self, project: &Name) -> Result<Option<Undone>, Failure> {
        let ProjectState {
            record, observed, ..
        } = self.inspect(project)?;
        let Some(mut record) = record else {
            return self.store().remove(project).map(|()| None);
        };
        let Some(built) = record.applied.clone() else {
            return self.remove(project, &mut Silent).map(|_| None);
        };
        self.store().check_netns_directory(&record.inodes)?;
        let applied = renamed(&built, &observed);
        let plan = diff(project, recorded(Some(&record)), Some(&applied), &observed);
        self.store().note_host_settings(project, &plan, &observed)?;
        let (made, inside) = carry_out(&mut self.kernel(), &plan, None, AfterFailure::Others)?;
        if let Some(pending) = &record.pending {
            self.withdraw_addresses(pending, &[&applied])?;
        }
        // The failed run may have released addresses before it failed.
        self.lease_addresses(Some(&applied), &applied)?;
        let changed = !made.is_empty() || applied != built;
        record.inodes = inodes(&record, &observed, &applied, made);
        if applied != built {
            record.correct(applied.clone());
        }
        record.abandon();
        self.write_files(&applied)?;
        Ok(Some(Undone {
            record,
            changed,
            inside,
        }))
    }

    /// Restores the state of an earlier record, after a later one was carried out.
    ///
    /// # Errors
    /// The step that failed.
    pub(super) fn restore(&self, project: &Name, earlier: &Record) -> Result<(), Failure> {
        let ProjectState {
            record, observed, ..
        } = self.inspect(project)?;
        let (Some(mut record), Some(target)) = (record, earlier.applied.clone()) else {
            return Ok(());
        };
        let target = renamed(&target, &observed);
        let plan = diff(project, recorded(Some(&record)), Some(&target), &observed);
        self.store()
            .intend(&mut record, &target, &earlier.written())?;
        self.store().save(project, &mut record)?;
        self.store().note_host_settings(project, &plan, &observed)?;
        let (made, inside) = carry_out(&mut self.kernel(), &plan, None, AfterFailure::Others)?;
        self.lease_addresses(record.applied.as_ref(), &target)?;
        record.inodes = inodes(&record, &observed, &target, made);
        record.commit();
        record.edited_from.clone_from(&earlier.edited_from);
        record.repair = earlier.repair;
        record.source.clone_from(&earlier.source);
        record.path.clone_from(&earlier.path);
        self.write_files(&target)?;
        self.store().save(project, &mut record)?;
        inside.map_or(Ok(()), Err)
    }

    /// After a later stage failed: kernel, listeners and programs get the state before the plan.
    pub(super) fn put_back(
        &self,
        planned: &Planned,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        let project = &planned.settled.project;
        let earlier = planned
            .record
            .as_ref()
            .and_then(|r| Some((r, r.applied.as_ref()?)));
        let Some((record, settled)) = earlier else {
            let mut caller = Caller {
                reporter: &mut Silent,
                cancel: &Cancel::default(),
            };
            self.take_down(project, &mut caller)?;
            return Ok(());
        };
        self.restore(project, record)?;
        self.sync_keeper(project, settled, caller)
    }

    /// Sends the tasks on record to a running keeper.
    pub(super) fn sync_keeper(
        &self,
        project: &Name,
        settled: &Settled,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        let Some(record) = self.record(project)? else {
            return Ok(());
        };
        let wanted = desired(self, settled, &record)?;
        // Also when the run was cancelled.
        let Some(client) = self.keeper(project, &Cancel::default())? else {
            return Ok(());
        };
        let held = client.forwards()?;
        let fresh = self.bind(settled, &wanted.forwards, &held, caller)?;
        client.sync(&wanted, fresh)?;
        Ok(())
    }
}
