//! Keys of sets: typed fields, each padded to four bytes when several are joined.

use std::net::IpAddr;

/// Types as nft numbers them (its own enum datatypes), so that `nft list` prints elements well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum KeyType {
    Ipv4,
    Ipv6,
    EtherAddr,
    InetProto,
    InetService,
    DevGroup,
    Ifname,
}

impl KeyType {
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::EtherAddr => 9,
            Self::InetProto => 12,
            Self::InetService => 13,
            Self::DevGroup => 35,
            Self::Ifname => 41,
        }
    }

    /// Bytes, without padding.
    #[must_use]
    pub fn length(self) -> usize {
        match self {
            Self::InetProto => 1,
            Self::InetService => 2,
            Self::Ipv4 | Self::DevGroup => 4,
            Self::EtherAddr => 6,
            Self::Ipv6 | Self::Ifname => 16,
        }
    }

    /// Numbers that the kernel keeps in its own byte order.
    pub(crate) fn host_order(self) -> bool {
        matches!(self, Self::DevGroup | Self::Ifname)
    }
}

/// A key under construction.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Key(pub Vec<u8>);

impl Key {
    fn push(&mut self, bytes: &[u8], joined: bool) {
        self.0.extend_from_slice(bytes);
        while joined && !self.0.len().is_multiple_of(4) {
            self.0.push(0);
        }
    }

    /// Appends an address.
    pub fn address(&mut self, address: IpAddr) {
        self.push(&crate::wire::address_bytes(address), true);
    }

    /// Appends a protocol number; `joined` when it is one of several fields.
    pub fn protocol(&mut self, protocol: u8, joined: bool) {
        self.push(&[protocol], joined);
    }

    /// Appends a port.
    pub fn port(&mut self, port: u16, joined: bool) {
        self.push(&port.to_be_bytes(), joined);
    }

    /// Appends a device group.
    pub fn group(&mut self, group: u32) {
        self.push(&group.to_ne_bytes(), true);
    }

    /// Appends a MAC address.
    pub fn ether(&mut self, mac: [u8; 6], joined: bool) {
        self.push(&mac, joined);
    }

    /// Appends a link name, filled up with zeros to IFNAMSIZ.
    pub fn ifname(&mut self, name: &str) {
        let mut bytes = [0_u8; 16];
        for (slot, byte) in bytes.iter_mut().zip(name.bytes().take(15)) {
            *slot = byte;
        }
        self.push(&bytes, true);
    }
}
