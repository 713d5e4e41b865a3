//! Policies of commands that cover one another, and those that cancel each other.

use std::collections::BTreeSet;

use crate::document::{Document, NetworksDoc, NodeDoc, OneOrMany, PolicyDoc, Scalar};
use crate::service::AnyProtocol;
use crate::{PortRange, Protocol};

/// What a policy applies to, whichever way it is written.
#[derive(PartialEq, Eq)]
pub(super) struct Scope {
    from: BTreeSet<String>,
    to: BTreeSet<String>,
    /// Empty: everything.
    services: BTreeSet<String>,
}

impl Scope {
    /// `None` for a policy in both directions.
    pub(super) fn of(document: &Document, policy: &PolicyDoc) -> Option<Self> {
        let ends = |side: &Option<OneOrMany<String>>| -> BTreeSet<String> {
            let items = side.as_ref().map(OneOrMany::items).unwrap_or_default();
            items.iter().map(|end| end_of(document, end)).collect()
        };
        let services = policy.ports.as_ref().map(OneOrMany::items);
        policy.between.is_none().then(|| Self {
            from: ends(&policy.from),
            to: ends(&policy.to),
            services: services.unwrap_or_default().iter().map(service).collect(),
        })
    }

    /// Whether it applies to everything that the other applies to.
    pub(super) fn covers(&self, other: &Self) -> bool {
        let services = self.services.is_empty()
            || !other.services.is_empty() && other.services.is_subset(&self.services);
        services && other.from.is_subset(&self.from) && other.to.is_subset(&self.to)
    }

    /// Whether without any policy everything of it is allowed, and the project has no policy that denies.
    pub(super) fn is_default(&self, document: &Document) -> bool {
        let denies = |p: &PolicyDoc| p.action.as_deref() == Some("deny");
        let mut pairs = self
            .from
            .iter()
            .flat_map(|a| self.to.iter().map(move |b| (a, b)));
        !document.policies.iter().any(denies) && pairs.all(|(from, to)| allowed(document, from, to))
    }
}

/// An end in one form: `node:` or `network:` with the name, or the text.
fn end_of(document: &Document, text: &str) -> String {
    match text {
        _ if document.nodes.contains_key(text) => format!("node:{text}"),
        _ if document.networks.contains_key(text) => format!("network:{text}"),
        _ => text.to_owned(),
    }
}

/// A service in one form. Names of ports stay as they are.
fn service(text: &Scalar) -> String {
    let text = text.text();
    if let Some(Ok(protocol)) = AnyProtocol::read(&text) {
        return format!("{protocol:?}");
    }
    let (range, protocol) = text.split_once('/').unwrap_or((&text, "tcp"));
    match (range.parse::<PortRange>(), protocol.parse::<Protocol>()) {
        (Ok(range), Ok(protocol)) => format!("{}-{}/{protocol}", range.first(), range.last()),
        _ => text,
    }
}

fn node<'d>(document: &'d Document, end: &str) -> Option<&'d NodeDoc> {
    document.nodes.get(end.strip_prefix("node:")?)?.as_ref()
}

/// The networks of an end that is a node or a network.
fn networks(document: &Document, end: &str) -> Option<BTreeSet<String>> {
    if let Some(network) = end.strip_prefix("network:") {
        return Some(BTreeSet::from([network.to_owned()]));
    }
    Some(match node(document, end)?.networks.as_ref()? {
        NetworksDoc::List(names) => names.iter().cloned().collect(),
        NetworksDoc::Map(map) => map.keys().cloned().collect(),
        NetworksDoc::One(name) => BTreeSet::from([name.clone()]),
    })
}

/// The networks on which what an end means has addresses: of a network, those of all its members.
fn all_networks(document: &Document, end: &str) -> BTreeSet<String> {
    let own = networks(document, end).unwrap_or_default();
    if node(document, end).is_some() {
        return own;
    }
    let all = document
        .nodes
        .keys()
        .filter_map(|n| networks(document, &format!("node:{n}")));
    let members = all.filter(|of| !of.is_disjoint(&own));
    let others: BTreeSet<String> = members.flatten().collect();
    others.union(&own).cloned().collect()
}

/// Whether all connections are certainly allowed where no policy matches.
fn allowed(document: &Document, from: &str, to: &str) -> bool {
    let mut all = document.networks.values().flatten();
    match (networks(document, from), networks(document, to)) {
        // A member of all networks of the other end has each of its addresses on one of its own.
        (Some(from), Some(_)) => {
            let to = all_networks(document, to);
            !to.is_empty() && to.is_subset(&from)
        }
        (Some(from), None) if to == "outside" => {
            let inner = |name: &String| {
                let network = document.networks.get(name).and_then(Option::as_ref);
                network.is_some_and(|n| n.internal == Some(true))
            };
            !from.iter().all(inner) && !all.any(|n| n.outside == Some(true))
        }
        // A policy cannot allow this: it is left to published ports.
        (None, Some(_)) if from == "outside" => all.all(|n| n.nat != Some(false)),
        (None, Some(_)) => from == "host",
        _ => false,
    }
}
