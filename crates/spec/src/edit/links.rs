//! Edits of links.

use indexmap::IndexMap;
use ipnet::IpNet;

use super::error::EditError;
use crate::Name;
use crate::document::{Document, EndDoc, LinkDoc, OneOrMany};

pub(super) fn add(
    document: &mut Document,
    ends: &[(Name, Vec<IpNet>); 2],
) -> Result<(), EditError> {
    let endpoints: IndexMap<String, Option<EndDoc>> = ends
        .iter()
        .map(|(node, nets)| (node.to_string(), addresses(nets)))
        .collect();
    if endpoints.len() != ends.len() {
        return Err(EditError::LinkToItself);
    }
    document.links.push(LinkDoc {
        endpoints,
        ..LinkDoc::default()
    });
    Ok(())
}

fn addresses(nets: &[IpNet]) -> Option<EndDoc> {
    (!nets.is_empty()).then(|| {
        EndDoc::Addresses(OneOrMany::of(
            nets.iter().map(ToString::to_string).collect(),
        ))
    })
}

pub(super) fn remove(
    document: &mut Document,
    ends: &[Name; 2],
    link: usize,
) -> Result<(), EditError> {
    let has = |l: &LinkDoc| ends.iter().all(|e| l.endpoints.contains_key(e.as_ref()));
    if !document.links.get(link).is_some_and(has) {
        let [a, b] = ends.clone();
        return Err(EditError::NoLink(a, b));
    }
    document.links.remove(link);
    Ok(())
}
