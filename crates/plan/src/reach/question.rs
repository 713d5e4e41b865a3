//! Questions about reachability.

use hallway_spec::Service;

use super::party::Party;

/// Whether one party reaches another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The client.
    pub from: Party,
    /// The server.
    pub to: Party,
    /// A port of the server, or ping.
    pub service: Service,
}
