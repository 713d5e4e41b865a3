//! The steps from what is there to what is wanted, in an order in which no packet passes that
//! neither the old nor the new state allows.
//!
//! `up`: unreachable routes, rules, removals, creations, forwarding. The new rules come first:
//! they already allow what is created later and no longer allow what is removed later. `down`:
//! published ports first, then links, connections and rules; unreachable routes last.

mod build;
mod create;
mod present;
mod removal;
mod traffic;

use std::collections::BTreeSet;

use hallway_spec::Name;

use crate::observed::Observed;
use crate::settled::Settled;
use crate::step::{Op, Step};

pub use present::Present;

/// What the previous runs left on record.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recorded<'a> {
    /// What the last complete run built.
    pub applied: Option<&'a Settled>,
    /// What an unfinished run was building.
    pub pending: Option<&'a Settled>,
    /// Inode numbers of the namespaces the last complete run made, by name.
    pub inodes: &'a [(String, u64)],
}

/// What stays as it is through this run.
struct Kept {
    networks: BTreeSet<Name>,
    nodes: BTreeSet<Name>,
    /// Node and interface name.
    interfaces: BTreeSet<(Name, String)>,
}

/// Steps, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// In the order they are carried out.
    pub steps: Vec<Step>,
}

impl Plan {
    fn push(&mut self, op: Op, cause: impl Into<String>) {
        self.steps.push(Step {
            op,
            cause: cause.into(),
        });
    }
}

/// The steps from what is there to what is wanted; `None` wants nothing of the project left.
#[must_use]
pub fn diff(
    project: &Name,
    recorded: Recorded<'_>,
    wanted: Option<&Settled>,
    seen: &Observed,
) -> Plan {
    let present = Present::new(project, recorded, seen);
    let mut plan = Plan::default();
    match wanted {
        Some(wanted) => build::up(&mut plan, &present, wanted),
        None => removal::down(&mut plan, &present),
    }
    plan
}
