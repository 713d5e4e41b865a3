//! Programs of XDP on links of a project: they get packets before anything that hallway sets.

use super::{Difference, Fact, ObjectPlace};
use crate::insides::Insides;
use crate::mark;
use crate::observed::{Observed, SeenLink};
use crate::settled::Settled;

/// The links of the project, on the host and in nodes, that have one.
#[must_use]
pub fn attached(settled: &Settled, seen: &Observed) -> Vec<Difference> {
    let difference = |place: ObjectPlace, link: &SeenLink| {
        let link_name = link.name.clone();
        link.xdp.map(|how| Difference {
            place,
            fact: Fact::Attached {
                link: link_name,
                how,
            },
        })
    };
    let of_project = |link: &&SeenLink| {
        let alias = link.alias.as_deref().and_then(mark::parse_alias);
        alias.is_some_and(|(project, _)| project == settled.project)
    };
    let on_host = seen.host.links.iter().filter(of_project);
    let mut out: Vec<Difference> = on_host
        .filter_map(|l| difference(ObjectPlace::Host, l))
        .collect();
    let insides = Insides::new(seen);
    for node in &settled.nodes {
        let links = insides.of(node).into_iter().flat_map(|space| &space.links);
        let own = |link: &&SeenLink| node.interfaces.iter().any(|i| i.name == link.name);
        out.extend(links.filter(own).filter_map(|link| {
            let place = ObjectPlace::Node {
                node: node.name.clone(),
                netns: node.netns.clone(),
            };
            difference(place, link)
        }));
    }
    out
}
