//! The steps from what the kernel holds to what is wanted, in an order in which no packet passes
//! that neither the old nor the new state allows.
//!
//! `up`: unreachable routes, rules, removals, creations, changes in place, forwarding, connections.
//! The new rules come first: they already allow what is created later and no longer allow what is
//! removed later. `down`: published ports first, then links, connections and rules; unreachable
//! routes last.
//!
//! What exists is taken from observation alone. The record ([`Recorded`]) only says which objects
//! an earlier run made, so that those no longer wanted are removed, and why a step is needed: a
//! difference to what was built is drift, a difference to what is on record is an edit.

mod adjustment;
mod again;
mod create;
mod created;
pub mod endpoint;
mod joined;
mod leftovers;
mod lines;
mod moved;
mod names;
mod programs;
mod removal;
mod repair;
mod rules;
mod scope;
mod through;
mod traffic;
mod up;
mod uplinks;

use hallway_spec::{IpVersion, Name};

pub use lines::{described, dropped};
pub use scope::affected;

use crate::compare::{Comparison, Difference, compare};
use crate::observed::Observed;
use crate::settled::Settled;
use crate::step::{Cause, KeeperStep, NameStep, Op, Step, Uplink};

/// What the previous runs left on record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recorded<'a> {
    /// What the last complete run built.
    pub applied: Option<&'a Settled>,
    /// What an unfinished run was building.
    pub pending: Option<&'a Settled>,
    /// Inode numbers of the namespaces the last complete run made, by name.
    pub inodes: &'a [(String, u64)],
    /// Uplinks that forward because of this project. The project's table notes them too, but
    /// another program may remove that.
    pub uplinks: &'a [Uplink],
}

impl<'a> Recorded<'a> {
    /// What is on record as built or being built.
    fn all(self) -> impl Iterator<Item = &'a Settled> {
        self.applied.into_iter().chain(self.pending)
    }
}

/// How the tables have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RulesChange {
    /// They are as they must be.
    None,
    /// The file specifies other rules.
    Edited,
    /// They differed from what was built: other packets may have passed meanwhile.
    Drifted,
}

/// Steps, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order they are carried out.
    pub steps: Vec<Step>,
    /// The changes after that of the names that programs find.
    pub names: Vec<NameStep>,
    /// What the keeper does after that.
    pub keeper: Vec<KeeperStep>,
    /// Differences that are left to others.
    pub left: Vec<Difference>,
}

impl Plan {
    /// The uplinks that forward because of the project once the plan has been carried out.
    #[must_use]
    pub fn uplinks(&self, recorded: Recorded<'_>, project: &Name, seen: &Observed) -> Vec<Uplink> {
        let mut all = uplinks::ours(recorded, project, seen);
        all.extend(self.turned_on().cloned());
        all.into_iter().collect()
    }

    fn turned_on(&self) -> impl Iterator<Item = &Uplink> {
        self.steps.iter().flat_map(|step| match &step.op {
            Op::ForwardUplinks { uplinks, .. } => uplinks.as_slice(),
            _ => &[],
        })
    }

    /// Whether the plan turns the forwarding of a link on.
    #[must_use]
    pub fn turns_on(&self, link: &str, version: IpVersion) -> bool {
        self.turned_on()
            .any(|u| u.link == link && u.version == version)
    }

    /// Whether everything is as it must be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.names.is_empty() && self.keeper.is_empty()
    }

    fn push(&mut self, op: Op, cause: Cause) {
        self.steps.push(Step { op, cause });
    }
}

/// The steps from what the kernel holds to what is wanted; with `None` everything of the project is
/// removed.
#[must_use]
pub fn diff(
    project: &Name,
    recorded: Recorded<'_>,
    wanted: Option<&Settled>,
    seen: &Observed,
) -> Plan {
    match wanted {
        Some(wanted) => up::plan(recorded, wanted, seen),
        None => removal::plan(project, recorded, seen),
    }
}

/// What differs between the kernel and what the last complete run built.
#[must_use]
pub fn drift(recorded: Recorded<'_>, seen: &Observed) -> Comparison {
    let Some(applied) = recorded.applied else {
        return Comparison::default();
    };
    let pending: Vec<&Settled> = recorded.pending.into_iter().collect();
    let mut found = compare(applied, &pending, recorded.inodes, seen);
    found.differences = drift_of(recorded, applied, found.differences, seen);
    found
}

/// All differences from what was built; `objects` are those of its objects.
fn drift_of(
    recorded: Recorded<'_>,
    applied: &Settled,
    objects: Vec<Difference>,
    seen: &Observed,
) -> Vec<Difference> {
    let mut out = objects;
    out.extend(crate::compare::rules::differences(applied, seen));
    out.extend(through::drift(applied, seen));
    out.extend(uplinks::drift(recorded, applied, seen));
    out.extend(crate::compare::files::differences(applied, seen));
    out.extend(crate::compare::programs::differences(applied, seen));
    out.extend(crate::compare::guard::difference(applied, seen));
    out
}
