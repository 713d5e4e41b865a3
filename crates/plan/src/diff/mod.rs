//! What is wanted against what is there: the steps between, in the order that never leaves a
//! packet unguarded.
//!
//! Going up: swallow-routes, rules, what goes away, what comes, forwarding. The new rules come
//! first because they name what will be there and no longer name what will go: between the two
//! nothing is open that should not be. Going down: publishing first, then links, connections,
//! rules, and the swallow-routes last.

mod build;
mod present;
mod removal;

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
        Some(wanted) => build::up(&mut plan, &present, wanted, seen),
        None => removal::down(&mut plan, &present),
    }
    plan
}
