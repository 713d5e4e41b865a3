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
    /// What the last complete run built.
    pub applied: Option<Settled>,
    /// What an unfinished run was building.
    pub pending: Option<Settled>,
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
            pending: None,
            inodes: Vec::new(),
            created,
        }
    }
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
    let text = std::fs::read(directory(scope, project).join("record.json")).ok()?;
    serde_json::from_slice::<Record>(&text)
        .ok()
        .filter(|r| r.version == VERSION)
}

/// Writes a record, all of it or nothing.
pub(crate) fn save(scope: &Path, project: &Name, record: &Record) -> Result<(), Failure> {
    let directory = directory(scope, project);
    make_directory(&directory)?;
    let path = directory.join("record.json");
    let text = serde_json::to_vec(record)
        .map_err(|e| Failure::new("bug", format!("the record cannot be written: {e}")))?;
    write_whole(&path, &text)
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
