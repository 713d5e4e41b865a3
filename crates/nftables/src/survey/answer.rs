//! What is known about a rule and a packet.

use crate::evaluate::PacketContext;
use crate::expr::Verdict;

/// Bits of `ct state`.
const INVALID: u32 = 1;
const ESTABLISHED: u32 = 2;
const NEW: u32 = 8;

/// Whether a packet matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
    Maybe,
}

impl Answer {
    pub(super) fn of(yes: bool) -> Self {
        if yes { Self::Yes } else { Self::No }
    }
}

/// The action of a rule for packets that it matches.
pub(super) enum Act {
    Verdict(Verdict),
    Drop,
    /// Anything.
    Unknown,
    Nothing,
}

/// The bit of `ct state` for a packet.
pub(super) fn state(packet: &PacketContext<'_>) -> u32 {
    match (packet.established, packet.invalid) {
        (true, _) => ESTABLISHED,
        (_, true) => INVALID,
        _ => NEW,
    }
}
