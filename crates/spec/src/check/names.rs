//! Names of nodes, their further names and host names: a node looks them up without case.

use std::collections::BTreeMap;

use crate::problem::NameProblem;
use crate::{Name, Place, Problem, Topology};

/// A name, the node it means, and where that is written.
#[derive(Clone, Copy)]
struct Meaning<'a> {
    name: &'a Name,
    node: &'a Name,
    place: &'a Place,
}

/// Names that differ only in case mean one node.
pub(super) fn without_case(topology: &Topology, problems: &mut Vec<Problem>) {
    let mut all: BTreeMap<String, Vec<Meaning<'_>>> = BTreeMap::new();
    for meaning in meanings(topology) {
        let key = meaning.name.as_ref().to_ascii_lowercase();
        all.entry(key).or_default().push(meaning);
    }
    let pairs = all.values().filter_map(|alike| different(alike));
    problems.extend(pairs.map(|(first, second)| {
        let problem = NameProblem::OnlyCaseDiffers {
            name: second.name.clone(),
            node: second.node.clone(),
            first: first.name.clone(),
            owner: first.node.clone(),
            place: first.place.clone(),
        };
        Problem::new(second.place, problem)
    }));
}

fn meanings(topology: &Topology) -> impl Iterator<Item = Meaning<'_>> {
    topology.nodes.iter().flat_map(|node| {
        let meaning = |name, place| Meaning {
            name,
            node: &node.name,
            place,
        };
        let own = [meaning(&node.name, &node.place)];
        let programs = node.sidecars.iter();
        let programs = programs.map(move |s| meaning(&s.name, &s.place));
        let aliases = node.attachments.iter().flat_map(move |a| {
            let names = a.aliases.iter();
            names.map(move |name| meaning(name, &a.place))
        });
        let hostname = node.hostname.iter();
        let hostname = hostname.map(move |name| meaning(name, &node.place));
        own.into_iter()
            .chain(programs)
            .chain(aliases)
            .chain(hostname)
    })
}

/// The first two that are written differently and mean different nodes.
fn different<'a>(alike: &[Meaning<'a>]) -> Option<(Meaning<'a>, Meaning<'a>)> {
    let first = alike.first()?;
    if alike.iter().all(|m| m.name == first.name) {
        return None;
    }
    alike.iter().enumerate().find_map(|(i, second)| {
        let before = alike.iter().take(i);
        let mut others = before.filter(|m| m.name != second.name && m.node != second.node);
        others.next().map(|first| (*first, *second))
    })
}
