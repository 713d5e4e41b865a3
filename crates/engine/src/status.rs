//! Whether a project is complete: what the kernel holds of it, and what differs from what the last
//! complete run built.

use hallway_plan::compare::{Difference, Fact, ObjectPlace, attached, unhealthy};
use hallway_plan::diff::drift;
use hallway_plan::observed::{Marks, Seen};
use hallway_spec::Name;

use crate::engine::recorded;
use crate::read::diverted::diverted;
use crate::transaction::without_packets;
use crate::{Engine, Failure, ProjectState, Reason, Record};

/// The state of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// Everything is as it was built, and every program runs that no command stopped.
    Up,
    /// Something differs from what was built, a program does not run, or the keeper does not answer.
    Degraded,
    /// A run did not finish; the next `up` or `down` completes it.
    Unfinished,
    /// It is on record, but nothing of it is in the kernel: the machine was restarted.
    Down,
    /// Something of it is in the kernel, but there is no record that can be read.
    Unknown,
}

impl Completeness {
    /// In one word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Unfinished => "unfinished",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// The present state of a project.
///
/// ```no_run
/// # fn show(engine: &hallway_engine::Engine, project: &hallway_spec::Name) -> Result<(), hallway_engine::Failure> {
/// match engine.status(project)? {
///     None => println!("{project} is down"),
///     Some(status) => println!("{project} is {}, {} differences", status.state.word(), status.differences.len()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Status {
    /// Its state.
    pub state: Completeness,
    /// The record, if there is one that can be read.
    pub record: Option<Record>,
    /// Why the record cannot be used, if it cannot.
    pub unreadable: Option<Failure>,
    /// Why the project's keeper did not answer, if it did not: its programs and listeners were
    /// not examined then.
    pub silent: Option<Failure>,
    /// What differs from what the last complete run built. Programs that a command stopped do not.
    pub differences: Vec<Difference>,
    /// Programs that a command stopped (`hallway stop`).
    pub stopped: Vec<Name>,
    /// What has its mark in the kernel.
    pub marks: Marks,
}

impl Engine {
    /// Examines a project; `None` when there is neither a record nor a mark of it.
    ///
    /// # Errors
    /// When the kernel's state cannot be read. A record that cannot be read is not an error here.
    pub fn status(&self, project: &Name) -> Result<Option<Status>, Failure> {
        let ProjectState {
            record,
            unreadable,
            silent,
            observed,
        } = self.inspect(project)?;
        let marks = observed.marks(project);
        if record.is_none() && unreadable.is_none() && marks.is_empty() {
            return Ok(None);
        }
        let mut differences = drift(recorded(record.as_ref()), &observed).differences;
        let mut stopped = Vec::new();
        differences.retain(|d| match (&d.place, &d.fact) {
            (
                ObjectPlace::Node { node, .. },
                Fact::ProgramStopped {
                    by_command: true, ..
                },
            ) => {
                stopped.push(node.clone());
                false
            }
            _ => true,
        });
        if let Some(applied) = record.as_ref().and_then(|r| r.applied.as_ref()) {
            let found = diverted(&mut self.kernel(), &observed, applied);
            let found = found.map_err(|e| Failure::caused(Reason::Kernel, e))?;
            differences.extend(found.into_iter().map(|diverted| Difference {
                place: ObjectPlace::Host,
                fact: Fact::Diverted(diverted),
            }));
            differences.extend(unhealthy(applied, &observed));
            differences.extend(attached(applied, &observed));
            differences.extend(without_packets(self.kernel(), applied));
            differences.extend(self.unmarking(applied)?);
        }
        let gone = marks.is_empty() && observed.keeper == Seen::Absent;
        let state = match &record {
            None => Completeness::Unknown,
            Some(record) if record.pending.is_some() || record.applied.is_none() => {
                Completeness::Unfinished
            }
            Some(_) if differences.is_empty() && silent.is_none() => Completeness::Up,
            Some(_) if gone => Completeness::Down,
            Some(_) => Completeness::Degraded,
        };
        Ok(Some(Status {
            state,
            record,
            unreadable,
            silent,
            differences,
            stopped,
            marks,
        }))
    }
}
