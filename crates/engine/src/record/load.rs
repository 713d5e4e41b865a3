//! Reading a record.

use std::path::{Path, PathBuf};

use hallway_plan::Settled;
use hallway_spec::Name;

use super::{INODES, Record, Written, directory, endpoints, format, settled_file, state, store};
use crate::{Failure, Reason};

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
    let state = |number: Option<u64>| -> Result<Option<(Settled, Option<Written>)>, Failure> {
        let Some(number) = number else {
            return Ok(None);
        };
        let path = directory.join(settled_file(number));
        match store::read(&path)? {
            Some(text) => state::read(&path, &text).map(Some),
            None => Err(missing(path)),
        }
    };
    let (applied, written) = state(head.applied)?.unzip();
    let (pending, begun) = state(head.pending)?.unzip();
    let written = written.or(begun).flatten();
    let inodes = directory.join(INODES);
    let on_disk = head.older.is_none();
    let (written, inodes) = match head.older {
        Some(older) => (older.written, older.inodes),
        None => {
            let text = store::read(&inodes)?.unwrap_or_default();
            let known = format::read_inodes(&inodes, &text)?;
            (written.ok_or_else(|| missing(path))?, known)
        }
    };
    let mut record = Record {
        applied,
        pending,
        source: written.source,
        path: head.path,
        inodes,
        repair: head.repair,
        uplinks: head.uplinks,
        edited_from: written.edited_from,
        created: head.created,
        applied_number: head.applied,
        pending_number: head.pending,
        generation: head.generation,
        on_disk,
    };
    endpoints::add(scope, project, &mut record)?;
    Ok(Some(record))
}

fn missing(path: PathBuf) -> Failure {
    Reason::RecordDamaged {
        path,
        error: "a file of the record does not exist".into(),
    }
    .into()
}
