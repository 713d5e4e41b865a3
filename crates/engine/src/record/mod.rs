//! The record: the project's file, and which names, addresses and inodes were allocated. What exists
//! is always read from the kernel, never from a record.
//!
//! Layout of a project's directory, `SCOPE/projects/NAME`:
//!
//! - `record.json`: the text of the file, and which of the numbered files hold the rest.
//! - `settled-N.json`: what a run builds. A run writes one under a free number when it begins
//!   (`pending`); when the run is complete, `record.json` refers to it as `applied`.
//! - `hosts/`, `resolv/`, `logs/`: files of the nodes.

mod format;
mod host_settings;
pub mod lease;
pub(crate) mod netns_directory;
pub(crate) mod store;

use std::path::{Path, PathBuf};

use hallway_plan::Settled;
use hallway_plan::step::Uplink;
use hallway_spec::Name;

use crate::{Failure, Reason};

pub(crate) use store::Store;

/// One project's record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The project's file, as last applied.
    pub source: String,
    /// Where it was read from, for relative paths and messages.
    pub path: Option<String>,
    /// What the last complete run built.
    pub applied: Option<Settled>,
    /// What an unfinished run was building.
    pub pending: Option<Settled>,
    /// Inode numbers of the namespaces that were in place after the last complete run, by name.
    pub inodes: Vec<(String, u64)>,
    /// The text of the file before it was edited one thing at a time, empty if there was none;
    /// `None` when `source` is a file as it was read.
    pub edited_from: Option<String>,
    /// Whether the keeper repairs what other programs change.
    pub repair: bool,
    /// Uplinks that forward because of the project.
    pub uplinks: Vec<Uplink>,
    /// Seconds since 1970 when the project was first built.
    pub created: u64,
    applied_number: Option<u64>,
    pending_number: Option<u64>,
}

impl Record {
    /// A record of nothing yet.
    #[must_use]
    pub fn new(source: String, path: Option<String>) -> Self {
        let created = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Self {
            source,
            path,
            applied: None,
            applied_number: None,
            pending: None,
            pending_number: None,
            inodes: Vec::new(),
            repair: true,
            uplinks: Vec::new(),
            edited_from: None,
            created,
        }
    }

    /// What was being built is in place.
    pub(crate) fn commit(&mut self) {
        self.applied = self.pending.take();
        self.applied_number = self.pending_number.take();
    }

    /// What was being built is no longer wanted.
    pub(crate) fn abandon(&mut self) {
        self.pending = None;
        self.pending_number = None;
    }
}

fn settled_file(number: u64) -> String {
    format!("settled-{number}.json")
}

/// The directory of one project's state.
pub(crate) fn directory(scope: &Path, project: &Name) -> PathBuf {
    scope.join("projects").join(project.as_ref())
}

/// Every project with a record.
pub(crate) fn projects(scope: &Path) -> Vec<Name> {
    // A directory that cannot be used is reported by what is done with it next.
    let entries = store::list(&scope.join("projects")).unwrap_or_default();
    let mut out: Vec<Name> = entries
        .into_iter()
        .filter_map(|e| e.name.to_str()?.parse().ok())
        .filter(|project| store::is_there(&directory(scope, project).join("record.json")))
        .collect();
    out.sort();
    out
}

/// Reads a record; `None` if there is none.
///
/// # Errors
/// [`Reason::RecordVersion`] for a format that this program cannot read,
/// [`Reason::RecordDamaged`] for one that cannot be read.
pub(crate) fn load(scope: &Path, project: &Name) -> Result<Option<Record>, Failure> {
    let directory = directory(scope, project);
    let path = directory.join("record.json");
    let Some(text) = store::read(&path)? else {
        return Ok(None);
    };
    let head = format::read_record(&path, &text)?;
    let settled = |number: Option<u64>| -> Result<Option<Settled>, Failure> {
        let Some(number) = number else {
            return Ok(None);
        };
        let path = directory.join(settled_file(number));
        match store::read(&path)? {
            Some(text) => format::read_settled(&path, &text).map(Some),
            None => Err(Reason::RecordDamaged {
                path,
                error: "the file does not exist".into(),
            }
            .into()),
        }
    };
    Ok(Some(Record {
        applied: settled(head.applied)?,
        pending: settled(head.pending)?,
        source: head.source,
        path: head.path,
        inodes: head.inodes,
        repair: head.repair,
        uplinks: head.uplinks,
        edited_from: head.edited_from,
        created: head.created,
        applied_number: head.applied,
        pending_number: head.pending,
    }))
}

impl Store {
    /// Notes in a record that a run begins to build this.
    pub(crate) fn intend(&self, record: &mut Record, settled: &Settled) -> Result<(), Failure> {
        let used = [record.applied_number, record.pending_number];
        let number = (1..).find(|n| !used.contains(&Some(*n))).unwrap_or(1);
        let directory = directory(self.scope(), &settled.project);
        self.make_directory(&directory)?;
        let text = format::write_settled(settled)?;
        self.replace(&directory.join(settled_file(number)), &text)?;
        record.pending = Some(settled.clone());
        record.pending_number = Some(number);
        Ok(())
    }

    /// Writes a record, all of it or nothing, and removes files it no longer refers to.
    pub(crate) fn save(&self, project: &Name, record: &Record) -> Result<(), Failure> {
        let directory = directory(self.scope(), project);
        self.make_directory(&directory)?;
        let head = format::Head {
            source: record.source.clone(),
            path: record.path.clone(),
            applied: record.applied_number,
            pending: record.pending_number,
            inodes: record.inodes.clone(),
            repair: record.repair,
            uplinks: record.uplinks.clone(),
            edited_from: record.edited_from.clone(),
            created: record.created,
        };
        self.replace(
            &directory.join("record.json"),
            &format::write_record(&head)?,
        )?;
        let kept: Vec<String> = [record.applied_number, record.pending_number]
            .into_iter()
            .flatten()
            .map(settled_file)
            .collect();
        for entry in store::list(&directory)? {
            let name = entry.name.to_string_lossy().into_owned();
            if name.starts_with("settled-") && !kept.contains(&name) {
                self.remove_file(&directory.join(&name))?;
            }
        }
        Ok(())
    }

    /// Removes everything about a project.
    pub(crate) fn remove(&self, project: &Name) -> Result<(), Failure> {
        self.remove_tree(&directory(self.scope(), project))?;
        self.remove_if_empty(&self.scope().join("projects"));
        lease::remove_all(self, project)
    }
}
