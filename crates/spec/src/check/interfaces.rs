//! Interface names.

use std::collections::BTreeMap;

use crate::problem::NodeProblem;
use crate::{Name, Place, Problem, Topology};

/// No node has two interfaces of one name.
pub(super) fn check(topology: &Topology, problems: &mut Vec<Problem>) {
    let attached = topology.nodes.iter().flat_map(|node| {
        let attachments = node.attachments.iter().enumerate();
        attachments.map(|(position, attachment)| {
            let name = match &attachment.interface {
                Some(name) => name.to_string(),
                None => format!("eth{position}"),
            };
            (&node.name, name, &attachment.place)
        })
    });
    let ends = topology.links.iter().flat_map(|link| &link.ends);
    let linked =
        ends.filter_map(|end| Some((&end.node, end.interface.as_ref()?.to_string(), &end.place)));
    let mut used: BTreeMap<(&Name, String), &Place> = BTreeMap::new();
    for (node, interface, place) in attached.chain(linked) {
        if let Some(first) = used.insert((node, interface.clone()), place) {
            let kind = NodeProblem::InterfaceInUse {
                node: node.clone(),
                interface,
                first: first.clone(),
            };
            problems.push(Problem::new(place, kind));
        }
    }
}
