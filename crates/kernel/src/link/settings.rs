//! Settings of a link (those below `net/ipv4/conf/LINK` and `net/ipv6/conf/LINK`) from the kernel's
//! message about the link: one list of links contains them all, without reading /proc/sys.

use super::{AF_INET, AF_INET6};
use crate::wire::{Attrs, Writer};

/// linux/if_link.h: the values of struct ipv4_devconf, each a u32.
const IFLA_INET_CONF: u16 = 1;
/// linux/if_link.h: the values of struct ipv6_devconf, each a u32.
const IFLA_INET6_CONF: u16 = 2;
/// linux/ip.h, IPV4_DEVCONF_FORWARDING - 1.
const FORWARDING4: usize = 0;
const RP_FILTER: usize = 7;
const ARP_FILTER: usize = 12;
const ARP_IGNORE: usize = 18;
const ACCEPT_LOCAL: usize = 22;
/// linux/ipv6.h, enum of DEVCONF_*.
const HOP_LIMIT: usize = 1;
const ACCEPT_RA: usize = 3;
const AUTOCONF: usize = 5;
const DISABLE_IPV6: usize = 26;
const FORCE_FORWARDING: usize = 59;

/// Settings of a link; `None` for those that the kernel does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkSettings {
    /// `net/ipv4/conf/LINK/forwarding`.
    pub forwarding4: Option<u32>,
    /// `net/ipv4/conf/LINK/rp_filter`.
    pub rp_filter: Option<u32>,
    /// `net/ipv4/conf/LINK/arp_filter`.
    pub arp_filter: Option<u32>,
    /// `net/ipv4/conf/LINK/arp_ignore`.
    pub arp_ignore: Option<u32>,
    /// `net/ipv4/conf/LINK/accept_local`.
    pub accept_local: Option<u32>,
    /// `net/ipv6/conf/LINK/hop_limit`.
    pub hop_limit: Option<u32>,
    /// `net/ipv6/conf/LINK/force_forwarding`, since Linux 6.17.
    pub force_forwarding6: Option<u32>,
    /// `net/ipv6/conf/LINK/accept_ra`.
    pub accept_ra: Option<u32>,
    /// `net/ipv6/conf/LINK/autoconf`.
    pub autoconf: Option<u32>,
    /// `net/ipv6/conf/LINK/disable_ipv6`.
    pub disable_ipv6: Option<u32>,
}

impl LinkSettings {
    /// Reads IFLA_AF_SPEC of a link.
    pub(super) fn parse(spec: &[u8]) -> Self {
        let values = |family, conf| Attrs(spec).find(family).and_then(|f| Attrs(f).find(conf));
        let v4 = values(AF_INET, IFLA_INET_CONF);
        let v6 = values(AF_INET6, IFLA_INET6_CONF);
        Self {
            forwarding4: value(v4, FORWARDING4),
            rp_filter: value(v4, RP_FILTER),
            arp_filter: value(v4, ARP_FILTER),
            arp_ignore: value(v4, ARP_IGNORE),
            accept_local: value(v4, ACCEPT_LOCAL),
            hop_limit: value(v6, HOP_LIMIT),
            force_forwarding6: value(v6, FORCE_FORWARDING),
            accept_ra: value(v6, ACCEPT_RA),
            autoconf: value(v6, AUTOCONF),
            disable_ipv6: value(v6, DISABLE_IPV6),
        }
    }
}

fn value(values: Option<&[u8]>, position: usize) -> Option<u32> {
    let bytes = values?.get(position * 4..position * 4 + 4)?;
    bytes.try_into().ok().map(u32::from_ne_bytes)
}

/// An IPv4 setting of a link that a message about the link can change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ipv4Setting {
    /// `rp_filter`.
    RpFilter,
    /// `arp_filter`.
    ArpFilter,
    /// `arp_ignore`.
    ArpIgnore,
    /// `accept_local`.
    AcceptLocal,
}

impl Ipv4Setting {
    fn position(self) -> usize {
        match self {
            Self::RpFilter => RP_FILTER,
            Self::ArpFilter => ARP_FILTER,
            Self::ArpIgnore => ARP_IGNORE,
            Self::AcceptLocal => ACCEPT_LOCAL,
        }
    }
}

/// Writes the part of IFLA_AF_SPEC that changes them. Each is an attribute whose number is the
/// setting's (IPV4_DEVCONF_*).
pub(super) fn write(w: &mut Writer, settings: &[(Ipv4Setting, u32)]) {
    w.nest(AF_INET, |w| {
        w.nest(IFLA_INET_CONF, |w| {
            for (setting, value) in settings {
                w.u32(setting.position() as u16 + 1, *value);
            }
        });
    });
}
