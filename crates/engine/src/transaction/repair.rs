//! Repair of what other programs changed, while a project is up: the same comparison and the same
//! steps as in `up`, without reading the file again.

use hallway_plan::Settled;
use hallway_plan::compare::{Difference, Fact, ObjectPlace};
use hallway_plan::diff::{diff, drift};
use hallway_plan::settle::{followed, renamed};
use hallway_spec::{Joined, Name};

use super::Caller;
use super::attempt::{AfterFailure, carry_out};
use super::build::inodes;
use super::programs::desired;
use crate::engine::recorded;
use crate::event::Event;
use crate::observe::Depth;
use crate::{Engine, Failure, ProjectState, Reason};

/// How much is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// The namespace that holds the bridges, with the tables.
    Host,
    /// The same, and every node.
    All,
}

impl Engine {
    /// What differs in the kernel from what the last complete run built, apart from programs and
    /// listeners, which the keeper supervises itself. Empty while a run has not finished, and for a
    /// project that is not to be repaired.
    ///
    /// # Errors
    /// When the kernel's state or the record cannot be read.
    pub fn drift(&self, project: &Name, extent: Extent) -> Result<Vec<Difference>, Failure> {
        let depth = match extent {
            Extent::Host => Depth::Owners,
            Extent::All => Depth::Inside,
        };
        self.repairable(self.observe(project, &depth)?)
            .map(|(_, differences)| differences)
    }

    /// Whether the kernel has nothing of a project any more.
    ///
    /// # Errors
    /// When the kernel cannot be read.
    pub fn is_gone(&self, project: &Name) -> Result<bool, Failure> {
        let state = self.observe(project, &Depth::Owners)?;
        Ok(state.observed.marks(project).is_empty())
    }

    /// Repairs what differs, under the lock of the scope; what was repaired, empty when nothing
    /// differed.
    ///
    /// # Errors
    /// The step that failed; or the kernel does not keep what was repaired.
    pub fn repair(
        &self,
        project: &Name,
        caller: &mut Caller<'_>,
    ) -> Result<Vec<Difference>, Failure> {
        let _lock = self.lock(Some(project), caller)?;
        let (state, differences) = self.repairable(self.observe(project, &Depth::Inside)?)?;
        let ProjectState {
            record, observed, ..
        } = state;
        let built = record.and_then(|r| Some((r.applied.clone()?, r)));
        let Some((applied, mut record)) = built.filter(|_| !differences.is_empty()) else {
            return Ok(Vec::new());
        };
        self.store().check_netns_directory(&record.inodes)?;
        let settled = renamed(&followed(&applied, &observed), &observed);
        let mut plan = diff(project, recorded(Some(&record)), Some(&settled), &observed);
        // Programs of a namespace that is created again are started there.
        plan.keeper.clear();
        caller.report(Event::Planned {
            steps: plan.steps.len(),
        });
        self.store().note_host_settings(project, &plan, &observed)?;
        let uplinks = plan.uplinks(recorded(Some(&record)), project, &observed);
        if !settled.nodes.is_empty() {
            self.make_netns_directory()?;
        }
        let (made, failed) = carry_out(
            &mut self.kernel(),
            &plan,
            Some(caller),
            AfterFailure::OtherParts,
        )?;
        if !plan.names.is_empty() {
            self.write_files(&settled)?;
        }
        let told = !made.is_empty() || !plan.names.is_empty() || settled != applied;
        let before = record.clone();
        if settled != applied {
            record.correct(settled.clone());
        }
        record.inodes = inodes(&record, &observed, &settled, made);
        record.uplinks = uplinks;
        if record != before {
            self.store().save(project, &mut record)?;
        }
        if (told || record.uplinks != before.uplinks)
            && let Some(client) = self.keeper(project, caller.cancel)?
        {
            let mut wanted = desired(self, &settled, &record)?;
            // Listeners do not change with a namespace.
            wanted.forwards = client.forwards()?;
            client.sync(&wanted, Vec::new())?;
        }
        if let Some(failure) = failed {
            return Err(failure);
        }
        let (_, mut left) = self.repairable(self.observe(project, &Depth::Inside)?)?;
        // What has been changed since is left to the next repair.
        left.retain(|d| differences.contains(d));
        match left.is_empty() {
            true => Ok(differences),
            false => Err(Reason::NotKept { differences: left }.into()),
        }
    }

    /// The differences that a repair handles.
    fn repairable(&self, state: ProjectState) -> Result<(ProjectState, Vec<Difference>), Failure> {
        if let Some(failure) = state.unreadable {
            return Err(failure);
        }
        let record = state.record.as_ref();
        if record.is_none_or(|r| r.pending.is_some() || !r.repair) {
            return Ok((state, Vec::new()));
        }
        let mut differences = drift(recorded(record), &state.observed).differences;
        let applied = record.and_then(|r| r.applied.as_ref());
        let others = applied.map_or_else(Vec::new, |a| of_others(a, &differences));
        differences.retain(|d| {
            // What others made, others make again.
            if let Fact::LinkMissing { link, .. } | Fact::AddressMissing { link, .. } = &d.fact
                && others.contains(&(d.place.clone(), link.clone()))
            {
                return false;
            }
            let gone = matches!(
                &d.fact,
                Fact::JoinedReplaced {
                    reference: Joined::Process(_)
                }
            );
            !gone
                && !d.fact.is_left_to_others()
                && !matches!(
                    d.fact,
                    Fact::NamespaceUnseen
                        | Fact::JoinedMissing { .. }
                        | Fact::ProgramStopped { .. }
                        | Fact::ListenerMissing { .. }
                        | Fact::GuardMissing { .. }
                        | Fact::GuardChanged { .. }
                )
        });
        Ok((state, differences))
    }
}

/// Links that are missing and that hallway cannot make: bridges and parents of other programs, and what is on
/// a parent.
fn of_others(applied: &Settled, differences: &[Difference]) -> Vec<(ObjectPlace, String)> {
    let is_missing = |name: &str| {
        let missing =
            |d: &Difference| matches!(&d.fact, Fact::LinkMissing { link, .. } if link == name);
        differences
            .iter()
            .any(|d| d.place == ObjectPlace::Host && missing(d))
    };
    let mut out = Vec::new();
    // The addresses of a bridge of other programs are theirs.
    let external = applied.networks.iter().filter(|n| n.external);
    let bridges = external.filter_map(|n| n.bridge.clone());
    out.extend(bridges.map(|bridge| (ObjectPlace::Host, bridge)));
    for network in &applied.networks {
        let base = network.vlan.as_ref().map(|v| &v.parent);
        let names = [base, network.bridge.as_ref().filter(|_| network.external)];
        let mut names = names.into_iter().flatten();
        let Some(name) = names.find(|name| is_missing(name)) else {
            continue;
        };
        let on_host = [Some(name), network.bridge.as_ref()].into_iter().flatten();
        out.extend(on_host.map(|link| (ObjectPlace::Host, link.clone())));
        for node in applied.nodes.iter().filter(|_| network.parent().is_some()) {
            let on = node.memberships().filter(|(_, of)| **of == network.name);
            out.extend(on.map(|(interface, _)| {
                let (node, netns) = (node.name.clone(), node.netns.clone());
                (ObjectPlace::Node { node, netns }, interface.name.clone())
            }));
        }
    }
    out
}
