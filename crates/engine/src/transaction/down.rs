//! Taking a project down: programs and listeners first, then everything that has its mark.

use std::collections::BTreeSet;

use hallway_plan::observed::NamespaceState;
use hallway_plan::settled::Plug;
use hallway_plan::step::{Cause, Described, KeeperStep, KeeperTask, Op, Step, StepAction};
use hallway_plan::{Plan, Settled, diff};
use hallway_spec::{Name, NetnsName};

use super::Caller;
use crate::engine::recorded;
use crate::keeper::{marks, stop_leftovers};
use crate::observe::{Depth, namespaces};
use crate::record::Record;
use crate::{Engine, Event, Failure, Lock, OrphanedObjects, ProjectState, Reporter};

/// What `down` did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The project existed and has been removed.
    Project,
    /// There was nothing to remove.
    Nothing,
}

impl Engine {
    /// Ends a project's programs and listeners, and removes everything that has its mark, with or
    /// without a record.
    ///
    /// # Errors
    /// The step that failed; what is left is still marked and recorded, so that `down` can be
    /// called again.
    pub fn down(&self, project: &Name, caller: &mut Caller<'_>) -> Result<Removed, Failure> {
        let _lock = self.lock(Some(project), caller)?;
        caller.cancel.begin()?;
        self.take_down(project, caller)
    }

    /// What projects have left in the kernel that are not on record; with `remove` it is removed.
    ///
    /// # Errors
    /// When the kernel cannot be read, or a step fails.
    pub fn collect_orphaned_objects(
        &self,
        remove: bool,
        caller: &mut Caller<'_>,
    ) -> Result<OrphanedObjects, Failure> {
        let _lock = self.lock(None, caller)?;
        caller.cancel.begin()?;
        let orphaned_objects = self.orphaned_objects()?;
        if !remove {
            return Ok(orphaned_objects);
        }
        for project in &orphaned_objects.projects {
            self.take_down(project, caller)?;
        }
        // With a project its own are removed.
        let routes = self.orphaned_objects()?.routes;
        let steps = routes.iter().map(|to| Step {
            op: Op::RemoveUnreachable { to: *to },
            cause: Cause::Left,
        });
        let plan = Plan {
            steps: steps.collect(),
            ..Plan::default()
        };
        self.execute(&plan, None)?;
        // Namespaces of others may have kept it when the last project was removed.
        self.release_netns_directory()?;
        Ok(orphaned_objects)
    }

    /// Removes the scope's directory if it has no project and no other process uses it.
    pub fn tidy(&self) {
        let Some(_lock) = Lock::try_take(self.scope()) else {
            return;
        };
        if self.projects().is_empty() {
            let store = self.store();
            store.remove_file(&self.scope().join("lock")).ok();
            store.remove_if_empty(self.scope());
        }
    }

    /// As [`Engine::down`], for a caller that holds the lock.
    pub(super) fn take_down(
        &self,
        project: &Name,
        caller: &mut Caller<'_>,
    ) -> Result<Removed, Failure> {
        self.not_elsewhere(project)?;
        // Without a record that can be read, namespaces are found by their marks.
        let record = self.record(project).ok().flatten();
        if let Some(record) = &record {
            self.store().check_netns_directory(&record.inodes)?;
        }
        let kernel = self.kernel();
        let inodes: Vec<u64> = namespaces(&kernel, project, record.as_ref(), &Depth::Owners)?
            .iter()
            .filter(|n| n.owner.as_ref().is_some_and(|(p, _)| p == project))
            .filter_map(|n| match n.state {
                NamespaceState::Mounted(inode) => Some(inode),
                NamespaceState::PlainFile | NamespaceState::Covered | NamespaceState::Other => None,
            })
            .collect();
        let had_keeper = self.end_keeper(project, &inodes, caller.cancel)?;
        stop_leftovers(project.as_ref(), &inodes, &[]);
        // With the keeper its programs have ended; those that had ended before are of no use any more either.
        let ended = record.as_ref().filter(|_| had_keeper).map(ended);
        caller.reporter.report(Event::Removed {
            steps: ended.unwrap_or_default(),
        });
        let removed = self.remove(project, caller.reporter)?;
        match had_keeper {
            true => Ok(Removed::Project),
            false => Ok(removed),
        }
    }

    /// Removes everything in the kernel that has the project's mark, and the record.
    pub(super) fn remove(
        &self,
        project: &Name,
        reporter: &mut dyn Reporter,
    ) -> Result<Removed, Failure> {
        let mut state = self.observe(project, &Depth::Owners)?;
        // The kernel removes a namespace later, and the MAC addresses on a parent are in use until then.
        let on_parents = with_macvlans(state.record.as_ref());
        if !on_parents.is_empty() {
            state = self.observe(project, &Depth::Some(on_parents))?;
        }
        let ProjectState {
            record,
            mut observed,
            ..
        } = state;
        if record.is_none() {
            let (_, elsewhere) = marks::projects(self.marked_scope());
            let kernel = &mut self.kernel();
            observed.unclaimed = self.unclaimed(kernel, &observed, &elsewhere, Some(project))?;
        }
        let plan = diff(project, recorded(record.as_ref()), None, &observed);
        let recorded_before = record.is_some_and(|r| r.applied.is_some());
        self.execute(&plan, None)?;
        reporter.report(Event::Removed {
            steps: plan.steps.iter().map(Step::describe).collect(),
        });
        let notes = self.store().remove_host_settings(project);
        let removed = self.store().remove(project);
        self.release_netns_directory()?;
        removed?;
        notes?;
        match recorded_before || !plan.steps.is_empty() {
            true => Ok(Removed::Project),
            false => Ok(Removed::Nothing),
        }
    }

    /// With the last project the directory of namespaces is removed, if hallway made it and it is
    /// empty.
    fn release_netns_directory(&self) -> Result<(), Failure> {
        match self.projects().is_empty() {
            true => self.store().release_netns_directory(),
            false => Ok(()),
        }
    }
}

/// The ends of all programs, as steps.
fn ended(record: &Record) -> Vec<Described> {
    let settled = record.applied.iter().flat_map(Settled::programs);
    let steps = settled.map(|program| KeeperStep {
        task: KeeperTask::Program {
            action: StepAction::Stop,
            node: program.name.clone(),
            command: program.service.command.clone(),
        },
        cause: Cause::Down,
    });
    steps.map(|step| step.describe()).collect()
}

/// The namespaces of a project with macvlan interfaces.
fn with_macvlans(record: Option<&Record>) -> BTreeSet<NetnsName> {
    let known = record.map(|r| [&r.applied, &r.pending]);
    let nodes = known.into_iter().flatten().flatten().flat_map(|s| &s.nodes);
    let on_parents = nodes.filter(|node| {
        let mut all = node.interfaces.iter();
        node.joined.is_none() && all.any(|i| matches!(i.plug, Plug::Macvlan { .. }))
    });
    on_parents.filter_map(|n| n.netns.name().cloned()).collect()
}
