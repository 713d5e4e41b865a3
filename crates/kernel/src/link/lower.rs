//! Links on other links: VLANs and macvlan interfaces.

use super::write::{request, veth_end};
use super::*;
use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_EXCL, Request};
use crate::wire::Writer;
use crate::{Kernel, KernelError};

/// Creates a VLAN (IEEE 802.1Q) on the link with that index, down.
#[must_use]
pub fn create_vlan(name: &str, group: u32, parent: u32, id: u16) -> Request {
    let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
    w.str(IFLA_IFNAME, name);
    w.u32(IFLA_GROUP, group);
    w.u32(IFLA_LINK, parent);
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "vlan");
        w.nest(IFLA_INFO_DATA, |w| {
            w.attr(IFLA_VLAN_ID, &id.to_ne_bytes());
        });
    });
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    request("create the VLAN", name, RTM_NEWLINK, flags, w)
}

/// Creates a macvlan interface of the link with that index, down, in its namespace. Frames between
/// those of one link pass (bridge mode).
#[must_use]
pub fn create_macvlan(end: &VethEnd<'_>, parent: u32) -> Request {
    let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
    veth_end(&mut w, end);
    w.u32(IFLA_LINK, parent);
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "macvlan");
        w.nest(IFLA_INFO_DATA, |w| {
            w.u32(IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
        });
    });
    let flags = NLM_F_CREATE | NLM_F_EXCL;
    request(
        "create the macvlan interface",
        end.name,
        RTM_NEWLINK,
        flags,
        w,
    )
}

/// Changes the mode of a macvlan interface (MACVLAN_MODE_*).
#[must_use]
pub fn change_macvlan_mode(name: &str, mode: u32) -> Request {
    let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
    w.str(IFLA_IFNAME, name);
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "macvlan");
        w.nest(IFLA_INFO_DATA, |w| w.u32(IFLA_MACVLAN_MODE, mode));
    });
    request("change the macvlan interface", name, RTM_NEWLINK, 0, w)
}

impl Kernel {
    /// Whether the kernel has links of a kind that are on others, like `vlan`. Nothing is changed: the
    /// kernel refuses a request that does not say which link it is on.
    ///
    /// # Errors
    /// When the kernel refuses for another reason, like missing rights.
    pub fn has_link_kind(&mut self, kind: &str) -> Result<bool, KernelError> {
        let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
        w.nest(IFLA_LINKINFO, |w| w.str(IFLA_INFO_KIND, kind));
        let asked = self.run(Request {
            acts_on: OperationKind::Link,
            kind: RTM_NEWLINK,
            flags: NLM_F_CREATE | NLM_F_EXCL,
            body: w.finish(),
            operation: "request links of the kind",
            object: kind.to_owned(),
        });
        match asked {
            Ok(()) => Ok(true),
            Err(error) if error.is_unknown_kind() => Ok(false),
            Err(error) if error.is_unsupported() => Ok(true),
            Err(error) => Err(error),
        }
    }
}
