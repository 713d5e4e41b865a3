//! Links: bridges, veth pairs, their marks and their removal (linux/if_link.h).

use std::os::fd::{AsRawFd, BorrowedFd};

use crate::KernelError;
use crate::rtnl::{NLM_F_CREATE, NLM_F_EXCL, Request, Rtnl};
use crate::wire::{Attrs, Writer, string_of, u32_of, u64_of};

const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_MASTER: u16 = 10;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_STATS64: u16 = 23;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GROUP: u16 = 27;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_EXT_MASK: u16 = 29;
const RTEXT_FILTER_SKIP_STATS: u32 = 8;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const VETH_INFO_PEER: u16 = 1;
const IFLA_BR_NF_CALL_IPTABLES: u16 = 36;
const IFLA_BR_NF_CALL_IP6TABLES: u16 = 37;
const IFLA_BRPORT_MODE: u16 = 4;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
const AF_INET6: u16 = 10;
const IFF_UP: u32 = 1;

/// struct ifinfomsg.
fn header(family: u8, index: u32, up: Option<bool>) -> [u8; 16] {
    let mut out = [0_u8; 16];
    out[0] = family;
    out[4..8].copy_from_slice(&index.to_ne_bytes());
    if let Some(up) = up {
        out[8..12].copy_from_slice(&(if up { IFF_UP } else { 0 }).to_ne_bytes());
        out[12..16].copy_from_slice(&IFF_UP.to_ne_bytes());
    }
    out
}

/// A bridge to make.
#[derive(Debug, Clone, Copy)]
pub struct BridgeSpec<'a> {
    /// Its name.
    pub name: &'a str,
    /// IFLA_GROUP.
    pub group: u32,
    /// Its MAC address; fixed, so that it does not change with its ports.
    pub mac: [u8; 6],
    /// Bytes.
    pub mtu: Option<u32>,
    /// Frames pass the inet hooks (IFLA_BR_NF_CALL_IPTABLES and its IPv6 twin).
    pub nf_call: bool,
}

/// Makes a bridge, down, without spanning tree.
#[must_use]
pub fn create_bridge(spec: &BridgeSpec<'_>) -> Request {
    let mut w = Writer::with_header(&header(0, 0, None));
    w.str(IFLA_IFNAME, spec.name);
    w.u32(IFLA_GROUP, spec.group);
    w.attr(IFLA_ADDRESS, &spec.mac);
    if let Some(mtu) = spec.mtu {
        w.u32(IFLA_MTU, mtu);
    }
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "bridge");
        if spec.nf_call {
            w.nest(IFLA_INFO_DATA, |w| nf_call(w, true));
        }
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

/// Changes whether a bridge's frames pass the inet hooks.
#[must_use]
pub fn change_nf_call(name: &str, on: bool) -> Request {
    let mut w = Writer::with_header(&header(0, 0, None));
    w.str(IFLA_IFNAME, name);
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "bridge");
        w.nest(IFLA_INFO_DATA, |w| nf_call(w, on));
    });
    request("change the bridge", name, RTM_NEWLINK, 0, w)
}

/// One end of a veth pair to make.
#[derive(Debug, Clone, Copy)]
pub struct VethEnd<'a> {
    /// Its name.
    pub name: &'a str,
    /// The namespace it is made in; the socket's own when absent.
    pub netns: Option<BorrowedFd<'a>>,
    /// Its MAC address; the kernel's choice when absent.
    pub mac: Option<[u8; 6]>,
    /// Bytes.
    pub mtu: Option<u32>,
    /// IFLA_GROUP.
    pub group: u32,
    /// Interface index; the kernel's choice when 0.
    pub index: u32,
}

/// Makes a veth pair in one message, each end where it belongs, down. Moving an end later costs
/// the kernel a synchronisation of some 20 ms.
#[must_use]
pub fn create_veth(end: &VethEnd<'_>, master: Option<u32>, peer: &VethEnd<'_>) -> Request {
    let mut w = Writer::with_header(&header(0, end.index, None));
    veth_end(&mut w, end);
    if let Some(master) = master {
        w.u32(IFLA_MASTER, master);
    }
    w.nest(IFLA_LINKINFO, |w| {
        w.str(IFLA_INFO_KIND, "veth");
        w.nest(IFLA_INFO_DATA, |w| {
            w.nest(VETH_INFO_PEER, |w| {
                w.raw(&header(0, peer.index, None));
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

fn veth_end(w: &mut Writer, end: &VethEnd<'_>) {
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

/// What to change about a link.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkChange<'a> {
    /// IFLA_IFALIAS.
    pub alias: Option<&'a str>,
    /// Administrative state.
    pub up: Option<bool>,
    /// No IPv6 address made by the kernel (IN6_ADDR_GEN_MODE_NONE), and so no traffic of its own.
    pub no_link_local: bool,
    /// The bridge sends frames back out by the port they came in by (BR_HAIRPIN_MODE).
    pub hairpin: bool,
}

/// Changes a link, found by name.
#[must_use]
pub fn change_link(name: &str, change: &LinkChange<'_>) -> Request {
    let mut w = Writer::with_header(&header(0, 0, change.up));
    w.str(IFLA_IFNAME, name);
    if let Some(alias) = change.alias {
        w.attr(IFLA_IFALIAS, alias.as_bytes());
    }
    if change.hairpin {
        w.nest(IFLA_LINKINFO, |w| {
            w.str(IFLA_INFO_SLAVE_KIND, "bridge");
            w.nest(IFLA_INFO_SLAVE_DATA, |w| w.u8(IFLA_BRPORT_MODE, 1));
        });
    }
    if change.no_link_local {
        w.nest(IFLA_AF_SPEC, |w| {
            w.nest(AF_INET6, |w| {
                w.u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE)
            });
        });
    }
    request("change the link", name, RTM_NEWLINK, 0, w)
}

/// Removes a link, found by name; a veth's other end goes with it.
#[must_use]
pub fn delete_link(name: &str) -> Request {
    let mut w = Writer::with_header(&header(0, 0, None));
    w.str(IFLA_IFNAME, name);
    request("remove the link", name, RTM_DELLINK, 0, w)
}

/// Removes every link of a device group at once.
#[must_use]
pub fn delete_group(group: u32) -> Request {
    let mut w = Writer::with_header(&header(0, 0, None));
    w.u32(IFLA_GROUP, group);
    request(
        "remove the links of group",
        &group.to_string(),
        RTM_DELLINK,
        0,
        w,
    )
}

fn request(operation: &'static str, object: &str, kind: u16, flags: u16, w: Writer) -> Request {
    Request {
        kind,
        flags,
        body: w,
        operation,
        object: object.to_owned(),
    }
}

/// A link as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkInfo {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// `bridge`, `veth`, ...
    pub kind: Option<String>,
    /// IFLA_IFALIAS.
    pub alias: Option<String>,
    /// IFLA_GROUP.
    pub group: u32,
    /// The bridge it is a port of.
    pub master: Option<u32>,
    /// Bytes.
    pub mtu: u32,
    /// Administratively up.
    pub up: bool,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
}

fn parse(body: &[u8]) -> Option<LinkInfo> {
    let mut out = LinkInfo {
        index: u32_of(body.get(4..)?)?,
        up: u32_of(body.get(8..)?)? & IFF_UP != 0,
        ..LinkInfo::default()
    };
    for (kind, value) in Attrs(body.get(16..)?) {
        match kind {
            IFLA_IFNAME => out.name = string_of(value),
            IFLA_IFALIAS => out.alias = Some(string_of(value)),
            IFLA_GROUP => out.group = u32_of(value)?,
            IFLA_MASTER => out.master = u32_of(value),
            IFLA_MTU => out.mtu = u32_of(value)?,
            IFLA_LINKINFO => out.kind = Attrs(value).find(IFLA_INFO_KIND).map(string_of),
            IFLA_STATS64 => {
                out.rx_bytes = u64_of(value.get(16..)?)?;
                out.tx_bytes = u64_of(value.get(24..)?)?;
            }
            _ => {}
        }
    }
    Some(out)
}

impl Rtnl {
    /// Every link of the namespace, without its byte counters, which take the kernel longer than
    /// all the rest.
    ///
    /// # Errors
    /// When the list could not be read whole.
    pub fn links(&mut self) -> Result<Vec<LinkInfo>, KernelError> {
        let mut w = Writer::with_header(&header(0, 0, None));
        w.u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
        self.list(
            w.as_bytes()
                .map_err(|e| KernelError::too_long("list the links", "", e))?,
        )
    }

    /// Every link of the namespace.
    ///
    /// # Errors
    /// When the list could not be read whole.
    pub fn links_with_counters(&mut self) -> Result<Vec<LinkInfo>, KernelError> {
        self.list(&header(0, 0, None))
    }

    fn list(&mut self, request: &[u8]) -> Result<Vec<LinkInfo>, KernelError> {
        let mut out = Vec::new();
        self.dump(RTM_GETLINK, request, "list the links", |kind, body| {
            if kind == RTM_NEWLINK {
                out.extend(parse(body));
            }
        })?;
        Ok(out)
    }
}

/// The index of a link of the calling thread's namespace.
///
/// # Errors
/// ENODEV when there is none of that name.
pub fn index_of(name: &str) -> Result<u32, KernelError> {
    let failed = |e| KernelError::new("find the link", name, e);
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::UNIX,
        rustix::net::SocketType::DGRAM,
        None,
    )
    .map_err(failed)?;
    rustix::net::netdevice::name_to_index(&socket, name).map_err(failed)
}
