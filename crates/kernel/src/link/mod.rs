//! Links: bridges, veth pairs and others (linux/if_link.h, linux/if_bridge.h).

mod bridge;
mod lower;
mod read;
mod settings;
mod write;

pub use bridge::{BridgeFlag, BridgeInfo, BridgeNumber, BridgePort, PortFlag, PortState};
pub use lower::{change_macvlan_mode, create_macvlan, create_vlan};
pub use read::{AddressGeneration, LinkInfo, OperationalState};
pub use settings::{Ipv4Setting, LinkSettings};
pub use write::{
    BridgeSpec, LinkChange, VethEnd, change_bridge_flag, change_bridge_number,
    change_group_learning, change_link, change_nf_call, create_bridge, create_veth, delete_group,
    rename_link,
};

pub(crate) use read::parse;

pub(crate) const RTM_NEWLINK: u16 = 16;
pub(crate) const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_XDP: u16 = 43;
const IFLA_XDP_ATTACHED: u16 = 2;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_MTU: u16 = 4;
const IFLA_LINK: u16 = 5;
const IFLA_QDISC: u16 = 6;
const IFLA_MASTER: u16 = 10;
const IFLA_PROTINFO: u16 = 12;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_IFALIAS: u16 = 20;
const IFLA_STATS64: u16 = 23;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_GROUP: u16 = 27;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_EXT_MASK: u16 = 29;
const IFLA_LINK_NETNSID: u16 = 37;

const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;

const IFLA_VLAN_ID: u16 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;
const MACVLAN_MODE_BRIDGE: u32 = 4;
const VETH_INFO_PEER: u16 = 1;
const IFLA_BR_NF_CALL_IPTABLES: u16 = 36;
const IFLA_BR_NF_CALL_IP6TABLES: u16 = 37;
const IFLA_BR_MULTI_BOOLOPT: u16 = 46;
/// BR_BOOLOPT_NO_LL_LEARN as a bit of `struct br_boolopt_multi`.
const NO_LL_LEARN: u32 = 1;
const IFLA_BRPORT_MODE: u16 = 4;
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;

pub(crate) const AF_BRIDGE: u8 = 7;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const IFF_UP: u32 = 1;
const IFF_NOARP: u32 = 0x80;
const IFF_MULTICAST: u32 = 0x1000;

/// struct ifinfomsg.
fn header(family: u8, index: u32, flags: Flags) -> [u8; 16] {
    let mut out = [0_u8; 16];
    out[0] = family;
    out[4..8].copy_from_slice(&index.to_ne_bytes());
    out[8..12].copy_from_slice(&flags.values.to_ne_bytes());
    out[12..16].copy_from_slice(&flags.changed.to_ne_bytes());
    out
}

/// Flags of a link (IFF_*), and which of them are meant.
#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    values: u32,
    changed: u32,
}

impl Flags {
    const NONE: Self = Self {
        values: 0,
        changed: 0,
    };

    fn with(mut self, flag: u32, on: Option<bool>) -> Self {
        if let Some(on) = on {
            self.changed |= flag;
            self.values |= if on { flag } else { 0 };
        }
        self
    }
}
