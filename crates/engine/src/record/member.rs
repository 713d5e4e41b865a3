//! A node as it is on record.

use std::collections::BTreeMap;

use hallway_plan::Settled;
use hallway_plan::settled::{Node, Publish};
use hallway_spec::Name;

/// A node with its published ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) node: Node,
    pub(crate) publishes: Vec<Publish>,
}

impl Member {
    /// Every node.
    pub(super) fn all(settled: &Settled) -> impl Iterator<Item = Self> {
        let mut published: BTreeMap<&Name, Vec<Publish>> = BTreeMap::new();
        for publish in &settled.publishes {
            published
                .entry(&publish.node)
                .or_default()
                .push(publish.clone());
        }
        settled.nodes.iter().map(move |node| Self {
            node: node.clone(),
            publishes: published.remove(&node.name).unwrap_or_default(),
        })
    }
}
