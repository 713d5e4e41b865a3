//! Whether a node has an address.

/// Whether a node has an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Has {
    Yes,
    /// It may take the address (`sources`); whether it has done so was not read.
    Perhaps,
    No,
}
