//! Addresses of links (linux/if_addr.h).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::KernelError;
use crate::rtnl::{NLM_F_CREATE, NLM_F_EXCL, Request, Rtnl};
use crate::wire::{Attrs, Writer, address_bytes, address_of, u32_of};

const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
/// Usable at once: duplicates are prevented by the plan, not detected by waiting.
const IFA_F_NODAD: u32 = 0x02;

/// The kernel's number of an address family.
pub(crate) fn family(address: IpAddr) -> u8 {
    if address.is_ipv4() { 2 } else { 10 }
}

/// Adds an address, without duplicate address detection.
#[must_use]
pub fn add_address(index: u32, net: IpNet) -> Request {
    let mut head = [0_u8; 8];
    head[0] = family(net.addr());
    head[1] = net.prefix_len();
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    let mut w = Writer::with_header(&head);
    let bytes = address_bytes(net.addr());
    w.attr(IFA_LOCAL, &bytes);
    w.attr(IFA_ADDRESS, &bytes);
    if let IpNet::V4(v4) = net
        && v4.prefix_len() < 31
    {
        w.attr(IFA_BROADCAST, &v4.broadcast().octets());
    }
    w.u32(IFA_FLAGS, IFA_F_NODAD);
    Request {
        kind: RTM_NEWADDR,
        flags: NLM_F_CREATE | NLM_F_EXCL,
        body: w,
        operation: "add the address",
        object: net.to_string(),
    }
}

/// An address as the kernel describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressInfo {
    /// Interface index.
    pub index: u32,
    /// Address and prefix length.
    pub net: IpNet,
}

fn parse(body: &[u8]) -> Option<AddressInfo> {
    let prefix = *body.get(1)?;
    let index = u32_of(body.get(4..)?)?;
    let attrs = Attrs(body.get(8..)?);
    let address = attrs
        .find(IFA_LOCAL)
        .or_else(|| attrs.find(IFA_ADDRESS))
        .and_then(address_of)?;
    Some(AddressInfo {
        index,
        net: IpNet::new(address, prefix).ok()?,
    })
}

impl Rtnl {
    /// Every address of the namespace.
    ///
    /// # Errors
    /// When the list could not be read whole.
    pub fn addresses(&mut self) -> Result<Vec<AddressInfo>, KernelError> {
        let mut out = Vec::new();
        self.dump(RTM_GETADDR, &[0; 8], "list the addresses", |kind, body| {
            if kind == RTM_NEWADDR {
                out.extend(parse(body));
            }
        })?;
        Ok(out)
    }
}
