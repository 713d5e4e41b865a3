//! The endpoints of policies, as pictures show them.

use super::model::Graph;
use super::policy::{Arrow, Party, Policy};

/// A policy with more pairs than this is shown only as text.
const ARROWS: usize = 4;

impl Policy {
    /// The arrows that are drawn.
    pub(super) fn drawn(&self) -> &[Arrow] {
        match self.arrows.len() {
            count if count > ARROWS => &[],
            _ => &self.arrows,
        }
    }
}

/// All arrows that are drawn, with their policies.
pub(super) fn drawn(graph: &Graph) -> impl Iterator<Item = (&Policy, &Arrow)> {
    let policies = graph.policies.iter();
    policies.flat_map(|p| p.drawn().iter().map(move |a| (p, a)))
}

impl Party {
    /// Its name.
    pub(super) fn name<'a>(&'a self, graph: &'a Graph) -> &'a str {
        match self {
            Self::Outside => "outside",
            Self::Host => "host",
            Self::Any => "any",
            Self::Prefix(prefix) => prefix,
            Self::Network(n) => graph.networks.get(*n).map_or("", |n| n.name.as_str()),
            Self::Node(n) => graph.nodes.get(*n).map_or("", |n| n.name.as_str()),
        }
    }

    /// Its identifier in a text for another program.
    pub(super) fn id(&self) -> String {
        match self {
            Self::Outside => "outside".into(),
            Self::Host => "host".into(),
            Self::Any => "any".into(),
            Self::Network(position) => format!("net{position}"),
            Self::Node(position) => format!("node{position}"),
            Self::Prefix(prefix) => {
                let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
                format!("prefix_{}", prefix.chars().map(plain).collect::<String>())
            }
        }
    }
}
