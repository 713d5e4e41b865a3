//! Links in the form of the kernel's messages.

use super::settings::LinkSettings;
use super::*;
use crate::gate::{Operation, OperationKind};
use crate::request::Request;
use crate::wire::{Attrs, Writer, string_of, u16_of, u32_of, u64_of};
use crate::{Kernel, KernelError};

/// RTEXT_FILTER_SKIP_STATS: without counters.
const SKIP_STATS: u32 = 8;
const LIST: &str = "list the links";

/// RFC 2863 operational state (IF_OPER_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OperationalState {
    /// The driver does not report it; the loopback interface for example.
    #[default]
    Unknown,
    /// Hardware or a module is missing.
    NotPresent,
    /// No carrier, or administratively down.
    Down,
    /// The link below it is down.
    LowerLayerDown,
    /// In a test mode.
    Testing,
    /// Waits for something, as for 802.1X.
    Dormant,
    /// Packets pass.
    Up,
}

impl OperationalState {
    fn of(number: u8) -> Self {
        match number {
            1 => Self::NotPresent,
            2 => Self::Down,
            3 => Self::LowerLayerDown,
            4 => Self::Testing,
            5 => Self::Dormant,
            6 => Self::Up,
            _ => Self::Unknown,
        }
    }
}

/// How the kernel makes an IPv6 link-local address (IN6_ADDR_GEN_MODE_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressGeneration {
    /// From the MAC address (RFC 4291, appendix A).
    Eui64,
    /// None.
    None,
    /// Stable and opaque (RFC 7217), from a configured secret.
    StablePrivacy,
    /// The same from a random secret.
    Random,
    /// Another number, without a name in this version.
    Other(u8),
}

impl AddressGeneration {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Eui64,
            1 => Self::None,
            2 => Self::StablePrivacy,
            3 => Self::Random,
            other => Self::Other(other),
        }
    }
}

/// A link in the form of the kernel's messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkInfo {
    /// Interface index.
    pub index: u32,
    /// Name.
    pub name: String,
    /// Alternative names (ip-link(8), `property`).
    pub other_names: Vec<String>,
    /// `bridge`, `veth`, ...; none for physical interfaces and the loopback interface.
    pub kind: Option<String>,
    /// Alias (IFLA_IFALIAS).
    pub alias: Option<String>,
    /// Device group.
    pub group: u32,
    /// The index of the bridge it is a port of, or of another master.
    pub master: Option<u32>,
    /// Bytes.
    pub mtu: u32,
    /// MAC address; none if the link layer has none of six bytes.
    pub mac: Option<[u8; 6]>,
    /// The queueing discipline at its root, like `noqueue` or `tbf`.
    pub qdisc: Option<String>,
    /// A program of XDP gets its packets first: the word by which ip-link(8) removes it.
    pub xdp: Option<&'static str>,
    /// Administratively up.
    pub up: bool,
    /// Neighbours are not looked up (IFF_NOARP).
    pub no_arp: bool,
    /// Multicast packets are sent (IFF_MULTICAST).
    pub multicast: bool,
    /// All flags (IFF_*).
    pub flags: u32,
    /// Operational state.
    pub state: OperationalState,
    /// The index of the peer of a veth, or of the link below: in the namespace
    /// [`Self::peer_netns`], or in this one.
    pub peer: Option<u32>,
    /// The identifier that this namespace has for the peer's namespace (see ip-netns(8), `set`);
    /// none when the peer is in the same namespace.
    pub peer_netns: Option<i32>,
    /// The number of a VLAN.
    pub vlan: Option<u16>,
    /// The mode of a macvlan interface (MACVLAN_MODE_*).
    pub macvlan_mode: Option<u32>,
    /// Attributes of a bridge.
    pub bridge: Option<BridgeInfo>,
    /// Attributes of a bridge port.
    pub port: Option<BridgePort>,
    /// How IPv6 link-local addresses are made; none on a link without IPv6.
    pub address_generation: Option<AddressGeneration>,
    /// Settings below /proc/sys.
    pub settings: LinkSettings,
    /// Bytes received; 0 when read without counters.
    pub rx_bytes: u64,
    /// Bytes sent; 0 when read without counters.
    pub tx_bytes: u64,
}

/// Reads RTM_NEWLINK or RTM_DELLINK.
pub(crate) fn parse(body: &[u8]) -> Option<LinkInfo> {
    let flags = u32_of(body.get(8..)?)?;
    let mut out = LinkInfo {
        index: u32_of(body.get(4..)?)?,
        up: flags & IFF_UP != 0,
        no_arp: flags & IFF_NOARP != 0,
        multicast: flags & IFF_MULTICAST != 0,
        flags,
        ..LinkInfo::default()
    };
    for (kind, value) in Attrs(body.get(16..)?) {
        match kind {
            IFLA_IFNAME => out.name = string_of(value),
            IFLA_PROP_LIST => {
                let all = Attrs(value).filter(|(kind, _)| *kind == IFLA_ALT_IFNAME);
                out.other_names = all.map(|(_, name)| string_of(name)).collect();
            }
            IFLA_QDISC => out.qdisc = Some(string_of(value)),
            IFLA_XDP => {
                let attached = Attrs(value).find(IFLA_XDP_ATTACHED);
                out.xdp = match attached.and_then(<[u8]>::first) {
                    None | Some(0) => None,
                    Some(2) => Some("xdpgeneric"), // XDP_ATTACHED_SKB
                    Some(_) => Some("xdp"),
                };
            }
            IFLA_IFALIAS => out.alias = Some(string_of(value)),
            IFLA_GROUP => out.group = u32_of(value)?,
            IFLA_MASTER => out.master = u32_of(value),
            IFLA_MTU => out.mtu = u32_of(value)?,
            IFLA_ADDRESS => out.mac = value.try_into().ok(),
            IFLA_OPERSTATE => out.state = OperationalState::of(*value.first()?),
            IFLA_LINK => out.peer = u32_of(value).filter(|index| *index != 0),
            IFLA_LINK_NETNSID => out.peer_netns = u32_of(value).map(u32::cast_signed),
            IFLA_LINKINFO => kind_of(&mut out, value),
            IFLA_PROTINFO if body.first() == Some(&AF_BRIDGE) => {
                out.port = Some(BridgePort::parse(value));
            }
            IFLA_AF_SPEC => {
                out.settings = LinkSettings::parse(value);
                out.address_generation = Attrs(value)
                    .find(AF_INET6)
                    .and_then(|v6| Attrs(v6).find(IFLA_INET6_ADDR_GEN_MODE)?.first())
                    .map(|mode| AddressGeneration::of(*mode));
            }
            IFLA_STATS64 => {
                out.rx_bytes = u64_of(value.get(16..)?)?;
                out.tx_bytes = u64_of(value.get(24..)?)?;
            }
            _ => {}
        }
    }
    Some(out)
}

/// IFLA_LINKINFO.
fn kind_of(link: &mut LinkInfo, bytes: &[u8]) {
    let attrs = Attrs(bytes);
    link.kind = attrs.find(IFLA_INFO_KIND).map(string_of);
    if link.kind.as_deref() == Some("bridge") {
        link.bridge = attrs.find(IFLA_INFO_DATA).map(BridgeInfo::parse);
    }
    if link.kind.as_deref() == Some("vlan") {
        let id = attrs.find(IFLA_INFO_DATA).map(Attrs);
        link.vlan = id.and_then(|data| u16_of(data.find(IFLA_VLAN_ID)?));
    }
    if link.kind.as_deref() == Some("macvlan") {
        let data = attrs.find(IFLA_INFO_DATA).map(Attrs);
        link.macvlan_mode = data.and_then(|data| u32_of(data.find(IFLA_MACVLAN_MODE)?));
    }
    if attrs.find(IFLA_INFO_SLAVE_KIND).map(string_of).as_deref() == Some("bridge") {
        link.port = attrs.find(IFLA_INFO_SLAVE_DATA).map(BridgePort::parse);
    }
}

impl Kernel {
    /// Every link of the namespace, without its byte counters, for which the kernel needs more time
    /// than for the rest.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn links(&mut self) -> Result<Vec<LinkInfo>, KernelError> {
        let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
        w.u32(IFLA_EXT_MASK, SKIP_STATS);
        let request = w.finish().map_err(|e| KernelError::too_long(LIST, "", e))?;
        self.list_links(&request)
    }

    /// Every link of the namespace, with its byte counters.
    ///
    /// # Errors
    /// EAGAIN when the list kept changing while it was read.
    pub fn links_with_counters(&mut self) -> Result<Vec<LinkInfo>, KernelError> {
        self.list_links(&header(0, 0, Flags::NONE))
    }

    /// The link of that name, without its byte counters; `None` when there is none. A link that has
    /// it as an alternative name is another one.
    ///
    /// # Errors
    /// EINVAL for a name that is too long.
    pub fn link_named(&mut self, name: &str) -> Result<Option<LinkInfo>, KernelError> {
        const OPERATION: &str = "read the link";
        self.note_read(&Operation::new(OperationKind::Link, OPERATION, name));
        let mut w = Writer::with_header(&header(0, 0, Flags::NONE));
        w.str(IFLA_IFNAME, name);
        w.u32(IFLA_EXT_MASK, SKIP_STATS);
        let request = Request {
            acts_on: OperationKind::Link,
            kind: RTM_GETLINK,
            flags: 0,
            body: w.finish(),
            operation: OPERATION,
            object: name.to_owned(),
        };
        match self.route()?.query(&request) {
            Ok(body) => Ok(parse(&body).filter(|link| link.name == name)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn list_links(&mut self, request: &[u8]) -> Result<Vec<LinkInfo>, KernelError> {
        self.list_objects(OperationKind::Link, LIST, RTM_GETLINK, request, parse)
    }

    /// The index of a link of the calling thread's namespace.
    ///
    /// # Errors
    /// ENODEV when there is none of that name.
    pub fn link_index(&self, name: &str) -> Result<u32, KernelError> {
        const OPERATION: &str = "find the link";
        self.note_read(&Operation::new(OperationKind::Link, OPERATION, name));
        let failed = |e| KernelError::new(OPERATION, name, e);
        let socket = rustix::net::socket_with(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::DGRAM,
            rustix::net::SocketFlags::CLOEXEC,
            None,
        )
        .map_err(failed)?;
        rustix::net::netdevice::name_to_index(&socket, name).map_err(failed)
    }
}
