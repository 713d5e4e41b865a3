//! Settings of a link (those below `net/ipv4/conf/LINK` and `net/ipv6/conf/LINK`) from the kernel's
//! message about the link: one list of links contains them all, without reading /proc/sys.

use crate::wire::Attrs;

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
/// linux/if_link.h: the values of struct ipv4_devconf, each a u32.
const IFLA_INET_CONF: u16 = 1;
/// linux/if_link.h: the values of struct ipv6_devconf, each a u32.
const IFLA_INET6_CONF: u16 = 2;
/// linux/ip.h, IPV4_DEVCONF_FORWARDING - 1.
const FORWARDING4: usize = 0;
/// linux/ipv6.h, enum of DEVCONF_*.
const ACCEPT_RA: usize = 3;
const AUTOCONF: usize = 5;
const DISABLE_IPV6: usize = 26;
const FORCE_FORWARDING: usize = 59;

/// Settings of a link; `None` for those that the kernel does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkSettings {
    /// `net/ipv4/conf/LINK/forwarding`.
    pub forwarding4: Option<u32>,
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
