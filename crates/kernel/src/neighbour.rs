//! Neighbours: which MAC address has which IP address on a link (linux/neighbour.h; neighbour
//! discovery by RFC 826 and RFC 4861).

use std::net::IpAddr;
use std::time::Duration;

use hallway_nftables::IpVersion;

use crate::addr::family;
use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_REPLACE, Request};
use crate::wire::{Attrs, Writer, address_bytes, address_of, u16_of, u32_of};
use crate::{Kernel, KernelError};

pub(crate) const RTM_NEWNEIGH: u16 = 28;
const NTF_EXT_LEARNED: u8 = 1 << 4;
pub(crate) const RTM_DELNEIGH: u16 = 29;
pub(crate) const RTM_GETNEIGH: u16 = 30;
const RTM_GETNEIGHTBL: u16 = 66;
const RTM_SETNEIGHTBL: u16 = 67;
const NDA_DST: u16 = 1;
pub(crate) const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u16 = 0x80;
const NDA_CACHEINFO: u16 = 3;
/// The place of `ndm_used` in struct nda_cacheinfo.
const USED: usize = 4;
/// Its unit (USER_HZ).
const TICK: Duration = Duration::from_millis(10);
const NDTA_NAME: u16 = 1;
const NDTA_PARMS: u16 = 6;
const NDTA_STATS: u16 = 7;
/// The place of `ndts_table_fulls` in struct ndt_stats.
const TABLE_FULLS: usize = 80;
const NDTPA_IFINDEX: u16 = 1;
const NDTPA_MCAST_PROBES: u16 = 11;

/// The kernel's state of a neighbour (NUD_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NeighbourState {
    /// No lookup was needed or made.
    #[default]
    None,
    /// A request was sent; no answer yet.
    Incomplete,
    /// An answer came a short time ago.
    Reachable,
    /// An answer came once; checked when next used.
    Stale,
    /// Used while stale; about to be checked.
    Delay,
    /// Being checked.
    Probe,
    /// No answer came.
    Failed,
    /// Needs no lookup.
    NoArp,
    /// Set by an administrator.
    Permanent,
    /// Another number, without a name in this version.
    Other(u16),
}

impl NeighbourState {
    fn of(number: u16) -> Self {
        match number {
            0 => Self::None,
            0x01 => Self::Incomplete,
            0x02 => Self::Reachable,
            0x04 => Self::Stale,
            0x08 => Self::Delay,
            0x10 => Self::Probe,
            0x20 => Self::Failed,
            0x40 => Self::NoArp,
            NUD_PERMANENT => Self::Permanent,
            other => Self::Other(other),
        }
    }

    /// No answer has come for the address, or not yet.
    #[must_use]
    pub fn is_unanswered(self) -> bool {
        matches!(self, Self::Incomplete | Self::Failed)
    }
}

/// A neighbour in the form of the kernel's messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourInfo {
    /// Interface index.
    pub interface: u32,
    /// IP address.
    pub address: IpAddr,
    /// MAC address; none before it has been learned.
    pub mac: Option<[u8; 6]>,
    /// The kernel's state of it.
    pub state: NeighbourState,
    /// A program learned it (`extern_learn`, NTF_EXT_LEARNED): the kernel sends no solicitations for it.
    pub by_program: bool,
    /// The time since the last packet for it.
    pub used: Option<Duration>,
}

impl NeighbourInfo {
    /// Whether no answer has come to a solicitation for a packet of this last time. It is true also if its
    /// age is not known.
    #[must_use]
    pub fn is_unanswered_within(&self, time: Duration) -> bool {
        let within = self.used.is_none_or(|used| used <= time + 2 * TICK);
        within && self.state.is_unanswered()
    }

    /// Whether the kernel sends no solicitations for it: a program has set it, or the link has no ARP.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        match self.state {
            NeighbourState::Permanent => true,
            NeighbourState::NoArp => !self.address.is_multicast(),
            _ => self.by_program,
        }
    }
}

/// struct ndmsg and the address.
fn body(interface: u32, address: IpAddr, state: u16) -> Writer {
    let mut head = [0_u8; 12];
    head[0] = family(address);
    head[4..8].copy_from_slice(&interface.to_ne_bytes());
    head[8..10].copy_from_slice(&state.to_ne_bytes());
    let mut w = Writer::with_header(&head);
    w.attr(NDA_DST, &address_bytes(address));
    w
}

/// Sets a permanent neighbour (NUD_PERMANENT), or replaces its entry.
#[must_use]
pub fn set_neighbour(interface: u32, address: IpAddr, mac: [u8; 6]) -> Request {
    let mut w = body(interface, address, NUD_PERMANENT);
    w.attr(NDA_LLADDR, &mac);
    Request {
        acts_on: OperationKind::Neighbour,
        kind: RTM_NEWNEIGH,
        flags: NLM_F_CREATE | NLM_F_REPLACE,
        body: w.finish(),
        operation: "set the neighbour",
        object: address.to_string(),
    }
}

/// Removes the entry of a neighbour.
#[must_use]
pub fn delete_neighbour(interface: u32, address: IpAddr) -> Request {
    Request {
        acts_on: OperationKind::Neighbour,
        kind: RTM_DELNEIGH,
        flags: 0,
        body: body(interface, address, 0).finish(),
        operation: "remove the neighbour",
        object: address.to_string(),
    }
}

/// The number of solicitations that the kernel sends for the MAC address of an unknown neighbour of a link:
/// `net/ipv4/neigh/LINK/mcast_solicit`, or the same for IPv6. With 0 it sends none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Solicitations {
    /// Interface index.
    pub interface: u32,
    /// Of which IP version.
    pub version: IpVersion,
    /// How often.
    pub count: u32,
}

/// Sets it.
#[must_use]
pub fn set_solicitations(new: Solicitations) -> Request {
    let table = match new.version {
        IpVersion::V4 => "arp_cache",
        IpVersion::V6 => "ndisc_cache",
    };
    let mut w = Writer::with_header(&[new.version.nfproto(), 0, 0, 0]);
    w.str(NDTA_NAME, table);
    w.nest(NDTA_PARMS, |w| {
        w.u32(NDTPA_IFINDEX, new.interface);
        w.u32(NDTPA_MCAST_PROBES, new.count);
    });
    Request {
        acts_on: OperationKind::Neighbour,
        kind: RTM_SETNEIGHTBL,
        flags: 0,
        body: w.finish(),
        operation: "set the solicitations of",
        object: table.to_owned(),
    }
}

/// Reads struct ndtmsg and NDTA_*; none for the message of a whole table.
fn solicitations(body: &[u8]) -> Option<Solicitations> {
    let parameters = Attrs(Attrs(body.get(4..)?).find(NDTA_PARMS)?);
    Some(Solicitations {
        interface: parameters.find(NDTPA_IFINDEX).and_then(u32_of)?,
        version: match body.first()? {
            2 => IpVersion::V4,
            10 => IpVersion::V6,
            _ => return None,
        },
        count: parameters.find(NDTPA_MCAST_PROBES).and_then(u32_of)?,
    })
}

/// Reads struct ndtmsg and `ndts_table_fulls` of NDTA_STATS; none for the message of a link.
fn table_fulls(body: &[u8]) -> Option<u64> {
    let statistics = Attrs(body.get(4..)?).find(NDTA_STATS)?;
    let count = statistics.get(TABLE_FULLS..TABLE_FULLS + 8)?;
    Some(u64::from_ne_bytes(count.try_into().ok()?))
}

/// Reads RTM_NEWNEIGH or RTM_DELNEIGH; none for entries of bridges, which are MAC addresses.
pub(crate) fn parse(body: &[u8]) -> Option<NeighbourInfo> {
    let attrs = Attrs(body.get(12..)?);
    Some(NeighbourInfo {
        interface: u32_of(body.get(4..)?)?,
        address: attrs.find(NDA_DST).and_then(address_of)?,
        mac: attrs.find(NDA_LLADDR).and_then(|mac| mac.try_into().ok()),
        state: NeighbourState::of(u16_of(body.get(8..)?)?),
        by_program: body.get(10)? & NTF_EXT_LEARNED != 0,
        used: attrs
            .find(NDA_CACHEINFO)
            .and_then(|info| u32_of(info.get(USED..)?))
            .map(|ticks| TICK.saturating_mul(ticks)),
    })
}

impl Kernel {
    /// Every neighbour of the namespace.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn neighbours(&mut self) -> Result<Vec<NeighbourInfo>, KernelError> {
        self.list_objects(
            OperationKind::Neighbour,
            "list the neighbours",
            RTM_GETNEIGH,
            &[0; 12],
            parse,
        )
    }

    /// How often a table of neighbours was full, so that a packet was lost. All namespaces have one
    /// table for each IP version (`net.ipv4.neigh.default.gc_thresh3`).
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn neighbour_tables_full(&mut self) -> Result<u64, KernelError> {
        let counts = self.list_objects(
            OperationKind::Neighbour,
            "list the tables of neighbours",
            RTM_GETNEIGHTBL,
            &[0; 4],
            table_fulls,
        )?;
        Ok(counts.iter().sum())
    }

    /// The number of solicitations (`mcast_solicit`) of each link of the namespace. The kernel looks through
    /// the links of all namespaces for this; for one link among many, read the setting below /proc/sys.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn solicitations(&mut self) -> Result<Vec<Solicitations>, KernelError> {
        self.list_objects(
            OperationKind::Neighbour,
            "list the settings of neighbours",
            RTM_GETNEIGHTBL,
            &[0; 4],
            solicitations,
        )
    }
}
