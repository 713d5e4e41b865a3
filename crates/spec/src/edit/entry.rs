//! The entry of a node in a document.

use super::error::EditError;
use crate::Name;
use crate::document::{Document, NodeDoc};

/// The node of that name; a node that only links name gets an entry.
pub(super) fn node_mut<'a>(
    document: &'a mut Document,
    name: &Name,
) -> Result<&'a mut NodeDoc, EditError> {
    let linked = document
        .links
        .iter()
        .any(|l| l.endpoints.contains_key(name.as_ref()));
    if linked && !document.nodes.contains_key(name.as_ref()) {
        document.nodes.insert(name.to_string(), None);
    }
    match document.nodes.get_mut(name.as_ref()) {
        Some(node) => Ok(node.get_or_insert_with(NodeDoc::default)),
        None => Err(EditError::NoNode(name.clone())),
    }
}
