//! The comparison of a whole project.

use std::collections::BTreeMap;

use hallway_spec::{Name, NetnsName};

use super::index::{Before, Index};
use super::neighbours::Neighbours;
use super::{Comparison, ObjectPlace, addresses, foreign, joined, place, routes, space};
use crate::observed::{Observed, SeenNamespace};
use crate::settled::Settled;
use crate::target::{NodeTarget, Space, Target};

/// Compares. `before` is what earlier runs wanted or began to build; `inodes` are the namespaces
/// they made.
#[must_use]
pub fn compare(
    wanted: &Settled,
    before: &[&Settled],
    inodes: &[(NetnsName, u64)],
    observed: &Observed,
) -> Comparison {
    let target = Target::of(wanted);
    let before: Vec<Target> = before.iter().map(|b| Target::of(b)).collect();
    let mut out = Comparison::default();
    let spaces = before.iter().map(|b| &b.host).chain([&target.host]);
    let host = Index::without(&observed.host, &foreign::links(spaces, &observed.host));
    let host_before = Before::new(before.iter().map(|b| &b.host));
    out.missing_bridges(wanted, &host);
    let nodes_before = by_name(&before);
    let entries: BTreeMap<&NetnsName, &SeenNamespace> =
        observed.namespaces.iter().map(|n| (&n.name, n)).collect();
    let of_nodes = addresses::of_nodes(wanted);
    let made: BTreeMap<&NetnsName, u64> = inodes.iter().map(|(n, i)| (n, *i)).collect();
    let mut inside: BTreeMap<&Name, Index<'_>> = BTreeMap::new();
    let mut neighbours = Neighbours::new(wanted);
    for (node, target) in wanted.nodes.iter().zip(&target.nodes) {
        let space = match &node.joined {
            Some(joined) => out.joined(node, joined, observed),
            None => {
                let name = node.netns.name();
                let entry = name.and_then(|n| entries.get(n)).copied();
                out.namespace(wanted, node, entry, name.and_then(|n| made.get(n)))
            }
        };
        let Some(space) = space else {
            continue;
        };
        let index = Index::new(space);
        out.interfaces(wanted, node, &host, &index);
        let before = nodes_before.get(&node.name).into_iter().flatten();
        let all: Vec<&Space> = before.map(|b| &b.space).chain([&target.space]).collect();
        let theirs = joined::theirs(node, &all, space, &out.interfaces);
        let all: Vec<_> = all.iter().map(|s| joined::ours(s, &theirs)).collect();
        if let Some((ours, before)) = all.split_last() {
            let before = Before::new(before.iter().map(AsRef::as_ref));
            let owned = addresses::owned(ours);
            let place = place(node);
            let found = space::compare(&place, ours, &owned, &before, &index);
            out.differences.extend(found);
            // The routes of other programs in their namespace are theirs.
            if node.joined.is_none() {
                out.push_all(&place, routes::in_order(ours, &index, true));
            }
            let further = addresses::of_other_nodes(&of_nodes, ours, &owned, &before, &index);
            out.push_all(&place, further);
            let fixed = neighbours.of_node(node, &index, &theirs);
            out.push_all(&place, fixed);
        }
        inside.insert(&node.name, index);
    }
    let unseen = out.unseen();
    out.cables(wanted, &inside, &unseen);
    let mut owned = addresses::owned(&target.host);
    owned.extend(of_nodes);
    let host_place = ObjectPlace::Host;
    let found = space::compare(&host_place, &target.host, &owned, &host_before, &host);
    out.differences.extend(found);
    out.push_all(&host_place, routes::in_order(&target.host, &host, false));
    out.push_all(&host_place, neighbours.of_host(&host));
    out.forwarding(wanted, &host);
    out.without_missing_external(wanted);
    out
}

/// What earlier runs wanted of nodes, by name.
fn by_name(before: &[Target]) -> BTreeMap<&Name, Vec<&NodeTarget>> {
    let mut out: BTreeMap<&Name, Vec<&NodeTarget>> = BTreeMap::new();
    for node in before.iter().flat_map(|b| &b.nodes) {
        out.entry(&node.node).or_default().push(node);
    }
    out
}
