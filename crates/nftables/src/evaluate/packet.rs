//! What is known of a packet.

use std::net::IpAddr;

/// The fields of a packet for rules at a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketContext<'a> {
    /// The interface it came in by: a bridge for frames of its ports, `lo`, empty on output.
    pub iif: &'a str,
    /// That interface's device group.
    pub iif_group: u32,
    /// The interface it leaves by, if that is known.
    pub oif: &'a str,
    /// The group of the interface it leaves by, if that is known.
    pub oif_group: u32,
    /// The frame's source, in the bridge family.
    pub mac: [u8; 6],
    /// The frame's destination, of one that a bridge passes on; zero for any other.
    pub mac_to: [u8; 6],
    /// Source address.
    pub from: IpAddr,
    /// Destination address.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Destination port, of protocols that have ports.
    pub port: Option<u16>,
    /// ICMP or ICMPv6 type.
    pub icmp: Option<u8>,
    /// It belongs to a connection with packets in both directions, or is related to one.
    pub established: bool,
    /// It belongs to no connection.
    pub invalid: bool,
    /// It belongs to no tracked connection, and does not begin one of its protocol.
    pub mid_stream: bool,
    /// Its connection was destination-NATed.
    pub dnated: bool,
    /// Its destination is an address of the host.
    pub to_local: bool,
    /// Its mark.
    pub mark: u32,
}

impl PacketContext<'_> {
    /// A packet with only its addresses and its IP protocol.
    #[must_use]
    pub fn new(from: IpAddr, to: IpAddr, protocol: u8) -> Self {
        Self {
            iif: "",
            iif_group: 0,
            oif: "",
            oif_group: 0,
            mac: [0; 6],
            mac_to: [0; 6],
            from,
            to,
            protocol,
            port: None,
            icmp: None,
            established: false,
            invalid: false,
            mid_stream: false,
            dnated: false,
            to_local: false,
            mark: 0,
        }
    }
}
