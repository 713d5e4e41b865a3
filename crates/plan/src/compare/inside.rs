//! Which differences are inside a node: those that root of the node can make, and that nothing outside
//! of it depends on.

use hallway_spec::NetnsRef;

use super::{Difference, Fact, ObjectPlace};
use crate::settled::{Node, Settled};
use crate::target::RouteKind;

impl Difference {
    /// The namespace of the node that it is inside. The host's end of a node's interface is
    /// removed with the interface.
    #[must_use]
    pub fn inside<'a>(&'a self, settled: &'a Settled) -> Option<&'a NetnsRef> {
        match &self.place {
            ObjectPlace::Node { netns, .. } => self.fact.is_of_space().then_some(netns),
            ObjectPlace::Host => {
                let link = self.fact.of_missing_link()?;
                let has = |n: &&Node| n.ports().any(|(_, _, of)| of == link);
                settled.nodes.iter().find(has).map(|n| &n.netns)
            }
        }
    }
}

impl Fact {
    /// About what a namespace holds, as opposed to the namespace itself and to files and programs.
    fn is_of_space(&self) -> bool {
        matches!(
            self,
            Self::NamespaceUnseen
                | Self::LinkMissing { .. }
                | Self::LinkDetached { .. }
                | Self::Attribute { .. }
                | Self::AddressMissing { .. }
                | Self::AddressLeft { .. }
                | Self::AddressFaulty { .. }
                | Self::AddressElsewhere { .. }
                | Self::Neighbour { .. }
                | Self::RoutingRuleMissing { .. }
                | Self::RouteMissing { .. }
                | Self::RouteLeft { .. }
                | Self::Setting { .. }
                | Self::Sysctl { .. }
                | Self::NodeTable { .. }
                | Self::Shaping { .. }
        )
    }

    /// The link that is gone, or that lost what goes with it.
    fn of_missing_link(&self) -> Option<&str> {
        match self {
            Self::LinkMissing { link, .. }
            | Self::LinkDetached { link, .. }
            | Self::AddressMissing { link, .. } => Some(link),
            Self::RouteMissing { route, .. } => match &route.kind {
                RouteKind::Link { link, .. } => Some(link),
                RouteKind::Unreachable => None,
            },
            _ => None,
        }
    }
}
