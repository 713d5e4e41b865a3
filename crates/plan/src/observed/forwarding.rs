//! Entries of the forwarding tables of bridges.

/// An entry for the MAC address of a node or of the bridge that does not come from frames and that the
/// kernel did not make itself: as long as it exists, frames to the address go by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenForwarding {
    /// The bridge.
    pub bridge: String,
    /// The interface index of the port, or of the bridge.
    pub port: u32,
    /// The MAC address.
    pub mac: [u8; 6],
}
