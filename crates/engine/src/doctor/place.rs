//! The place in which `up` is tried.

use std::path::PathBuf;

/// Where `up` works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrialPlace {
    /// The host.
    Host,
    /// A sandbox that is made for this.
    Sandbox {
        /// The directory for state.
        state: PathBuf,
        /// Root of the machine is root in its own sandbox too.
        map_root: bool,
    },
}
