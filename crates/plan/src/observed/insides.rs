//! What the namespaces of nodes hold.

use std::collections::BTreeMap;

use hallway_spec::Joined;

use super::{Observed, SeenJoined, SeenNamespace, SeenSpace};
use crate::settled::{JoinedNamespace, Node};

/// As [`Observed::inside`], for many nodes: the time for one does not grow with the number of
/// namespaces.
#[derive(Debug)]
pub struct Insides<'a> {
    named: BTreeMap<&'a str, &'a SeenNamespace>,
    joined: &'a BTreeMap<Joined, SeenJoined>,
}

impl<'a> Insides<'a> {
    pub(super) fn new(seen: &'a Observed) -> Self {
        let all = seen.namespaces.iter().map(|n| (n.name.as_str(), n));
        Self {
            named: all.collect(),
            joined: &seen.joined,
        }
    }

    /// What a node's namespace holds, where it was examined.
    #[must_use]
    pub fn of(&self, node: &Node) -> Option<&'a SeenSpace> {
        match &node.joined {
            None => self.named.get(node.netns.as_str())?.inside.present(),
            Some(joined) => of_joined(self.joined, joined),
        }
    }
}

/// Only while it is the namespace that was found when the node was settled.
pub(super) fn of_joined<'a>(
    seen: &'a BTreeMap<Joined, SeenJoined>,
    joined: &JoinedNamespace,
) -> Option<&'a SeenSpace> {
    let present = seen.get(&joined.reference)?.present()?;
    (present.inode == joined.inode).then_some(&present.inside)
}
