//! What a change of one node needs of a document.

use std::collections::BTreeSet;

use crate::document::{DependsDoc, Document, NodeDoc, PortDoc};

/// The document without the nodes that nothing in it names, and the names of those that remain.
///
/// A node that is left out can be removed, and a node can be added, without reading the others: the
/// checks of [`crate::parse`] hold for the whole if they hold for this with the one node, apart
/// from addresses and published ports that two nodes share.
#[must_use]
pub fn rest(document: &Document) -> (Document, BTreeSet<String>) {
    let named = named(document);
    let mut out = Document {
        name: document.name.clone(),
        networks: document.networks.clone(),
        links: document.links.clone(),
        policies: document.policies.clone(),
        expect: document.expect.clone(),
        ..Document::default()
    };
    let kept = document
        .nodes
        .iter()
        .filter(|(name, _)| named.contains(*name));
    out.nodes = kept
        .map(|(name, node)| (name.clone(), node.clone()))
        .collect();
    (out, named)
}

fn named(document: &Document) -> BTreeSet<String> {
    let links = document
        .links
        .iter()
        .flat_map(|l| l.endpoints.keys().cloned());
    let policies = document.policies.iter().flat_map(|p| {
        let sides = [&p.from, &p.to].into_iter().flatten();
        let sides = sides.flat_map(|side| side.items().to_vec());
        sides.chain(p.between.clone().unwrap_or_default())
    });
    let expected = document
        .expect
        .iter()
        .flat_map(|e| [e.from.clone(), e.to.clone()]);
    let nodes = document.nodes.values().flatten();
    let needed = nodes
        .filter_map(|n| n.depends_on.as_ref())
        .flat_map(|d| match d {
            DependsDoc::List(names) => names.clone(),
            DependsDoc::Map(map) => map.keys().cloned().collect(),
        });
    // Programs in one namespace change together.
    let shared = document.nodes.iter().flat_map(|(name, node)| {
        let owner = node.as_ref().and_then(|n| n.namespace.clone());
        owner.into_iter().flat_map(move |o| [o, name.clone()])
    });
    let plain = |name: String| match name.strip_prefix("node:") {
        Some(plain) => plain.to_owned(),
        None => name,
    };
    let is_node = |name: &String| {
        let linked = || {
            document
                .links
                .iter()
                .any(|l| l.endpoints.contains_key(name))
        };
        document.nodes.contains_key(name) || linked()
    };
    // The sources of routers depend on the routes of the other nodes.
    let routes = |n: &NodeDoc| n.forwarding == Some(true) || n.routes.is_some();
    let routers = document.nodes.iter();
    let routers = routers.filter(|(_, node)| node.as_ref().is_some_and(routes));
    let routers = routers.map(|(name, _)| name.clone());
    // A policy or expectation may mean a port of theirs.
    let with_names = document.nodes.iter();
    let with_names = with_names.filter(|(_, n)| n.as_ref().is_some_and(names_ports));
    let with_names = with_names.map(|(name, _)| name.clone());
    let (policies, expected) = (policies.map(plain), expected.map(plain));
    let shared = shared.map(plain);
    let all = links.chain(policies).chain(expected).chain(needed);
    let all = all.chain(routers).chain(shared).chain(with_names);
    all.filter(is_node).collect()
}

/// Whether a node gives names to ports.
fn names_ports(node: &NodeDoc) -> bool {
    let mut ports = node.ports.iter().flat_map(|p| p.items());
    node.port_names.is_some()
        || ports.any(|port| match port {
            PortDoc::Short(text) => text.text().contains('='),
            PortDoc::Long(long) => long.name.is_some(),
        })
}
