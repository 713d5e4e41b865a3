//! What was added by single commands and is not in the file that is applied next.

use hallway_plan::{Settled, Surroundings, diff as plan, settle};

use crate::Record;

/// See [`Planned::dropped`]. The text was valid when it was applied; if this version of hallway
/// cannot read it, nothing is reported.
pub(crate) fn dropped(record: Option<&Record>, wanted: &Settled) -> Vec<String> {
    let edited = record.and_then(|r| Some((r.applied.as_ref()?, r.edited_from.as_ref()?)));
    let Some((before, text)) = edited else {
        return Vec::new();
    };
    let base = match text.is_empty() {
        true => None,
        false => hallway_spec::parse("", text).ok().map(|p| p.topology),
    };
    let around = Surroundings::default();
    let base = base.and_then(|mut topology| {
        topology.name = wanted.project.clone();
        settle(&topology, Some(before), &around).ok()
    });
    match base {
        Some(base) => plan::dropped(&base, before, wanted),
        None if text.is_empty() => {
            let nothing = Settled {
                networks: Vec::new(),
                nodes: Vec::new(),
                cables: Vec::new(),
                publishes: Vec::new(),
                policies: Vec::new(),
                ..before.clone()
            };
            plan::dropped(&nothing, before, wanted)
        }
        None => Vec::new(),
    }
}
