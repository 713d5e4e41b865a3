//! A packet at a hook, as far as rules of other programs can match it.

use std::net::IpAddr;

use crate::Family;
use crate::evaluate::PacketContext;

/// Bits of `ct state`.
const INVALID: u32 = 1;
const ESTABLISHED: u32 = 2;
const NEW: u32 = 8;
const UNTRACKED: u32 = 64;

/// Ports that programs get without asking for one, unless the machine is set otherwise
/// (ip_local_port_range).
const CHOSEN: [u16; 2] = [32768, 60999];

/// A mark, of which some bits may not be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its value; 0 in bits that are not known.
    pub value: u32,
    /// The bits that are known.
    pub known: u32,
}

impl Mark {
    /// That of a packet or a connection to which no rule has given one.
    pub const NONE: Self = Self {
        value: 0,
        known: u32::MAX,
    };

    /// One that may be anything.
    pub const ANY: Self = Self { value: 0, known: 0 };
}

/// Addresses and ports of one direction of a connection; a port is 0 where a client chose it, an address
/// unspecified where it is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tuple {
    /// The source.
    pub from: IpAddr,
    /// The destination.
    pub to: IpAddr,
    /// The source port.
    pub source_port: u16,
    /// The destination port.
    pub port: u16,
}

/// A packet at a hook.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// What rules of hallway match, too. An unspecified address is one that is not known.
    pub context: PacketContext<'a>,
    /// The family of the tables that it passes there.
    pub family: Family,
    /// Its ports; 0 where a client chose it.
    pub ports: Option<(u16, u16)>,
    /// The last of its possible destination ports, where it may have one of several.
    pub last_port: Option<u16>,
    /// The flags of TCP.
    pub tcp_flags: Option<u8>,
    /// A rule has exempted it from connection tracking.
    pub untracked: bool,
    /// The two directions of its connection.
    pub connection: Option<[Tuple; 2]>,
    /// It is a reply in its connection.
    pub reply: bool,
    /// Its mark.
    pub mark: Mark,
    /// The mark of its connection.
    pub connection_mark: Mark,
    /// The numbers of the interfaces it came in by and leaves by; none where they are not known.
    pub indexes: [Option<u32>; 2],
    /// The bridges of these interfaces.
    pub bridges: [&'a str; 2],
}

impl<'a> Packet<'a> {
    /// A packet of which no more is known.
    #[must_use]
    pub fn new(context: PacketContext<'a>, family: Family) -> Self {
        Self {
            context,
            family,
            ports: context.port.map(|port| (0, port)),
            last_port: None,
            tcp_flags: None,
            untracked: false,
            connection: None,
            reply: false,
            mark: Mark {
                value: context.mark,
                ..Mark::NONE
            },
            connection_mark: Mark::NONE,
            indexes: [None; 2],
            bridges: [""; 2],
        }
    }

    /// The first and the last of its possible destination ports.
    pub(super) fn destinations(&self) -> Option<[u16; 2]> {
        let (_, port) = self.ports?;
        let [first, last] = possible(port);
        Some([first, self.last_port.unwrap_or(last)])
    }

    /// The first and the last of its possible source ports.
    pub(super) fn sources(&self) -> Option<[u16; 2]> {
        self.ports.map(|(port, _)| possible(port))
    }

    /// The bit of `ct state`.
    pub(super) fn state(&self) -> u32 {
        match (self.context.established, self.context.invalid) {
            _ if self.untracked => UNTRACKED,
            (true, _) => ESTABLISHED,
            (_, true) => INVALID,
            _ => NEW,
        }
    }
}

/// The first and the last value of a port; 0 is one that a client chose.
pub(super) fn possible(port: u16) -> [u16; 2] {
    if port == 0 { CHOSEN } else { [port; 2] }
}

/// What a rule does to the addresses of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Translation {
    /// Other destination: an address or a port, or both; none of them where it is not known.
    Destination(Option<IpAddr>, Option<u16>),
    /// To this machine, and to this port if that changes.
    Redirect(Option<u16>),
    /// The source gets this address; none where it is not known.
    Source(Option<IpAddr>),
    /// The source gets the address of the interface that the packet leaves by.
    Masquerade,
}

/// The address of so many bytes.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
