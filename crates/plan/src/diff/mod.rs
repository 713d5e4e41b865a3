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
mod drifted;
pub mod endpoint;
mod firewall_accepts;
mod joined;
mod leftovers;
mod lines;
mod moved;
mod names;
mod programs;
mod published;
mod removal;
mod repair;
mod rules;
mod scope;
mod steps;
mod traffic;
mod up;
mod uplinks;

use std::collections::BTreeSet;

use hallway_spec::{IpVersion, NetnsName};

pub use drifted::drift;
pub use lines::{described, dropped};
pub use scope::affected;
pub use steps::diff;
pub use uplinks::forwards_for_others;

use crate::compare::Difference;
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
    pub inodes: &'a [(NetnsName, u64)],
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

/// What leads from the observed state to the settled one, in the order in which it is carried out.
///
/// ```
/// use hallway_plan::diff::Recorded;
/// use hallway_plan::{Observed, Surroundings, diff, settle};
///
/// let text = "networks: { apps: { subnet: 10.0.0.0/24 } }\nnodes: { web: { networks: [apps] } }";
/// let topology = hallway_spec::parse("shop.yaml", text)?.topology;
/// let nothing = Observed::default();
/// let settled = settle(&topology, None, &Surroundings::new(&topology.name, &nothing, &[])).unwrap();
/// let plan = diff(&settled.project, Recorded::default(), Some(&settled), &nothing);
/// assert!(!plan.is_empty());
/// assert_eq!(plan.created().len(), 1); // the namespace of web
/// # Ok::<(), hallway_spec::Problems>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order they are carried out.
    pub steps: Vec<Step>,
    /// The changes after that of the names that programs find.
    pub names: Vec<NameStep>,
    /// What the keeper does after that.
    pub keeper: Vec<KeeperStep>,
    /// Differences that hallway does not change.
    pub left: Vec<Difference>,
    /// What other programs changed in the rules, which a step corrects.
    pub of_rules: Vec<Difference>,
}

impl Plan {
    fn turned_on(&self) -> impl Iterator<Item = &Uplink> {
        self.steps.iter().flat_map(|step| match &step.op {
            Op::ForwardUplinks { uplinks, .. } => uplinks.as_slice(),
            _ => &[],
        })
    }

    /// The names in /run/netns of the namespaces that the plan creates.
    #[must_use]
    pub fn created(&self) -> BTreeSet<&NetnsName> {
        let created = self.steps.iter().filter_map(|step| match &step.op {
            Op::CreateNamespace(new) => Some(&new.netns),
            _ => None,
        });
        created.collect()
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
