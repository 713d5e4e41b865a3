//! What changes all the time.

use std::collections::BTreeMap;

use hallway_spec::Name;

/// Bytes that passed an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// What exists of a project at this moment, for pictures.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// The names of the host's links.
    pub links: Vec<String>,
    /// The nodes that exist, with their interfaces.
    pub nodes: BTreeMap<Name, BTreeMap<String, Counters>>,
}
