//! A difference between what was built and what the kernel holds.

use hallway_plan::compare::{Difference, ObjectPlace};
use serde::Serialize;

/// Something that is not as it was built.
#[derive(Debug, Serialize)]
pub struct DifferenceEntry {
    /// `host`, or `node` for the namespace of a node.
    pub place: &'static str,
    /// The node.
    pub node: Option<String>,
    /// What differs, like `mtu of eth0`.
    pub object: String,
    /// What must exist.
    pub wanted: String,
    /// What was found.
    pub found: String,
}

impl From<&Difference> for DifferenceEntry {
    fn from(difference: &Difference) -> Self {
        let (wanted, found) = difference.wanted_and_found();
        let (place, node) = match &difference.place {
            ObjectPlace::Host => ("host", None),
            ObjectPlace::Node { node, .. } => ("node", Some(node.to_string())),
        };
        Self {
            place,
            node,
            object: difference.object(),
            wanted,
            found,
        }
    }
}
