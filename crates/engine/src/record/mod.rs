//! The record: the project's file, and which names, addresses and inodes were allocated. What exists
//! is always read from the kernel, never from a record.
//!
//! Layout of a project's directory, `SCOPE/projects/NAME`:
//!
//! - `record.json`: which of the numbered files hold the rest.
//! - `settled-N.json`: what a run builds, with its text. A run writes one under a free number when it
//!   begins (`pending`); when the run is complete, `record.json` refers to it as `applied`.
//! - `inodes`: the namespaces that were made.
//! - `nodes/`, `endpoint.json`: what was changed since, one node at a time ([`endpoints`]).
//! - `hosts/`, `resolv/`, `logs/`: files of the nodes.

pub(crate) mod change;
mod endpoints;
mod format;
mod host_settings;
pub mod lease;
mod load;
mod member;
pub(crate) mod netns_directory;
mod outline;
pub(crate) mod store;

use std::path::{Path, PathBuf};

use hallway_plan::Settled;
use hallway_plan::settled::{Node, Publish};
use hallway_plan::step::Uplink;
use hallway_spec::{Document, Name, NetnsName};

use crate::Failure;

pub(crate) use format::Written;
use format::state::{self, Rest};
pub(crate) use load::load;
pub(crate) use member::Member;
pub(crate) use outline::{Outline, RecordedNode};
pub(crate) use store::Store;

/// The file of the namespaces that were made.
const INODES: &str = "inodes";
/// Bytes of a state that is read in a thread of its own.
const LARGE: u64 = 128 << 10;

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
    pub inodes: Vec<(NetnsName, u64)>,
    /// The text of the file before single edits, empty if there was none; `None` if `source` is a
    /// file as it was read.
    pub edited_from: Option<String>,
    /// Whether the keeper repairs what other programs change.
    pub repair: bool,
    /// Uplinks that forward because of the project.
    pub uplinks: Vec<Uplink>,
    /// Seconds since 1970 when the project was first built.
    pub created: u64,
    applied_number: Option<u64>,
    pending_number: Option<u64>,
    /// Grows with every change of `applied` that concerns more than one node.
    generation: u64,
    /// Whether the numbered files hold this content, in the present format.
    on_disk: bool,
}

impl Record {
    /// What is on record as built and as being built.
    pub(crate) fn settled_mut(&mut self) -> impl Iterator<Item = &mut Settled> {
        self.applied.iter_mut().chain(&mut self.pending)
    }

    /// A record without content.
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
            generation: 0,
            on_disk: true,
        }
    }

    /// The text.
    pub(crate) fn written(&self) -> Written {
        Written {
            source: self.source.clone(),
            edited_from: self.edited_from.clone(),
        }
    }

    /// What is built differs from the record; the next [`Store::save`] writes it.
    pub(crate) fn correct(&mut self, applied: Settled) {
        self.applied = Some(applied);
        self.on_disk = false;
    }

    /// What was being built is in place now.
    pub(crate) fn commit(&mut self) {
        self.applied = self.pending.take();
        self.applied_number = self.pending_number.take();
        self.generation += 1;
    }

    /// What was being built is no longer wanted.
    pub(crate) fn abandon(&mut self) {
        self.pending = None;
        self.pending_number = None;
    }
}

/// What the change of one node needs of the text; `None` for a text that cannot be read.
fn rest(settled: &Settled, source: &str) -> Option<Rest> {
    let (document, named) = hallway_spec::rest(&Document::read(source)?);
    let named = |node: &Node| named.contains(node.name.as_ref());
    let special = |p: &&Publish| p.host_address.is_some() || p.host_ports.len() > 1;
    Some(Rest {
        text: document.to_yaml(),
        named: settled
            .nodes
            .iter()
            .filter(|n| named(n))
            .map(|n| n.name.clone())
            .collect(),
        special_ports: settled
            .publishes
            .iter()
            .filter(special)
            .map(|p| (p.protocol, p.host_ports))
            .collect(),
    })
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
    // A directory that cannot be used is reported by its next use.
    let entries = store::list(&scope.join("projects")).unwrap_or_default();
    let mut out: Vec<Name> = entries
        .into_iter()
        // A file is not a project's directory.
        .filter(|e| e.access.is_none())
        .filter_map(|e| e.name.to_str()?.parse().ok())
        .filter(|project| store::is_there(&directory(scope, project).join("record.json")))
        .collect();
    out.sort();
    out
}

/// Whether reading a record takes so long that a thread of its own is worth its start.
pub(crate) fn is_large(scope: &Path, project: &Name) -> bool {
    // What cannot be read is reported by the reader.
    let entries = store::list(&directory(scope, project)).unwrap_or_default();
    entries.iter().any(|entry| {
        let path = directory(scope, project).join(&entry.name);
        let is_state = entry.name.to_string_lossy().starts_with("settled-");
        let file = is_state
            .then(|| store::open(&path).ok())
            .flatten()
            .flatten();
        file.and_then(|file| file.metadata().ok())
            .is_some_and(|metadata| metadata.len() > LARGE)
    })
}

/// The file that a project was built from, without the rest of its record.
///
/// # Errors
/// As [`load`].
pub(crate) fn built_from(scope: &Path, project: &Name) -> Result<Option<String>, Failure> {
    let path = directory(scope, project).join("record.json");
    let text = store::read(&path)?;
    let head = text.map(|text| format::read_record(&path, &text));
    Ok(head.transpose()?.and_then(|head| head.path))
}

impl Store {
    /// Notes in a record that a run starts to build this, and the text it is read from.
    pub(crate) fn intend(
        &self,
        record: &mut Record,
        settled: &Settled,
        written: &Written,
    ) -> Result<(), Failure> {
        let number = self.write_state(record, settled, written)?;
        record.pending = Some(settled.clone());
        record.pending_number = Some(number);
        Ok(())
    }

    /// Writes what is or will be built under a number that the record does not refer to.
    fn write_state(
        &self,
        record: &Record,
        settled: &Settled,
        written: &Written,
    ) -> Result<u64, Failure> {
        let used = [record.applied_number, record.pending_number];
        let number = (1..).find(|n| !used.contains(&Some(*n))).unwrap_or(1);
        let directory = directory(self.scope(), &settled.project);
        self.make_directory(&directory)?;
        let text = state::write(settled, written, rest(settled, &written.source))?;
        self.replace(&directory.join(settled_file(number)), &text)?;
        Ok(number)
    }

    /// Writes a record, all of it or nothing, and removes files it no longer refers to.
    pub(crate) fn save(&self, project: &Name, record: &mut Record) -> Result<(), Failure> {
        let directory = directory(self.scope(), project);
        self.make_directory(&directory)?;
        if !record.on_disk
            && let Some(applied) = &record.applied
        {
            record.applied_number = Some(self.write_state(record, applied, &record.written())?);
            record.generation += 1;
            record.on_disk = true;
        }
        // Before the record that refers to it: it names only namespaces that were made.
        self.replace(
            &directory.join(INODES),
            &format::write_inodes(&record.inodes),
        )?;
        let head = format::Head {
            path: record.path.clone(),
            applied: record.applied_number,
            pending: record.pending_number,
            repair: record.repair,
            generation: record.generation,
            uplinks: record.uplinks.clone(),
            created: record.created,
            older: None,
        };
        self.replace(
            &directory.join("record.json"),
            &format::write_record(&head)?,
        )?;
        self.clear_endpoints(project)?;
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

    /// Removes everything about a project, as far as that is possible.
    pub(crate) fn remove(&self, project: &Name) -> Result<(), Failure> {
        let mut left = self.clear_tree(&directory(self.scope(), project));
        self.remove_if_empty(&self.scope().join("projects"));
        let others = projects(self.scope());
        left.extend(lease::remove_all(self, project, &others));
        Failure::of_many(left).map_or(Ok(()), Err)
    }
}
