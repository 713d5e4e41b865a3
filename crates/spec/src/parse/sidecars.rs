//! Entries of `nodes` with `namespace`: in that of another node (`node:NAME`), or in one that hallway
//! does not make.

use std::collections::{BTreeMap, BTreeSet};

use crate::cycle::cycle_of;
use crate::document::NodeKeys;
use crate::problem::{NameProblem, NodeProblem, Required, ValueProblem};
use crate::reader::{At, Reader};
use crate::similar::nearest;
use crate::{Joined, Name, Node, Place, Sidecar};

/// A sidecar, and the node whose namespace it shares.
pub(super) struct Shared {
    owner: Name,
    /// Where the owner is written.
    at: Place,
    sidecar: Sidecar,
}

/// Whose namespace an entry is in, if not one of its own.
pub(super) enum Whose {
    /// That of another node.
    Node(Name),
    /// One that hallway does not make.
    Others(Joined),
}

/// Reads the value of `namespace`.
pub(super) fn whose(r: &mut Reader<'_>, at: &At) -> Option<Whose> {
    const EXPECTED: &str =
        "node:NAME, netns:NAME, pid:NUMBER, container:NAME or the path of a namespace";
    let text = r.text(at, EXPECTED)?;
    let read = match text.strip_prefix("node:") {
        Some(name) => name.parse().ok().map(Whose::Node),
        None => text.parse().ok().map(Whose::Others),
    };
    if read.is_none() {
        r.unexpected(at, EXPECTED);
    }
    read
}

/// Makes a sidecar from an entry, and reports problems of its keys.
pub(super) fn sidecar(
    r: &mut Reader<'_>,
    keys: &NodeKeys,
    at: &At,
    node: Node,
    owner: Name,
) -> Option<Shared> {
    let of_owner = [
        (&keys.networks, "networks"),
        (&keys.ports, "ports"),
        (&keys.port_names, "port_names"),
        (&keys.routes, "routes"),
        (&keys.forwarding, "forwarding"),
        (&keys.default_route, "default_route"),
        (&keys.limits, "limits"),
        (&keys.hostname, "hostname"),
        (&keys.sysctls, "sysctls"),
        (&keys.dns, "dns"),
        (&keys.dns_search, "dns_search"),
        (&keys.extra_hosts, "extra_hosts"),
    ];
    for (given, key) in of_owner {
        if let Some(given) = given {
            let kind = NodeProblem::KeyOfOwner {
                node: node.name.clone(),
                owner: owner.clone(),
                key,
            };
            r.report(given, kind);
        }
    }
    let Some(command) = node.command else {
        if keys.command.is_none() {
            r.report(at, ValueProblem::Missing(Required::OfSidecar));
        }
        return None;
    };
    let sidecar = Sidecar {
        name: node.name,
        command,
        program: node.program,
        place: node.place,
    };
    let at = keys
        .namespace
        .as_ref()
        .map_or_else(|| r.place(at), |at| r.place(at));
    Some(Shared { owner, at, sidecar })
}

/// Adds sidecars to the nodes whose namespaces they share.
pub(super) fn give(r: &mut Reader<'_>, shared: Vec<Shared>, known: &mut [Node]) {
    let owners: BTreeMap<Name, Name> = (shared.iter())
        .map(|s| (s.sidecar.name.clone(), s.owner.clone()))
        .collect();
    let mut in_cycles: BTreeSet<Name> = BTreeSet::new();
    for Shared { owner, at, sidecar } in shared {
        // A link names it, too, so it is in the list of nodes already.
        if let Some(node) = known.iter().find(|n| n.name == sidecar.name) {
            let kind = NodeProblem::KeyOfOwner {
                node: sidecar.name.clone(),
                owner: owner.clone(),
                key: "links",
            };
            r.report_at(&node.place.clone(), kind);
            continue;
        }
        let node = sidecar.name.clone();
        if in_cycles.contains(&node) {
            continue;
        }
        if let Some(cycle) = cycle_of(&node, |name| owners.get(name).cloned()) {
            in_cycles.extend(cycle.iter().cloned());
            r.report_at(&at, NodeProblem::NamespaceCycle(cycle));
            continue;
        }
        match known.iter_mut().find(|n| n.name == owner) {
            Some(found) => found.sidecars.push(sidecar),
            None if owners.contains_key(&owner) => {
                r.report_at(&at, NodeProblem::NamespaceOfSidecar { node, owner });
            }
            None => {
                let known = known.iter().map(|n| n.name.as_ref());
                let nearest = nearest(owner.as_ref(), known).map(str::to_owned);
                let kind = NameProblem::UnknownOwner {
                    node,
                    owner,
                    nearest,
                };
                r.report_at(&at, kind);
            }
        }
    }
}
