//! The part of a record that the change of one node needs.

use std::path::{Path, PathBuf};

use hallway_plan::Settled;
use hallway_spec::Name;

use super::change::{EndpointChange, NodeChange};
use super::endpoints;
use super::format::{self, Head, state};
use super::{Member, directory, settled_file, store};
use crate::Failure;

use state::Rest;

/// What a project consists of, apart from its nodes, which are read one by one.
#[derive(Debug)]
pub(crate) struct Outline {
    scope: PathBuf,
    project: Name,
    head: Head,
    lines: state::Lines,
    /// Networks, cables and policies.
    pub(crate) frame: Settled,
    /// The text of that, and what it names.
    pub(crate) rest: Rest,
}

/// A node as it is on record.
#[derive(Debug)]
pub(crate) struct RecordedNode {
    pub(crate) member: Member,
    /// Of its namespace, when it is known.
    pub(crate) inode: Option<u64>,
    /// Whether it is in the record itself, not only in a separate file.
    pub(crate) in_record: bool,
}

impl Outline {
    /// Reads it; `None` if more must be read: a project that does not exist, a run that did not
    /// finish, an older format.
    ///
    /// # Errors
    /// As [`super::load`].
    pub(crate) fn load(scope: &Path, project: &Name) -> Result<Option<Self>, Failure> {
        let directory = directory(scope, project);
        let path = directory.join("record.json");
        let Some(text) = store::read(&path)? else {
            return Ok(None);
        };
        let head = format::read_record(&path, &text)?;
        let unfinished = head.pending.is_some() || endpoints::unfinished(scope, project).exists();
        let Some(number) = head.applied.filter(|_| !unfinished && head.older.is_none()) else {
            return Ok(None);
        };
        let path = directory.join(settled_file(number));
        let Some((state::Frame { settled, rest }, lines)) = state::open(&path)? else {
            return Ok(None);
        };
        Ok(rest.map(|rest| Self {
            scope: scope.to_owned(),
            project: project.clone(),
            head,
            lines,
            frame: settled,
            rest,
        }))
    }

    /// The generation that a change of a node belongs to.
    pub(crate) fn generation(&self) -> u64 {
        self.head.generation
    }

    /// The file that the project was read from.
    pub(crate) fn path(&self) -> Option<&str> {
        self.head.path.as_deref()
    }

    /// A node, if there is one.
    ///
    /// # Errors
    /// When its file or line is damaged.
    pub(crate) fn node(&self, name: &Name) -> Result<Option<RecordedNode>, Failure> {
        let in_record = self.lines.member(name)?;
        let own = self.own_change(name)?;
        match (own, in_record) {
            (Some(EndpointChange { change, .. }), base) => Ok(match change {
                NodeChange::Removed => None,
                NodeChange::Added { member, inode, .. } => Some(RecordedNode {
                    member: *member,
                    inode: Some(inode),
                    in_record: base.is_some(),
                }),
            }),
            (None, Some(member)) => {
                let path = directory(&self.scope, &self.project).join(super::INODES);
                let inodes = store::read(&path)?.unwrap_or_default();
                Ok(Some(RecordedNode {
                    inode: (member.node.netns.name())
                        .and_then(|name| format::inode_of(&inodes, name)),
                    member,
                    in_record: true,
                }))
            }
            (None, None) => Ok(None),
        }
    }

    /// The content of a node's own file.
    ///
    /// # Errors
    /// When it is damaged.
    pub(crate) fn own_change(&self, name: &Name) -> Result<Option<EndpointChange>, Failure> {
        endpoints::of_node(&self.scope, &self.project, self.generation(), name)
    }

    /// Whether the record itself has a node of that name.
    pub(crate) fn has_in_record(&self, name: &Name) -> bool {
        self.lines.has(name)
    }

    /// Networks, cables and policies with the nodes that they name, in the order of the text.
    ///
    /// # Errors
    /// When a line is damaged.
    pub(crate) fn settled(&self) -> Result<Option<Settled>, Failure> {
        let mut out = self.frame.clone();
        for name in &self.rest.named {
            let Some(known) = self.node(name)? else {
                return Ok(None);
            };
            out.nodes.push(known.member.node);
            out.publishes.extend(known.member.publishes);
        }
        Ok(Some(out))
    }
}
