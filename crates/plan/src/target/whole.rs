//! The target of a project: its host and its nodes.

use super::{Target, host, node};
use crate::settled::Settled;

impl Target {
    /// Everything the project needs in the kernel.
    #[must_use]
    pub fn of(settled: &Settled) -> Self {
        Self {
            host: host::space(settled),
            nodes: settled
                .nodes
                .iter()
                .map(|n| node::target(settled, n))
                .collect(),
        }
    }

    /// The same where answers have a source that is an address of the host while they are routed.
    pub(crate) fn accept_own_sources(&mut self) {
        host::accept_own_sources(&mut self.host);
    }
}
