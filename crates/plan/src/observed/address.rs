//! Addresses as they were found.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenAddress {
    /// Another IPv4 address of its subnet comes before it.
    pub secondary: bool,
    /// Why it must be removed and added again; none if it need not.
    pub fault: Option<AddressFault>,
    /// Interface index.
    pub interface: u32,
    /// Address and prefix length.
    pub net: IpNet,
    /// The other end of the link, if the address was added for that one alone (ip-address(8), peer).
    pub peer: Option<IpAddr>,
}

impl SeenAddress {
    /// How the kernel finds it among the addresses of its interface.
    #[must_use]
    pub fn assigned(&self) -> AssignedAddress {
        AssignedAddress {
            net: self.net,
            peer: self.peer,
        }
    }
}

/// An address that an interface has. IPv4 allows one address several times, with different peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AssignedAddress {
    /// The address, with the prefix length of the subnet, which is the peer's if there is one.
    pub net: IpNet,
    /// The peer.
    pub peer: Option<IpAddr>,
}

impl From<IpNet> for AssignedAddress {
    fn from(net: IpNet) -> Self {
        Self { net, peer: None }
    }
}

/// As ip(8) reads it.
impl fmt::Display for AssignedAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peer {
            None => self.net.fmt(f),
            Some(peer) => {
                let (address, length) = (self.net.addr(), self.net.prefix_len());
                write!(f, "{address} peer {peer}/{length}")
            }
        }
    }
}

/// What makes an address that is there unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressFault {
    /// An IPv4 address has another scope: packets of other networks do not have it as their source.
    Scope,
    /// It lacks the route in the table local by which packets to it are delivered.
    LocalRoute,
    /// It lacks the route in the table local by which broadcasts to its subnet are delivered.
    BroadcastRoute,
    /// It has a peer: packets to the subnet go to that address alone, or to another subnet.
    Peer,
    /// It has the broadcast address of another subnet: what is sent there goes to every node.
    Broadcast,
    /// It is removed after a time, or not used for new connections from then on.
    Lifetime,
}

impl fmt::Display for AddressFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scope => "global scope",
            Self::LocalRoute => "a local route",
            Self::BroadcastRoute => "a broadcast route",
            Self::Peer => "a subnet of its own on the link",
            Self::Broadcast => "the broadcast address of its subnet",
            Self::Lifetime => "an unlimited lifetime",
        })
    }
}
