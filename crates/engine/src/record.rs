//! What is remembered between runs: the project's text, what the last complete run built, and
//! what an unfinished one was building.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use hallway_plan::Settled;
use hallway_spec::Name;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// The record's own format.
const VERSION: u32 = 1;

/// One project's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// The project's file, as last applied.
    pub source: String,
    /// Where it was read from, for relative paths and messages.
    pub path: Option<String>,
    /// What the last complete run built; in a file of its own, which the run wrote when it began.
    #[serde(skip)]
    pub applied: Option<Settled>,
    applied_number: Option<u64>,
    /// What an unfinished run was building; in a file of its own too.
    #[serde(skip)]
    pub pending: Option<Settled>,
    pending_number: Option<u64>,
    /// Inode numbers of the namespaces that are in place, by name.
    pub inodes: Vec<(String, u64)>,
    /// Seconds since 1970 when the project was first built.
    pub created: u64,
}

impl Record {
    /// A record of nothing yet.
    #[must_use]
    pub fn new(source: String, path: Option<String>) -> Self {
        let created = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |d| d.as_secs());
        Self {
            version: VERSION,
            source,
            path,
            applied: None,
            applied_number: None,
            pending: None,
            pending_number: None,
            inodes: Vec::new(),
            created,
        }
    }

    /// From here on that is being built.
    pub(crate) fn intend(
        &mut self,
        scope: &Path,
        project: &Name,
        settled: &Settled,
    ) -> Result<(), Failure> {
        let used = [self.applied_number, self.pending_number];
        let number = (1..).find(|n| !used.contains(&Some(*n))).unwrap_or(1);
        let directory = directory(scope, project);
        make_directory(&directory)?;
        write_whole(&directory.join(settled_file(number)), &json(settled)?)?;
        self.pending = Some(settled.clone());
        self.pending_number = Some(number);
        Ok(())
    }

    /// What was being built is there.
    pub(crate) fn fulfil(&mut self) {
        self.applied = self.pending.take();
        self.applied_number = self.pending_number.take();
    }

    /// What was being built is not wanted any more.
    pub(crate) fn abandon(&mut self) {
        self.pending = None;
        self.pending_number = None;
    }
}

fn settled_file(number: u64) -> String {
    format!("settled-{number}.json")
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(value)
        .map_err(|e| Failure::new("bug", format!("the record cannot be written: {e}")))
}

/// The directory of one project's state.
pub(crate) fn directory(scope: &Path, project: &Name) -> PathBuf {
    scope.join("projects").join(project.as_ref())
}

/// Every project with a record.
pub(crate) fn projects(scope: &Path) -> Vec<Name> {
    let entries = std::fs::read_dir(scope.join("projects"));
    let mut out: Vec<Name> = entries
        .into_iter()
        .flatten()
        .filter_map(|e| e.ok()?.file_name().to_str()?.parse().ok())
        .filter(|project| directory(scope, project).join("record.json").exists())
        .collect();
    out.sort();
    out
}

/// Reads a record; one that cannot be read is as good as none, and what it described is found by
/// its marks.
pub(crate) fn load(scope: &Path, project: &Name) -> Option<Record> {
    let directory = directory(scope, project);
    let text = std::fs::read(directory.join("record.json")).ok()?;
    let mut record = serde_json::from_slice::<Record>(&text)
        .ok()
        .filter(|r| r.version == VERSION)?;
    let settled = |number: Option<u64>| -> Option<Settled> {
        let text = std::fs::read(directory.join(settled_file(number?))).ok()?;
        serde_json::from_slice(&text).ok()
    };
    record.applied = settled(record.applied_number);
    record.pending = settled(record.pending_number);
    Some(record)
}

/// Writes a record, all of it or nothing, and removes what it no longer refers to.
pub(crate) fn save(scope: &Path, project: &Name, record: &Record) -> Result<(), Failure> {
    let directory = directory(scope, project);
    make_directory(&directory)?;
    write_whole(&directory.join("record.json"), &json(record)?)?;
    let kept: Vec<String> = [record.applied_number, record.pending_number]
        .into_iter()
        .flatten()
        .map(settled_file)
        .collect();
    for entry in std::fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("settled-") && !kept.contains(&name) {
            std::fs::remove_file(entry.path()).ok();
        }
    }
    Ok(())
}

/// Removes everything about a project.
pub(crate) fn remove(scope: &Path, project: &Name) -> Result<(), Failure> {
    let directory = directory(scope, project);
    match std::fs::remove_dir_all(&directory) {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(Failure::file("remove", &directory, &e)),
    }
    // Only if it is empty.
    std::fs::remove_dir(scope.join("projects")).ok();
    Ok(())
}

/// Makes a directory that only its owner may enter, with its parents.
pub(crate) fn make_directory(path: &Path) -> Result<(), Failure> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|e| Failure::file("make", path, &e))
}

/// Writes a file by renaming a finished one over it.
pub(crate) fn write_whole(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let fresh = path.with_extension("new");
    let failed = |e: std::io::Error| Failure::file("write", path, &e);
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(failed)?;
    let written = file
        .write_all(text)
        .and_then(|()| std::fs::rename(&fresh, path));
    written.map_err(|e| {
        std::fs::remove_file(&fresh).ok();
        failed(e)
    })
}
