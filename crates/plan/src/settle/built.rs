//! The namespaces that a project built before, and which of those that were found are its own.

use std::collections::BTreeMap;

use hallway_spec::{Name, NetnsName, NetnsRef};

use crate::observed::{NamespaceState, SeenNamespace};
use crate::settled::Settled;

/// The namespaces that nodes had, by name and by node.
pub(super) struct Built<'a> {
    /// The nodes by the name of their namespace, apart from those that join one.
    by_namespace: BTreeMap<&'a NetnsName, Vec<&'a Name>>,
    by_node: BTreeMap<&'a Name, Vec<&'a NetnsRef>>,
}

impl<'a> Built<'a> {
    pub(super) fn new(known: &[&'a Settled]) -> Self {
        let mut out = Self {
            by_namespace: BTreeMap::new(),
            by_node: BTreeMap::new(),
        };
        for node in known.iter().flat_map(|k| &k.nodes) {
            let netns = &node.netns;
            out.by_node.entry(&node.name).or_default().push(netns);
            if let (None, Some(name)) = (&node.joined, netns.name()) {
                out.by_namespace.entry(name).or_default().push(&node.name);
            }
        }
        out
    }

    fn nodes_of(&self, netns: &NetnsName) -> &[&'a Name] {
        self.by_namespace.get(netns).map_or(&[], Vec::as_slice)
    }

    /// Whether a name that was built for one node of the project has the namespace of another one,
    /// which has a name of its own.
    fn is_covered(&self, project: &Name, namespace: &SeenNamespace) -> bool {
        let Some((_, owner)) = namespace.owner.as_ref().filter(|(of, _)| of == project) else {
            return false;
        };
        let netns = &namespace.name;
        let own = self.by_node.get(owner).into_iter().flatten();
        self.nodes_of(netns).iter().any(|name| *name != owner)
            && own.into_iter().any(|n| **n != *netns)
    }

    /// Whose namespace that is. Another program may have mounted that of one node over that of another
    /// one.
    pub(super) fn owner(&self, project: &Name, namespace: &SeenNamespace) -> Option<(Name, Name)> {
        let covered = self.is_covered(project, namespace);
        if namespace.owner.is_some() && !covered {
            return namespace.owner.clone();
        }
        let ours = [NamespaceState::PlainFile, NamespaceState::Covered];
        if !covered && !ours.contains(&namespace.state) && !namespace.is_unused() {
            return None;
        }
        let node = self.nodes_of(&namespace.name).first()?;
        Some((project.clone(), (*node).clone()))
    }
}
