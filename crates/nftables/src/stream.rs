//! Protocols with connections.

/// A transport protocol whose connections begin with a certain packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stream {
    /// A connection begins with SYN (RFC 9293, section 3.5).
    Tcp,
    /// An association begins with an INIT chunk (RFC 9260, section 5.1).
    Sctp,
}

impl Stream {
    /// Every protocol.
    pub const ALL: [Self; 2] = [Self::Tcp, Self::Sctp];

    /// Its IP protocol number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Sctp => 132,
        }
    }
}
