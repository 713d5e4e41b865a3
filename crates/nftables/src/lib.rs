//! nf_tables (linux/netfilter/nf_tables.h) as values: no sockets, no I/O.

mod describe;
pub mod expr;
pub mod key;
pub mod listing;
pub mod trace;
pub mod transaction;
pub mod wire;

/// Which packets a table sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4 and IPv6.
    Inet = 1,
    /// Frames of bridges.
    Bridge = 7,
}
