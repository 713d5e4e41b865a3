//! Addresses that the host uses and that belong to other machines.

use std::net::IpAddr;

/// An address that the host sends packets to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenUse {
    /// The address.
    pub address: IpAddr,
    /// How it is known.
    pub by: UsedBy,
}

/// How the host uses an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsedBy {
    /// It is one of its name servers.
    NameServer,
    /// It has an open connection, from this address of its own.
    Connection {
        /// The host's address.
        own: IpAddr,
    },
    /// A machine on this link has answered for the address, or an administrator has set its MAC address.
    Neighbour {
        /// Interface index.
        interface: u32,
    },
}
