//! Requests that create, change and remove links.

use std::os::fd::{AsRawFd, BorrowedFd};

use super::*;
use crate::gate::OperationKind;
use crate::request::{NLM_F_CREATE, NLM_F_EXCL, Request};
use crate::wire::Writer;
use crate::{Kernel, KernelError};

/// A bridge to create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BridgeSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// IFLA_GROUP.
    pub group: u32,
    /// Its MAC address; fixed, so that it does not change with its ports.
    pub mac: [u8; 6],
    /// Bytes.
    pub mtu: Option<u32>,
    /// Frames pass the inet hooks (IFLA_BR_NF_CALL_IPTABLES and IFLA_BR_NF_CALL_IP6TABLES).
    pub nf_call: bool,
}

/// Creates a bridge, down, without spanning tree. It does not learn from frames to the group
/// addresses of bridges (01:80:c2:00:00:0X), which pass no nf_tables chain.
#[must_use]
pub fn create_bridge(spec: &BridgeSpec<'_>) -> Request {
    let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
    w.str(IFLA_IFNAME, spec.name);
    w.u32(IFLA_GROUP, spec.group);
    w.attr(IFLA_ADDRESS, &spec.mac);
    if let Some(mtu) = spec.mtu {
        w.u32(IFLA_MTU, mtu);
    }
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "bridge");
        w.nest(IFLA_INFO_DATA, |w| {
            group_learning(w, false);
            if spec.nf_call {
                nf_call(w, true);
            }
        });
    });
    request(
        "create the bridge",
        spec.name,
        RTM_NEWLINK,
        NLM_F_CREATE | NLM_F_EXCL,
        w,
    )
}

fn nf_call(w: &mut Writer, on: bool) {
    w.u8(IFLA_BR_NF_CALL_IPTABLES, u8::from(on));
    w.u8(IFLA_BR_NF_CALL_IP6TABLES, u8::from(on));
}

/// `struct br_boolopt_multi`: values, and the mask of those that are set.
fn group_learning(w: &mut Writer, on: bool) {
    let value = if on { 0 } else { NO_LL_LEARN };
    w.attr_with(IFLA_BR_MULTI_BOOLOPT, |w| {
        w.raw(&value.to_ne_bytes());
        w.raw(&NO_LL_LEARN.to_ne_bytes());
    });
}

/// Changes whether a bridge learns MAC addresses from frames to the group addresses of bridges
/// (no_linklocal_learn).
#[must_use]
pub fn change_group_learning(name: &str, on: bool) -> Request {
    change_bridge(name, |w| group_learning(w, on))
}

/// Changes whether a bridge's frames pass the inet hooks.
#[must_use]
pub fn change_nf_call(name: &str, on: bool) -> Request {
    change_bridge(name, |w| nf_call(w, on))
}

/// Changes an attribute of a bridge that is on or off.
#[must_use]
pub fn change_bridge_flag(name: &str, flag: BridgeFlag, on: bool) -> Request {
    change_bridge(name, |w| flag.write(w, on))
}

/// Changes a number that a bridge has.
#[must_use]
pub fn change_bridge_number(name: &str, number: BridgeNumber, value: u32) -> Request {
    change_bridge(name, |w| number.write(w, value))
}

fn change_bridge(name: &str, attributes: impl FnOnce(&mut Writer)) -> Request {
    let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
    w.str(IFLA_IFNAME, name);
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "bridge");
        w.nest(IFLA_INFO_DATA, attributes);
    });
    request("change the bridge", name, RTM_NEWLINK, 0, w)
}

/// One end of a veth pair to create.
#[derive(Debug, Clone, Copy)]
pub struct VethEnd<'a> {
    /// Its name.
    pub name: &'a str,
    /// The namespace it is created in; the socket's own when absent.
    pub netns: Option<BorrowedFd<'a>>,
    /// Its MAC address; the kernel's choice when absent.
    pub mac: Option<[u8; 6]>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// IFLA_GROUP.
    pub group: u32,
    /// Interface index; the kernel's choice when 0. That of the peer is used only when the first
    /// end has one, too.
    pub index: u32,
}

/// Creates a veth pair in one message, each end in its namespace, down. If an end is moved later,
/// the kernel waits some 20 ms for a synchronisation.
#[must_use]
pub fn create_veth(end: &VethEnd<'_>, master: Option<u32>, peer: &VethEnd<'_>) -> Request {
    let mut w = Writer::with_header(&header(0, end.index, Flags::NONE));
    veth_end(&mut w, end);
    if let Some(master) = master {
        w.u32(IFLA_MASTER, master);
    }
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "veth");
        w.nest(IFLA_INFO_DATA, |w| {
            w.nest(VETH_INFO_PEER, |w| {
                w.raw(&header(0, peer.index, Flags::NONE));
                veth_end(w, peer);
            });
        });
    });
    request(
        "create the veth pair",
        end.name,
        RTM_NEWLINK,
        NLM_F_CREATE | NLM_F_EXCL,
        w,
    )
}

pub(super) fn veth_end(w: &mut Writer, end: &VethEnd<'_>) {
    w.str(IFLA_IFNAME, end.name);
    if let Some(netns) = end.netns {
        w.u32(IFLA_NET_NS_FD, netns.as_raw_fd() as u32);
    }
    if let Some(mac) = end.mac {
        w.attr(IFLA_ADDRESS, &mac);
    }
    if let Some(mtu) = end.mtu {
        w.u32(IFLA_MTU, mtu);
    }
    if end.group != 0 {
        w.u32(IFLA_GROUP, end.group);
    }
}

/// What to change about a link; what is not given is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkChange<'a> {
    /// Alias (IFLA_IFALIAS), at most 255 bytes.
    pub alias: Option<&'a str>,
    /// Administrative state.
    pub up: Option<bool>,
    /// Neighbours are not looked up, and requests about own addresses not answered (IFF_NOARP).
    pub no_arp: Option<bool>,
    /// Multicast packets are sent (IFF_MULTICAST).
    pub multicast: Option<bool>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// MAC address.
    pub mac: Option<[u8; 6]>,
    /// Device group.
    pub group: Option<u32>,
    /// The index of its bridge; 0 removes it from its bridge. The kernel waits some 20 ms for this.
    pub master: Option<u32>,
    /// The kernel adds no IPv6 address (IN6_ADDR_GEN_MODE_NONE), and so sends no packets itself.
    pub no_link_local: bool,
    /// Attributes of a bridge port.
    pub port: &'a [(PortFlag, bool)],
    /// IPv4 settings.
    pub ipv4: &'a [(Ipv4Setting, u32)],
}

/// Changes a link, found by name.
#[must_use]
pub fn change_link(name: &str, change: &LinkChange<'_>) -> Request {
    let flags = Flags::default()
        .with(IFF_UP, change.up)
        .with(IFF_NOARP, change.no_arp)
        .with(IFF_MULTICAST, change.multicast);
    let mut w = Writer::with_header(&header(0, 0, flags));
    w.str(IFLA_IFNAME, name);
    if let Some(alias) = change.alias {
        w.attr(IFLA_IFALIAS, alias.as_bytes());
    }
    if let Some(mtu) = change.mtu {
        w.u32(IFLA_MTU, mtu);
    }
    if let Some(mac) = change.mac {
        w.attr(IFLA_ADDRESS, &mac);
    }
    if let Some(group) = change.group {
        w.u32(IFLA_GROUP, group);
    }
    if let Some(master) = change.master {
        w.u32(IFLA_MASTER, master);
    }
    if !change.port.is_empty() {
        w.nest(IFLA_LINKINFO, |w| {
            w.str(IFLA_INFO_SLAVE_KIND, "bridge");
            w.nest(IFLA_INFO_SLAVE_DATA, |w| {
                for (flag, on) in change.port {
                    flag.write(w, *on);
                }
            });
        });
    }
    if change.no_link_local || !change.ipv4.is_empty() {
        w.nest(IFLA_AF_SPEC, |w| {
            if !change.ipv4.is_empty() {
                settings::write(w, change.ipv4);
            }
            if change.no_link_local {
                w.nest(AF_INET6, |w| {
                    w.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)
                });
            }
        });
    }
    request("change the link", name, RTM_NEWLINK, 0, w)
}

/// Renames a link; it must be down. (Kernels before 6.2 refuse it while it is up.)
#[must_use]
pub fn rename_link(index: u32, name: &str) -> Request {
    let mut w = Writer::with_header(&header(0, index, Flags::NONE));
    w.str(IFLA_IFNAME, name);
    request("rename the link to", name, RTM_NEWLINK, 0, w)
}

impl Kernel {
    /// Removes the link of that name, if it is one of those in question; a veth's other end is
    /// removed with it. The kernel would find a link by its alternative names too (ip-link(8),
    /// `property`), so it is removed by its index.
    ///
    /// # Errors
    /// EOPNOTSUPP for a link of a device.
    pub fn remove_link(
        &mut self,
        name: &str,
        is_meant: impl Fn(&LinkInfo) -> bool,
    ) -> Result<(), KernelError> {
        let Some(link) = self.link_named(name)?.filter(is_meant) else {
            return Ok(());
        };
        let w = Writer::with_header(&header(0, link.index, Flags::NONE));
        match self.run(request("remove the link", name, RTM_DELLINK, 0, w)) {
            Err(e) if e.is_not_found() => Ok(()),
            other => other,
        }
    }
}

/// Removes every link of a device group with one request.
#[must_use]
pub fn delete_group(group: u32) -> Request {
    let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
    w.u32(IFLA_GROUP, group);
    request(
        "remove the links of group",
        &group.to_string(),
        RTM_DELLINK,
        0,
        w,
    )
}

pub(super) fn request(
    operation: &'static str,
    object: &str,
    kind: u16,
    flags: u16,
    w: Writer,
) -> Request {
    Request {
        acts_on: OperationKind::Link,
        kind,
        flags,
        body: w.finish(),
        operation,
        object: object.to_owned(),
    }
}
