//! Settings of network devices in rtnetlink (`ip netconf`; linux/netconf.h).

use std::collections::BTreeMap;

use hallway_nftables::IpVersion;
use rustix::io::Errno;

use crate::gate::OperationKind;
use crate::request::Request;
use crate::wire::{Attrs, Writer, u32_of};
use crate::{Kernel, KernelError};

pub(crate) const RTM_NEWNETCONF: u16 = 80;
pub(crate) const RTM_DELNETCONF: u16 = 81;
const RTM_GETNETCONF: u16 = 82;

const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_FORWARDING: u16 = 2;
const NETCONFA_RP_FILTER: u16 = 3;

/// The interface index of the settings `all`.
const ALL: i32 = -1;
/// The interface index of the settings `default`.
const DEFAULT: i32 = -2;

/// Settings of one interface, or those for all or for new ones. A notification contains only what
/// changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Netconf {
    /// IP version.
    pub version: IpVersion,
    /// Interface index; -1 for `all`, -2 for `default`.
    pub interface: i32,
    /// Packets are forwarded.
    pub forwarding: Option<bool>,
    /// Reverse path filter (IPv4): 0 off, 1 strict, 2 loose.
    pub rp_filter: Option<u32>,
}

/// Reads struct netconfmsg (the family, padded to four bytes) and NETCONFA_*.
pub(crate) fn parse(body: &[u8]) -> Option<Netconf> {
    let attrs = Attrs(body.get(4..)?);
    let number = |kind| attrs.find(kind).and_then(u32_of);
    Some(Netconf {
        version: IpVersion::of_nfproto(*body.first()?)?,
        interface: number(NETCONFA_IFINDEX)?.cast_signed(),
        forwarding: number(NETCONFA_FORWARDING).map(|n| n != 0),
        rp_filter: number(NETCONFA_RP_FILTER),
    })
}

impl Kernel {
    /// The settings for all interfaces of the namespace: net/ipv4/conf/all, or net/ipv6/conf/all.
    /// `None` where the kernel does not have that version.
    ///
    /// They are read by rtnetlink because a lookup below /proc/sys/net takes longer the more network
    /// namespaces exist.
    ///
    /// # Errors
    /// Those of the socket, like EMFILE.
    pub fn settings_of_all(&mut self, version: IpVersion) -> Result<Option<Netconf>, KernelError> {
        self.settings_of(ALL, version)
    }

    /// The settings that links get when they are added to the namespace: net/ipv4/conf/default, or the
    /// same for IPv6. `None` where the kernel does not have that version.
    ///
    /// # Errors
    /// Those of the socket, like EMFILE.
    pub fn settings_of_new(&mut self, version: IpVersion) -> Result<Option<Netconf>, KernelError> {
        self.settings_of(DEFAULT, version)
    }

    /// The IPv4 settings of every interface, and those for all.
    ///
    /// # Errors
    /// Those of the socket, like EMFILE.
    pub fn netconf(&mut self) -> Result<Vec<Netconf>, KernelError> {
        const OPERATION: &str = "list the IPv4 settings";
        let header = [IpVersion::V4.nfproto(), 0, 0, 0];
        self.list_objects(
            OperationKind::Sysctl,
            OPERATION,
            RTM_GETNETCONF,
            &header,
            parse,
        )
    }

    /// The reverse path filter in effect on each interface, by its number: the higher one of that for
    /// all interfaces and its own.
    ///
    /// # Errors
    /// Those of the socket, like EMFILE.
    pub fn rp_filter(&mut self) -> Result<BTreeMap<u32, u32>, KernelError> {
        let settings = self.netconf()?;
        let of_all = settings.iter().find(|s| s.interface == ALL);
        let all = of_all.and_then(|s| s.rp_filter).unwrap_or(0);
        let own = settings.iter().filter_map(|s| {
            let index = u32::try_from(s.interface).ok()?;
            Some((index, s.rp_filter?.max(all)))
        });
        Ok(own.collect())
    }

    fn settings_of(
        &mut self,
        interface: i32,
        version: IpVersion,
    ) -> Result<Option<Netconf>, KernelError> {
        let mut w = Writer::with_header(&[version.nfproto(), 0, 0, 0]);
        w.u32(NETCONFA_IFINDEX, interface.cast_unsigned());
        let request = Request {
            acts_on: OperationKind::Sysctl,
            kind: RTM_GETNETCONF,
            flags: 0,
            body: w.finish(),
            operation: "read the settings of",
            object: match version {
                IpVersion::V4 => "IPv4",
                IpVersion::V6 => "IPv6",
            }
            .into(),
        };
        self.note_read(&request.operation());
        let absent = [Errno::OPNOTSUPP, Errno::AFNOSUPPORT].map(Errno::raw_os_error);
        match self.route()?.query(&request) {
            Ok(body) => Ok(parse(&body)),
            Err(e) if absent.contains(&e.errno) => Ok(None),
            Err(e) => Err(e),
        }
    }
}
