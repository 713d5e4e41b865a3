//! Nodes that were added or removed one at a time, each in a separate file, so that such a change
//! writes nothing of the other nodes.
//!
//! - `endpoint.json`: the change that is being made. It is written before anything else and removed
//!   last, so the change is unfinished as long as it exists.
//! - `nodes/NAME.json`: changes that are complete.
//!
//! Each belongs to one generation of the record. The next run that concerns more than one node
//! writes a record of all nodes, of the next generation; after that these files are ignored.

use std::path::{Path, PathBuf};

use hallway_spec::{Document, Edit, Name, edit_in_place};

use super::change::{EndpointChange, NodeChange};
use super::lease::Leases;
use super::{Record, Store, directory, format, store};
use crate::{Failure, Reason};

/// The directory of the complete changes.
pub(super) fn nodes(scope: &Path, project: &Name) -> PathBuf {
    directory(scope, project).join("nodes")
}

fn committed(scope: &Path, project: &Name, node: &Name) -> PathBuf {
    nodes(scope, project).join(format!("{node}.json"))
}

/// The file of the change that is being made.
pub(super) fn unfinished(scope: &Path, project: &Name) -> PathBuf {
    directory(scope, project).join("endpoint.json")
}

/// The complete change of a node.
pub(super) fn of_node(
    scope: &Path,
    project: &Name,
    generation: u64,
    node: &Name,
) -> Result<Option<EndpointChange>, Failure> {
    read(&committed(scope, project, node), generation)
}

fn read(path: &Path, generation: u64) -> Result<Option<EndpointChange>, Failure> {
    let Some(text) = store::read(path)? else {
        return Ok(None);
    };
    let change = format::endpoint::read(path, &text)?;
    Ok((change.generation == generation).then_some(change))
}

/// Adds to a record what changed since it was written.
pub(super) fn add(scope: &Path, project: &Name, record: &mut Record) -> Result<(), Failure> {
    let Some(applied) = &mut record.applied else {
        return Ok(());
    };
    for network in &mut applied.networks {
        let leases = Leases::of(scope, project, &network.name);
        let last = leases.last(record.generation)?;
        if !last.is_empty() {
            network.last_allocated = last;
        }
    }
    let mut changes = Vec::new();
    for entry in std::fs::read_dir(nodes(scope, project))
        .into_iter()
        .flatten()
    {
        let path = entry
            .map_err(|e| {
                Failure::file(crate::failure::FileAction::Read, &nodes(scope, project), &e)
            })?
            .path();
        if path.extension().is_some_and(|e| e == "json") {
            changes.extend(read(&path, record.generation)?);
        }
    }
    changes.sort_by(|a, b| (a.at, &a.name).cmp(&(b.at, &b.name)));
    let open = read(&unfinished(scope, project), record.generation)?;
    if changes.is_empty() && open.is_none() {
        return Ok(());
    }
    record.on_disk = false;
    for change in &changes {
        change.apply(applied, &mut record.inodes);
    }
    record.inodes.sort();
    if let Some(open) = open {
        let mut pending = applied.clone();
        open.apply(&mut pending, &mut Vec::new());
        record.pending = Some(pending);
    }
    if !changes.is_empty() {
        let before = record.source.clone();
        record.source = edited(project, &before, &changes)?;
        record.edited_from.get_or_insert(before);
    }
    Ok(())
}

/// The text with the changes.
fn edited(project: &Name, text: &str, changes: &[EndpointChange]) -> Result<String, Failure> {
    let unreadable = || {
        Failure::from(Reason::SourceUnreadable {
            project: project.clone(),
        })
    };
    let mut document = Document::read(text).ok_or_else(unreadable)?;
    for EndpointChange { name, change, .. } in changes {
        // A node that was added again is last, as if it had been removed before.
        if document.nodes().any(|node| node == name.as_ref()) {
            edit_in_place(&mut document, &Edit::NodeRemove(name.clone()))
                .map_err(|_no_node| unreadable())?;
        }
        if let NodeChange::Added { text, .. } = change {
            edit_in_place(&mut document, &text.edit(name)).map_err(|_exists| unreadable())?;
        }
    }
    document.name = Some(project.to_string());
    Ok(document.to_yaml())
}

impl Store {
    /// Notes a change that starts.
    pub(crate) fn begin_endpoint(
        &self,
        project: &Name,
        change: &EndpointChange,
    ) -> Result<(), Failure> {
        let text = format::endpoint::write(change)?;
        self.replace(&unfinished(self.scope(), project), &text)
    }

    /// Notes what is in place now; the change stays unfinished until [`Self::end_endpoint`].
    /// `in_record`: whether the record has a node of that
    /// name.
    pub(crate) fn commit_endpoint(
        &self,
        project: &Name,
        change: &EndpointChange,
        in_record: bool,
    ) -> Result<(), Failure> {
        let directory = nodes(self.scope(), project);
        let path = committed(self.scope(), project, &change.name);
        if change.change == NodeChange::Removed && !in_record {
            self.remove_file(&path)?;
            self.remove_if_empty(&directory);
        } else {
            self.make_directory(&directory)?;
            self.replace(&path, &format::endpoint::write(change)?)?;
        }
        Ok(())
    }

    /// Notes that the keeper has it, too.
    pub(crate) fn end_endpoint(&self, project: &Name) -> Result<(), Failure> {
        self.remove_file(&unfinished(self.scope(), project))
    }

    /// Notes that a change is unfinished, even if it was complete. `before` is the former content
    /// of the node's own file. Nothing is written if that is noted already: the disk may be full.
    pub(crate) fn reopen_endpoint(
        &self,
        project: &Name,
        change: &EndpointChange,
        before: Option<&EndpointChange>,
    ) -> Result<(), Failure> {
        let open = read(&unfinished(self.scope(), project), change.generation)?;
        if open.is_none_or(|open| (open.at, &open.name) != (change.at, &change.name)) {
            self.begin_endpoint(project, change)?;
        }
        let path = committed(self.scope(), project, &change.name);
        match before {
            None => {
                self.remove_file(&path)?;
                self.remove_if_empty(&nodes(self.scope(), project));
                Ok(())
            }
            Some(before) => {
                self.make_directory(&nodes(self.scope(), project))?;
                self.replace(&path, &format::endpoint::write(before)?)
            }
        }
    }

    /// Removes the files of an earlier generation.
    pub(super) fn clear_endpoints(&self, project: &Name) -> Result<(), Failure> {
        let directory = nodes(self.scope(), project);
        if directory.exists() {
            self.remove_tree(&directory)?;
        }
        let open = unfinished(self.scope(), project);
        match open.exists() {
            true => self.remove_file(&open),
            false => Ok(()),
        }
    }
}
