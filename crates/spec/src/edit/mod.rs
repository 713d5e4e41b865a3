//! The commands for single changes, as edits of a document. [`crate::parse`] checks whether the
//! result is valid; only what the edit itself needs is checked here.

mod change;
mod entry;
mod error;
mod impair;
mod links;
mod networks;
mod nodes;
mod opposite;
mod policies;
mod rest;

use crate::{Document, Name};

pub use change::{Edit, Impaired, ImpairmentChange, NewNetwork, NewNode};
pub use error::{EditCode, EditError};
pub use networks::free_subnet;
pub use rest::rest;

/// An empty document of that name.
#[must_use]
pub fn empty(name: &Name) -> Document {
    Document {
        name: Some(name.to_string()),
        ..Document::default()
    }
}

/// Applies an edit.
///
/// ```
/// use hallway_spec::{Edit, NewNode, edit, empty};
///
/// let document = empty(&"shop".parse()?);
/// let add = Edit::NodeAdd(NewNode {
///     name: "web".parse()?,
///     networks: vec![],
///     ports: vec![],
///     command: vec![],
///     ready: vec![],
/// });
/// let document = edit(&document, &add).expect("there is no such node yet");
/// assert!(edit(&document, &add).is_err());
/// # Ok::<(), hallway_spec::InvalidName>(())
/// ```
///
/// # Errors
/// When the document lacks what the edit needs, or has it already.
pub fn edit(document: &Document, edit: &Edit) -> Result<Document, EditError> {
    let mut out = document.clone();
    edit_in_place(&mut out, edit)?;
    Ok(out)
}

/// Applies an edit to a document that was `file` before all edits: what the file contains is kept, unless the
/// edit names it.
///
/// # Errors
/// As [`edit`].
pub fn edit_of_file(
    document: &Document,
    file: &Document,
    edit: &Edit,
) -> Result<Document, EditError> {
    let mut out = document.clone();
    make(&mut out, file, edit)?;
    Ok(out)
}

/// Applies an edit to the document itself.
///
/// # Errors
/// As [`edit`]; the document may then be changed in part.
pub fn edit_in_place(document: &mut Document, edit: &Edit) -> Result<(), EditError> {
    make(document, &Document::default(), edit)
}

fn make(document: &mut Document, file: &Document, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::NodeAdd(node) => nodes::add(document, node)?,
        Edit::NodeRemove(name) => nodes::remove(document, name)?,
        Edit::NetworkAdd(network) => networks::add(document, network)?,
        Edit::NetworkRemove(name) => networks::remove(document, name)?,
        Edit::LinkAdd(ends) => links::add(document, ends)?,
        Edit::LinkRemove { ends, link } => links::remove(document, ends, *link)?,
        Edit::Connect(node, network, addresses) => {
            networks::connect(document, node, network, addresses)?;
        }
        Edit::Disconnect(node, network) => networks::disconnect(document, node, network)?,
        Edit::Impair(change) => impair::apply(document, change)?,
        Edit::Publish(node, port) => nodes::publish(document, node, port)?,
        Edit::Unpublish(node, port) => nodes::unpublish(document, node, port)?,
        Edit::Policy {
            action,
            from,
            to,
            ports,
        } => policies::add(document, file, *action, from, to, ports),
        Edit::PolicyRemove(number) => policies::remove(document, *number)?,
    }
    Ok(())
}
