//! Attributes of bridges and their ports.

use hallway_spec::Mode;

/// An attribute of a bridge that is on or off (IFLA_BR_*, linux/if_link.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BridgeFlag {
    /// Frames pass by their VLANs only.
    VlanFiltering,
    /// A spanning tree protocol blocks and unblocks ports.
    Stp,
    /// Multicast frames leave by ports with a member of the group only.
    McastSnooping,
    /// Frames to the group addresses of bridges are passed on, whatever the ports have.
    GroupForward,
    /// ARP frames pass the arp hooks.
    NfCallArp,
}

impl BridgeFlag {
    /// The attributes of a network's bridge.
    pub const WANTED: &'static [(Self, bool)] = &[
        (Self::VlanFiltering, false),
        (Self::Stp, false),
        (Self::McastSnooping, true),
        (Self::GroupForward, false),
        (Self::NfCallArp, false),
    ];

    /// Its name as `ip link` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::VlanFiltering => "vlan_filtering",
            Self::Stp => "stp_state",
            Self::McastSnooping => "mcast_snooping",
            Self::GroupForward => "group_fwd_mask",
            Self::NfCallArp => "nf_call_arptables",
        }
    }
}

/// An attribute of a bridge port that is on or off (IFLA_BRPORT_*, linux/if_link.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortFlag {
    /// Frames may leave by the port they came in by.
    Hairpin,
    /// Frames do not pass between isolated ports.
    Isolated,
    /// Source MAC addresses are learned.
    Learning,
    /// Frames to unknown MAC addresses leave by it.
    Flood,
    /// Multicast frames to unknown groups leave by it.
    McastFlood,
    /// Broadcast frames leave by it.
    BcastFlood,
    /// ARP requests and neighbour solicitations do not leave by it.
    NeighSuppress,
    /// Only frames from known MAC addresses come in by it.
    Locked,
    /// Frames to the group addresses of bridges are passed on, as from LACP and LLDP.
    GroupForward,
    /// The port forwards frames, if its state allows it (BR_STATE_FORWARDING).
    Forwarding,
    /// A message of the spanning tree protocol blocks it.
    Guard,
    /// It is never the root port of a spanning tree.
    RootBlock,
}

impl PortFlag {
    /// Every attribute.
    pub const ALL: [Self; 12] = [
        Self::Hairpin,
        Self::Isolated,
        Self::Learning,
        Self::Flood,
        Self::McastFlood,
        Self::BcastFlood,
        Self::NeighSuppress,
        Self::Locked,
        Self::GroupForward,
        Self::Forwarding,
        Self::Guard,
        Self::RootBlock,
    ];

    /// Its value at every port of a network. A node may use its own published port: the packet
    /// leaves by the port it came in by. A lan is like a cable between two machines.
    #[must_use]
    pub const fn wanted(self, mode: Mode) -> bool {
        match (self, mode) {
            (Self::Hairpin, Mode::Bridge) | (Self::GroupForward, Mode::Lan) => true,
            (flag, _) => flag.default(),
        }
    }

    /// Whether it belongs to the spanning tree of the bridge.
    #[must_use]
    pub const fn is_of_spanning_tree(self) -> bool {
        matches!(self, Self::Forwarding | Self::Guard | Self::RootBlock)
    }

    /// The attributes of a new port in the kernel (`new_nbp`, net/bridge/br_if.c).
    #[must_use]
    pub const fn default(self) -> bool {
        matches!(
            self,
            Self::Learning | Self::Flood | Self::McastFlood | Self::BcastFlood | Self::Forwarding
        )
    }

    /// Its name as `bridge link` prints it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hairpin => "hairpin",
            Self::Isolated => "isolated",
            Self::Learning => "learning",
            Self::Flood => "flood",
            Self::McastFlood => "mcast_flood",
            Self::BcastFlood => "bcast_flood",
            Self::NeighSuppress => "neigh_suppress",
            Self::Locked => "locked",
            Self::GroupForward => "group_fwd_mask",
            Self::Forwarding => "forwarding",
            Self::Guard => "guard",
            Self::RootBlock => "root_block",
        }
    }
}
