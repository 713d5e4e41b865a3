//! Namespaces of other programs: links there that are not the project's are neither compared nor changed.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hallway_spec::Joined;

use super::{Comparison, Fact, place};
use crate::observed::{Observed, SeenJoined, SeenSpace};
use crate::settled::{InterfaceRef, JoinedNamespace, Node};
use crate::target::{Link, RouteKind, Space};

impl Comparison {
    /// What the namespace that a node joins holds; `None` after noting why that is not known.
    pub(super) fn joined<'a>(
        &mut self,
        node: &Node,
        joined: &JoinedNamespace,
        observed: &'a Observed,
    ) -> Option<&'a SeenSpace> {
        let reference = joined.reference.clone();
        let fact = match observed.joined.get(&reference) {
            Some(SeenJoined::Present(present)) if present.is_host => Fact::JoinedMissing {
                reference,
                why: "it is the host's own namespace now".into(),
            },
            Some(SeenJoined::Present(present)) if present.inode == joined.inode => {
                return Some(&present.inside);
            }
            Some(SeenJoined::Present(present)) => {
                self.push(place(node), Fact::JoinedReplaced { reference });
                // The number may be another process's by now.
                let follows = !matches!(joined.reference, Joined::Process(_));
                return follows.then_some(&present.inside);
            }
            Some(SeenJoined::Absent(why) | SeenJoined::Refused(why)) => Fact::JoinedMissing {
                reference,
                why: why.clone(),
            },
            None => Fact::NamespaceUnseen,
        };
        self.push(place(node), fact);
        None
    }
}

/// The links of a namespace of others that are not the project's: another MAC address than any run
/// gave them, and not connected to the host's end. None in a namespace of hallway's.
pub(super) fn theirs<'a>(
    node: &Node,
    wanted: &[&Space],
    seen: &'a SeenSpace,
    broken: &BTreeSet<InterfaceRef>,
) -> BTreeSet<&'a str> {
    if node.joined.is_none() {
        return BTreeSet::new();
    }
    let connected = |name: &str| {
        let mut own = node.memberships().map(|(i, _)| i.name.as_str());
        own.any(|p| p == name) && !broken.contains(&node.interface_ref(name))
    };
    let made: Vec<&Link> = wanted.iter().flat_map(|s| &s.links).collect();
    let links = seen.links.iter().filter(|link| {
        let same = |l: &&Link| l.name == link.name && l.mac == link.mac;
        !connected(&link.name) && !made.iter().any(same)
    });
    links.map(|link| link.name.as_str()).collect()
}

/// What is wanted, without what is at links of other programs.
pub(super) fn ours<'s>(space: &'s Space, theirs: &BTreeSet<&str>) -> Cow<'s, Space> {
    let at_theirs = |link: &str| theirs.contains(link);
    if !space.links.iter().any(|l| at_theirs(&l.name)) {
        return Cow::Borrowed(space);
    }
    let mut out = space.clone();
    out.links.retain(|l| !at_theirs(&l.name));
    out.routes.retain(|r| match &r.kind {
        RouteKind::Link { link, .. } => !at_theirs(link),
        RouteKind::Unreachable => true,
    });
    Cow::Owned(out)
}
