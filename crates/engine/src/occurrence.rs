//! What happened to a project without a command: repairs, and repairs that failed. One line of JSON
//! each, in the project's directory.

use std::path::PathBuf;
use std::time::SystemTime;

use hallway_plan::compare::{Difference, ObjectPlace};
use hallway_spec::Name;
use serde::{Deserialize, Serialize};

use crate::failure::FileAction;
use crate::record::store::failed;
use crate::{Engine, Failure, Reason};

/// The version of the lines.
const VERSION: u32 = 1;
/// When the file has more bytes than this, a new one is started; the previous one is kept.
const LARGEST: u64 = 1 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrence {
    /// The version of this format.
    pub schema_version: u32,
    /// Milliseconds since 1970.
    pub time: u64,
    /// What kind of event.
    pub event: OccurrenceKind,
    /// `host`, or `node` for the namespace of a node.
    pub place: String,
    /// The node.
    pub node: Option<String>,
    /// What differed, like `mtu of eth0`.
    pub object: String,
    /// What must exist.
    pub wanted: String,
    /// What was found.
    pub found: String,
    /// Everything in words.
    pub message: String,
}

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OccurrenceKind {
    /// Another program changed it, and it has been repaired.
    Repaired,
    /// A repair failed.
    RepairFailed,
    /// Another program makes the same change repeatedly: the next repair waits.
    RepairPaused,
    /// Connections to a listener of the keeper are closed, since too many are open.
    ListenerFull,
}

impl Occurrence {
    /// A difference that has been repaired.
    #[must_use]
    pub fn repaired(difference: &Difference) -> Self {
        let (wanted, found) = difference.wanted_and_found();
        let (place, node) = match &difference.place {
            ObjectPlace::Host => ("host", None),
            ObjectPlace::Node { node, .. } => ("node", Some(node.to_string())),
        };
        Self {
            place: place.to_owned(),
            node,
            object: difference.object(),
            wanted,
            found,
            ..Self::of(OccurrenceKind::Repaired, format!("repaired: {difference}"))
        }
    }

    /// An event about the project as a whole.
    #[must_use]
    pub fn of(event: OccurrenceKind, message: String) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Self {
            schema_version: VERSION,
            time: now.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
            event,
            place: "host".to_owned(),
            node: None,
            object: String::new(),
            wanted: String::new(),
            found: String::new(),
            message,
        }
    }
}

impl Engine {
    /// The file of a project's events.
    #[must_use]
    pub fn events_file(&self, project: &Name) -> PathBuf {
        self.directory(project).join("events.jsonl")
    }

    /// Adds events to the project's file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn record_events(&self, project: &Name, events: &[Occurrence]) -> Result<(), Failure> {
        let (kernel, path) = (self.kernel(), self.events_file(project));
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)
                .map_err(|_not_json| Reason::Bug("an event is not JSON"))?;
            lines.push(b'\n');
        }
        if std::fs::metadata(&path).is_ok_and(|m| m.len() > LARGEST) {
            let renamed = kernel.rename(&path, &path.with_extension("jsonl.1"));
            renamed.map_err(failed(FileAction::Write, &path))?;
        }
        let written = kernel.append_file(&path, &lines);
        written.map_err(failed(FileAction::Write, &path))
    }
}
