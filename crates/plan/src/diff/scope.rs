//! Which namespaces a change concerns. A change of one object is planned without an examination of
//! every namespace, so that it takes as long with 10 nodes as with 1,000.

use std::collections::{BTreeMap, BTreeSet};

use hallway_spec::{Name, NetnsName};

use crate::settled::{Node, Settled};
use crate::target::{NodeTarget, Target};

/// The namespaces, by their names in /run/netns, whose content differs between two settled
/// topologies, and those at the other end of their cables. Namespaces that only one of the two has
/// are among them.
#[must_use]
pub fn affected(before: &Settled, wanted: &Settled) -> BTreeSet<NetnsName> {
    let (target_before, target) = (Target::of(before), Target::of(wanted));
    let old = by_name(before, &target_before);
    let new = by_name(wanted, &target);
    let differs = |name: &&Name| match (old.get(*name), new.get(*name)) {
        (Some((node_before, before)), Some((node, now))) => {
            before != now || node_before.interfaces != node.interfaces
        }
        (Some(_), None) | (None, Some(_)) => true,
        (None, None) => false,
    };
    let changed: BTreeSet<&Name> = old
        .keys()
        .chain(new.keys())
        .copied()
        .filter(differs)
        .collect();
    let mut all = changed.clone();
    for cable in before.cables.iter().chain(&wanted.cables) {
        let ends = [&cable.a.node, &cable.b.node];
        if ends.iter().any(|end| changed.contains(end)) {
            all.extend(ends);
        }
    }
    let names = |name| [old.get(name), new.get(name)].into_iter().flatten();
    all.into_iter()
        .flat_map(names)
        .filter_map(|(node, _)| node.netns.name().cloned())
        .collect()
}

fn by_name<'a>(
    settled: &'a Settled,
    target: &'a Target,
) -> BTreeMap<&'a Name, (&'a Node, &'a NodeTarget)> {
    let pairs = settled.nodes.iter().zip(&target.nodes);
    pairs
        .map(|(node, target)| (&node.name, (node, target)))
        .collect()
}
