//! Which parts of a project a step changes.

use std::collections::BTreeSet;

use hallway_spec::{NetnsName, NetnsRef};

use super::{Announcement, Op};
use crate::compare::ObjectPlace;

/// A part of a project that other parts do not depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part<'a> {
    /// One object of the host.
    Host,
    /// A node's namespace.
    Node(&'a NetnsRef),
}

impl Op {
    /// Whether it is about nodes alone whose namespaces are not created in the same run.
    #[must_use]
    pub fn is_inside(&self, created: &BTreeSet<&NetnsName>) -> bool {
        let is_new = |netns: &NetnsRef| netns.name().is_some_and(|n| created.contains(n));
        let other = match self {
            Self::CreateCable(cable) => is_new(&cable.b.netns),
            _ => false,
        };
        matches!(self.part(), Some(Part::Node(netns)) if !other && !is_new(netns))
    }

    /// The part that it changes; none for a step that later ones may depend on.
    #[must_use]
    pub fn part(&self) -> Option<Part<'_>> {
        match self {
            Self::Adjust { place, .. } | Self::Announce(Announcement { place, .. }) => {
                Some(match place {
                    ObjectPlace::Host => Part::Host,
                    ObjectPlace::Node { netns, .. } => Part::Node(netns),
                })
            }
            Self::CreatePort(port) => Some(Part::Node(&port.netns)),
            Self::CreateMacvlan(new) => Some(Part::Node(&new.end.netns)),
            Self::CreateCable(cable) => Some(Part::Node(&cable.a.netns)),
            Self::RemoveInterface { netns, .. } => Some(Part::Node(netns)),
            _ => None,
        }
    }
}
