//! What the namespaces of nodes hold.

use std::collections::BTreeMap;

use hallway_spec::NetnsName;

use crate::observed::{Observed, SeenNamespace, SeenSpace};
use crate::settled::Node;

/// As [`Observed::inside`], for many nodes: the time for one does not grow with the number of
/// namespaces.
#[derive(Debug)]
pub(crate) struct Insides<'a> {
    named: BTreeMap<&'a NetnsName, &'a SeenNamespace>,
    seen: &'a Observed,
}

impl<'a> Insides<'a> {
    /// Those of everything that was examined.
    pub(crate) fn new(seen: &'a Observed) -> Self {
        let all = seen.namespaces.iter().map(|n| (&n.name, n));
        Self {
            named: all.collect(),
            seen,
        }
    }

    /// What a node's namespace holds, where it was examined.
    pub(crate) fn of(&self, node: &Node) -> Option<&'a SeenSpace> {
        match &node.joined {
            None => self.named.get(node.netns.name()?)?.inside.present(),
            Some(joined) => self.seen.inside_joined(joined),
        }
    }
}
