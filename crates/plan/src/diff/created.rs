//! What a plan creates.

use std::collections::BTreeSet;

use hallway_spec::Name;

use crate::settled::InterfaceRef;

/// What is created, and so needs no repair.
#[derive(Debug, Default)]
pub(super) struct Created {
    /// Links on the host.
    pub(super) host: BTreeSet<String>,
    /// Whole nodes.
    pub(super) nodes: BTreeSet<Name>,
    /// Interfaces inside nodes.
    pub(super) inside: BTreeSet<InterfaceRef>,
}
