//! Addresses of links (linux/if_addr.h).

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_EXCL, Request};
use crate::wire::{Attrs, Writer, address_bytes, address_of, u32_of};
use crate::{Kernel, KernelError};

pub(crate) const RTM_NEWADDR: u16 = 20;
pub(crate) const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_CACHEINFO: u16 = 6;
const IFA_FLAGS: u16 = 8;
const IFA_PROTO: u16 = 11;
/// Usable immediately: the plan prevents duplicates, so the kernel need not detect them.
const IFA_F_NODAD: u32 = 0x02;
const IFA_F_NOPREFIXROUTE: u32 = 0x200;
const RT_SCOPE_HOST: u8 = 254;
const IFA_F_SECONDARY: u32 = 0x01;
const IFA_F_DADFAILED: u32 = 0x08;
const IFA_F_DEPRECATED: u32 = 0x20;
/// A lifetime without an end (INFINITY_LIFE_TIME).
const FOREVER: u32 = u32::MAX;

/// The kernel's number of an address family.
pub(crate) fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

/// Adds an address, without duplicate address detection. Those of the loopback interface are added
/// as the kernel does: valid on this host, with neither a broadcast address nor a route of IPv6.
#[must_use]
pub fn add_address(index: u32, net: IpNet) -> Request {
    let mut w = body(index, net, None);
    let is_loopback = net.addr().is_loopback();
    if let IpNet::V4(v4) = net
        && v4.prefix_len() < 31
        && !is_loopback
    {
        w.attr(IFA_BROADCAST, &v4.broadcast().octets());
    }
    let flags = match (is_loopback, net) {
        (true, IpNet::V4(_)) => 0,
        (true, IpNet::V6(_)) => IFA_F_NOPREFIXROUTE,
        (false, _) => IFA_F_NODAD,
    };
    w.u32(IFA_FLAGS, flags);
    Request {
        acts_on: OperationKind::Address,
        kind: RTM_NEWADDR,
        flags: NLM_F_CREATE | NLM_F_EXCL,
        body: w.finish(),
        operation: "add the address",
        object: net.to_string(),
    }
}

/// Removes an address: the one with that peer, where an interface has it several times. For IPv4, the
/// prefix length is the peer's.
#[must_use]
pub fn delete_address(index: u32, net: IpNet, peer: Option<IpAddr>) -> Request {
    Request {
        acts_on: OperationKind::Address,
        kind: RTM_DELADDR,
        flags: 0,
        body: body(index, net, peer).finish(),
        operation: "remove the address",
        object: net.to_string(),
    }
}

/// struct ifaddrmsg, and the address itself.
fn body(index: u32, net: IpNet, peer: Option<IpAddr>) -> Writer {
    let mut w = head(index, net);
    w.attr(IFA_LOCAL, &address_bytes(net.addr()));
    w.attr(IFA_ADDRESS, &address_bytes(peer.unwrap_or(net.addr())));
    w
}

fn head(index: u32, net: IpNet) -> Writer {
    let mut head = [0_u8; 8];
    head[0] = family(net.addr());
    head[1] = net.prefix_len();
    if net.addr().is_loopback() {
        head[3] = RT_SCOPE_HOST;
    }
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    Writer::with_header(&head)
}

/// How far an address or route is valid (enum rt_scope_t).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Scope {
    /// Everywhere.
    #[default]
    Universe,
    /// In this site (IPv6, deprecated by RFC 3879).
    Site,
    /// On this link.
    Link,
    /// On this host.
    Host,
    /// Nowhere: a destination that does not exist.
    Nowhere,
    /// A number of the administrator's.
    Other(u8),
}

impl Scope {
    pub(crate) fn of(number: u8) -> Self {
        match number {
            0 => Self::Universe,
            200 => Self::Site,
            253 => Self::Link,
            RT_SCOPE_HOST => Self::Host,
            255 => Self::Nowhere,
            other => Self::Other(other),
        }
    }
}

/// An address as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressInfo {
    /// Interface index.
    pub index: u32,
    /// Address and prefix length.
    pub net: IpNet,
    /// The other end of a point-to-point interface, where it is not the address itself.
    pub peer: Option<IpAddr>,
    /// The broadcast address of its subnet, where it has one.
    pub broadcast: Option<IpAddr>,
    /// Where it is valid.
    pub scope: Scope,
    /// IFA_F_*: 0x80 permanent, 0x40 tentative, 0x08 duplicate found, ...
    pub flags: u32,
    /// Who added it (IFAPROT_*): 0 unspecified, 1 loopback, 2 router advertisement, 3 link-local.
    /// Reported since Linux 5.18.
    pub protocol: u8,
    /// When it was added, in hundredths of a second on the monotonic clock, which a number of 32 bits
    /// holds for 497 days.
    pub added: u32,
    /// How long it is chosen for new connections, and how long it stays, in seconds.
    lifetimes: [u32; 2],
}

impl AddressInfo {
    /// Duplicate address detection (RFC 4862) has found another interface with this address.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        self.flags & IFA_F_DADFAILED != 0
    }

    /// Whether it is removed after some time, or chosen for no new connection from some time on.
    #[must_use]
    pub fn is_limited(&self) -> bool {
        self.flags & IFA_F_DEPRECATED != 0 || self.lifetimes != [FOREVER; 2]
    }

    /// How long ago it was added.
    #[must_use]
    pub fn age(&self) -> Duration {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now = now.tv_sec.wrapping_mul(100) + now.tv_nsec / 10_000_000;
        let age = (now as u32).wrapping_sub(self.added);
        Duration::from_millis(u64::from(age) * 10)
    }

    /// An IPv4 address that was added after another one of its subnet: the other one is the source
    /// of packets whose sender chooses none.
    #[must_use]
    pub fn is_secondary(&self) -> bool {
        self.net.addr().is_ipv4() && self.flags & IFA_F_SECONDARY != 0
    }
}

/// Reads RTM_NEWADDR or RTM_DELADDR.
pub(crate) fn parse(body: &[u8]) -> Option<AddressInfo> {
    let prefix = *body.get(1)?;
    let index = u32_of(body.get(4..)?)?;
    let attrs = Attrs(body.get(8..)?);
    let local = attrs.find(IFA_LOCAL).and_then(address_of);
    let other = attrs.find(IFA_ADDRESS).and_then(address_of);
    let address = local.or(other)?;
    // struct ifa_cacheinfo: two lifetimes in seconds, and when it was added.
    let times = attrs.find(IFA_CACHEINFO).unwrap_or_default();
    let time = |position| times.get(position..).and_then(u32_of);
    Some(AddressInfo {
        lifetimes: [0, 4].map(|position| time(position).unwrap_or(FOREVER)),
        index,
        net: IpNet::new(address, prefix).ok()?,
        peer: other.filter(|peer| *peer != address),
        broadcast: attrs.find(IFA_BROADCAST).and_then(address_of),
        scope: Scope::of(*body.get(3)?),
        flags: attrs
            .find(IFA_FLAGS)
            .and_then(u32_of)
            .unwrap_or(u32::from(*body.get(2)?)),
        protocol: attrs
            .find(IFA_PROTO)
            .and_then(|v| v.first().copied())
            .unwrap_or_default(),
        added: time(8).unwrap_or_default(),
    })
}

impl Kernel {
    /// Every address of the namespace.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn addresses(&mut self) -> Result<Vec<AddressInfo>, KernelError> {
        self.list_objects(
            OperationKind::Address,
            "list the addresses",
            RTM_GETADDR,
            &[0; 8],
            parse,
        )
    }
}
