//! Attributes of bridges and of their ports, as the kernel reports them.

use super::{
    IFLA_BR_MULTI_BOOLOPT, IFLA_BR_NF_CALL_IP6TABLES, IFLA_BR_NF_CALL_IPTABLES, IFLA_BRPORT_MODE,
    NO_LL_LEARN,
};
use crate::wire::{Attrs, Writer, u16_of, u32_of};

const IFLA_BR_AGEING_TIME: u16 = 4;
const IFLA_BR_FDB_MAX_LEARNED: u16 = 49;
const IFLA_BR_STP_STATE: u16 = 5;
const IFLA_BR_VLAN_FILTERING: u16 = 7;
const IFLA_BR_GROUP_FWD_MASK: u16 = 9;
const IFLA_BR_MCAST_SNOOPING: u16 = 23;
const IFLA_BR_NF_CALL_ARPTABLES: u16 = 38;

const IFLA_BRPORT_STATE: u16 = 1;
/// BR_STATE_FORWARDING.
const FORWARDING: u8 = 3;
const IFLA_BRPORT_PRIORITY: u16 = 2;
const IFLA_BRPORT_COST: u16 = 3;
const IFLA_BRPORT_GUARD: u16 = 5;
const IFLA_BRPORT_PROTECT: u16 = 6;
const IFLA_BRPORT_FAST_LEAVE: u16 = 7;
const IFLA_BRPORT_LEARNING: u16 = 8;
const IFLA_BRPORT_UNICAST_FLOOD: u16 = 9;
const IFLA_BRPORT_PROXYARP: u16 = 10;
const IFLA_BRPORT_MCAST_FLOOD: u16 = 27;
const IFLA_BRPORT_BCAST_FLOOD: u16 = 30;
const IFLA_BRPORT_GROUP_FWD_MASK: u16 = 31;
const IFLA_BRPORT_NEIGH_SUPPRESS: u16 = 32;
const IFLA_BRPORT_ISOLATED: u16 = 33;
const IFLA_BRPORT_LOCKED: u16 = 39;

/// Every group address of bridges except that of pause frames, which the kernel never forwards
/// (BR_GROUPFWD_MACPAUSE, net/bridge/br_private.h).
const GROUPS: u16 = 0xfffd;

/// A bridge's own attributes (IFLA_BR_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BridgeInfo {
    /// IPv4 frames pass the inet hooks.
    pub nf_call_iptables: bool,
    /// IPv6 frames pass the inet hooks.
    pub nf_call_ip6tables: bool,
    /// ARP frames pass the arp hooks.
    pub nf_call_arptables: bool,
    /// Multicast is sent only to ports with a member of the group; none where the kernel does not
    /// follow groups.
    pub mcast_snooping: Option<bool>,
    /// Spanning tree is on.
    pub stp: bool,
    /// Frames are filtered by VLAN.
    pub vlan_filtering: bool,
    /// Frames to any of the group addresses of bridges are passed on, whatever the ports have.
    pub group_forward: bool,
    /// MAC addresses are learned from frames to the group addresses of bridges too; not known
    /// before Linux 5.0.
    pub group_learning: Option<bool>,
    /// Time after which a learned MAC address is dropped, in hundredths of a second.
    pub ageing_time: u32,
    /// How many entries may come from frames, 0 for any number; known since Linux 6.7.
    pub max_learned: Option<u32>,
}

impl BridgeInfo {
    /// Reads IFLA_INFO_DATA of a bridge.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut out = Self::default();
        for (kind, value) in Attrs(bytes) {
            let on = value.first().is_some_and(|b| *b != 0);
            match kind {
                IFLA_BR_NF_CALL_IPTABLES => out.nf_call_iptables = on,
                IFLA_BR_NF_CALL_IP6TABLES => out.nf_call_ip6tables = on,
                IFLA_BR_NF_CALL_ARPTABLES => out.nf_call_arptables = on,
                IFLA_BR_MCAST_SNOOPING => out.mcast_snooping = Some(on),
                IFLA_BR_VLAN_FILTERING => out.vlan_filtering = on,
                IFLA_BR_GROUP_FWD_MASK => out.group_forward = u16_of(value) != Some(0),
                IFLA_BR_STP_STATE => out.stp = u32_of(value).is_some_and(|n| n != 0),
                IFLA_BR_MULTI_BOOLOPT => {
                    out.group_learning = value
                        .get(..4)
                        .and_then(u32_of)
                        .map(|bits| bits & NO_LL_LEARN == 0);
                }
                IFLA_BR_FDB_MAX_LEARNED => out.max_learned = u32_of(value),
                IFLA_BR_AGEING_TIME => out.ageing_time = u32_of(value).unwrap_or_default(),
                _ => {}
            }
        }
        out
    }
}

/// An attribute of a bridge that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BridgeFlag {
    /// [`BridgeInfo::vlan_filtering`].
    VlanFiltering,
    /// [`BridgeInfo::stp`].
    Stp,
    /// [`BridgeInfo::mcast_snooping`].
    McastSnooping,
    /// [`BridgeInfo::group_forward`]; on are all group addresses but that of pause frames.
    GroupForward,
    /// [`BridgeInfo::nf_call_arptables`].
    NfCallArp,
}

impl BridgeFlag {
    pub(super) fn write(self, w: &mut Writer, on: bool) {
        match self {
            Self::VlanFiltering => w.u8(IFLA_BR_VLAN_FILTERING, u8::from(on)),
            Self::Stp => w.u32(IFLA_BR_STP_STATE, u32::from(on)),
            Self::McastSnooping => w.u8(IFLA_BR_MCAST_SNOOPING, u8::from(on)),
            Self::NfCallArp => w.u8(IFLA_BR_NF_CALL_ARPTABLES, u8::from(on)),
            Self::GroupForward => {
                let mask = if on { GROUPS } else { 0 };
                w.attr(IFLA_BR_GROUP_FWD_MASK, &mask.to_ne_bytes());
            }
        }
    }
}

/// A number that a bridge has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BridgeNumber {
    /// [`BridgeInfo::ageing_time`].
    AgeingTime,
    /// [`BridgeInfo::max_learned`].
    MaxLearned,
}

impl BridgeNumber {
    pub(super) fn write(self, w: &mut Writer, value: u32) {
        let kind = match self {
            Self::AgeingTime => IFLA_BR_AGEING_TIME,
            Self::MaxLearned => IFLA_BR_FDB_MAX_LEARNED,
        };
        w.u32(kind, value);
    }
}

/// Spanning tree state of a bridge port (BR_STATE_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PortState {
    /// Nothing is forwarded: the port or its link is down.
    #[default]
    Disabled,
    /// Only spanning tree messages pass.
    Listening,
    /// MAC addresses are learned; nothing is forwarded.
    Learning,
    /// Frames are forwarded.
    Forwarding,
    /// Blocked by spanning tree.
    Blocking,
    /// Another number, without a name in this version.
    Other(u8),
}

impl PortState {
    fn of(number: u8) -> Self {
        match number {
            0 => Self::Disabled,
            1 => Self::Listening,
            2 => Self::Learning,
            FORWARDING => Self::Forwarding,
            4 => Self::Blocking,
            other => Self::Other(other),
        }
    }
}

/// Attributes of a bridge port (IFLA_BRPORT_*).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BridgePort {
    /// Spanning tree state.
    pub state: PortState,
    /// Spanning tree priority.
    pub priority: u16,
    /// Spanning tree path cost.
    pub cost: u32,
    /// Frames may be sent back out of the port they came in by.
    pub hairpin: bool,
    /// Incoming BPDUs are dropped and the port is disabled.
    pub guard: bool,
    /// The port never becomes the root port.
    pub root_block: bool,
    /// A member of a multicast group is removed at its leave message.
    pub fast_leave: bool,
    /// Source MAC addresses are learned.
    pub learning: bool,
    /// Frames to unknown MAC addresses are sent here.
    pub unicast_flood: bool,
    /// Multicast frames to unknown groups are sent here.
    pub mcast_flood: bool,
    /// Broadcast frames are sent here.
    pub bcast_flood: bool,
    /// ARP requests are answered for neighbours behind other ports.
    pub proxy_arp: bool,
    /// ARP and neighbour solicitations are not flooded to this port.
    pub neigh_suppress: bool,
    /// No frames from or to other isolated ports.
    pub isolated: bool,
    /// Only frames from known source MAC addresses are accepted.
    pub locked: bool,
    /// Frames to the group addresses of bridges are forwarded, except pause frames.
    pub group_forward: bool,
}

/// An attribute of a bridge port that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortFlag {
    /// [`BridgePort::hairpin`].
    Hairpin,
    /// [`BridgePort::isolated`].
    Isolated,
    /// [`BridgePort::learning`].
    Learning,
    /// [`BridgePort::unicast_flood`].
    UnicastFlood,
    /// [`BridgePort::mcast_flood`].
    McastFlood,
    /// [`BridgePort::bcast_flood`].
    BcastFlood,
    /// [`BridgePort::neigh_suppress`].
    NeighSuppress,
    /// [`BridgePort::locked`]; kernels have it since 5.18.
    Locked,
    /// [`BridgePort::group_forward`].
    GroupForward,
    /// [`BridgePort::state`] is [`PortState::Forwarding`]; off is [`PortState::Disabled`]. It can
    /// be turned on only while the port has a carrier.
    Forwarding,
    /// [`BridgePort::guard`].
    Guard,
    /// [`BridgePort::root_block`].
    RootBlock,
}

impl PortFlag {
    const fn number(self) -> u16 {
        match self {
            Self::Hairpin => IFLA_BRPORT_MODE,
            Self::Isolated => IFLA_BRPORT_ISOLATED,
            Self::Learning => IFLA_BRPORT_LEARNING,
            Self::UnicastFlood => IFLA_BRPORT_UNICAST_FLOOD,
            Self::McastFlood => IFLA_BRPORT_MCAST_FLOOD,
            Self::BcastFlood => IFLA_BRPORT_BCAST_FLOOD,
            Self::NeighSuppress => IFLA_BRPORT_NEIGH_SUPPRESS,
            Self::Locked => IFLA_BRPORT_LOCKED,
            Self::GroupForward => IFLA_BRPORT_GROUP_FWD_MASK,
            Self::Forwarding => IFLA_BRPORT_STATE,
            Self::Guard => IFLA_BRPORT_GUARD,
            Self::RootBlock => IFLA_BRPORT_PROTECT,
        }
    }

    pub(super) fn write(self, w: &mut Writer, on: bool) {
        match self {
            Self::GroupForward => {
                let mask = if on { GROUPS } else { 0 };
                w.attr(self.number(), &mask.to_ne_bytes());
            }
            Self::Forwarding => w.u8(self.number(), if on { FORWARDING } else { 0 }),
            _ => w.u8(self.number(), u8::from(on)),
        }
    }
}

impl BridgePort {
    /// Reads IFLA_INFO_SLAVE_DATA of a bridge port, or IFLA_PROTINFO of the family AF_BRIDGE.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut out = Self::default();
        for (kind, value) in Attrs(bytes) {
            let first = value.first().copied().unwrap_or_default();
            let on = first != 0;
            match kind {
                IFLA_BRPORT_STATE => out.state = PortState::of(first),
                IFLA_BRPORT_PRIORITY => out.priority = u16_of(value).unwrap_or_default(),
                IFLA_BRPORT_COST => out.cost = u32_of(value).unwrap_or_default(),
                IFLA_BRPORT_MODE => out.hairpin = on,
                IFLA_BRPORT_GUARD => out.guard = on,
                IFLA_BRPORT_PROTECT => out.root_block = on,
                IFLA_BRPORT_FAST_LEAVE => out.fast_leave = on,
                IFLA_BRPORT_LEARNING => out.learning = on,
                IFLA_BRPORT_UNICAST_FLOOD => out.unicast_flood = on,
                IFLA_BRPORT_MCAST_FLOOD => out.mcast_flood = on,
                IFLA_BRPORT_BCAST_FLOOD => out.bcast_flood = on,
                IFLA_BRPORT_PROXYARP => out.proxy_arp = on,
                IFLA_BRPORT_NEIGH_SUPPRESS => out.neigh_suppress = on,
                IFLA_BRPORT_ISOLATED => out.isolated = on,
                IFLA_BRPORT_LOCKED => out.locked = on,
                IFLA_BRPORT_GROUP_FWD_MASK => out.group_forward = u16_of(value) == Some(GROUPS),
                _ => {}
            }
        }
        out
    }
}
