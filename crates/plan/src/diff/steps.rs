//! The steps of a run.

use hallway_spec::Name;

use super::{Plan, Recorded, removal, up};
use crate::observed::Observed;
use crate::settled::Settled;

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
