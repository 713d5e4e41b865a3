//! A packet at the chains of other programs.

use hallway_nftables::evaluate::PacketContext;
use hallway_nftables::{Hook, Priority};
use hallway_spec::Name;

use super::conntrack::TrackingState;
use super::packet::Packet;

/// The first priority of chains that find packets tracked: NF_IP_PRI_CONNTRACK.
pub(super) const CONNTRACK: i32 = -200;

/// Which chains a packet passes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Class<'p> {
    /// Those for IP.
    Routed,
    /// Those of bridges.
    Bridge,
    /// Those of a device.
    Device(&'p str),
}

/// A packet at the hooks of chains.
#[derive(Debug, Clone, Copy)]
pub(super) struct Passing<'p> {
    pub(super) class: Class<'p>,
    /// The node that they are in; none on the host.
    pub(super) node: Option<&'p Name>,
    pub(super) hook: Hook,
    /// The first and the last priority of the chains.
    pub(super) priorities: (i32, i32),
    pub(super) packet: &'p Packet,
    /// Its connection; none before it is tracked.
    pub(super) state: Option<TrackingState>,
    pub(super) context: PacketContext<'p>,
    /// The last of its possible destination ports, where it may have one of several.
    pub(super) last_port: Option<u16>,
}

impl<'p> Passing<'p> {
    /// Every chain of a hook.
    pub(super) fn all(
        class: Class<'p>,
        hook: Hook,
        packet: &'p Packet,
        state: Option<TrackingState>,
        context: PacketContext<'p>,
    ) -> Self {
        Self {
            class,
            node: None,
            hook,
            priorities: (i32::MIN, i32::MAX),
            packet,
            state,
            context,
            last_port: None,
        }
    }

    /// Every chain for IP packets of a hook.
    pub(super) fn routed(
        hook: Hook,
        packet: &'p Packet,
        state: Option<TrackingState>,
        context: PacketContext<'p>,
    ) -> Self {
        Self::all(Class::Routed, hook, packet, state, context)
    }

    /// Only the chains up to a priority, without those before connection tracking.
    pub(super) fn up_to(self, last: Priority) -> Self {
        Self {
            priorities: (CONNTRACK, last.0),
            ..self
        }
    }

    /// Only the chains after a priority, up to another one.
    pub(super) fn between(self, first: Priority, last: Priority) -> Self {
        Self {
            priorities: (first.0 + 1, last.0),
            ..self
        }
    }

    /// Only the chains after a priority.
    pub(super) fn after(self, priority: Priority) -> Self {
        Self {
            priorities: (priority.0 + 1, i32::MAX),
            ..self
        }
    }

    /// Of the chains of bridges only those before the inet hooks (NF_BR_PRI_BRNF is 0).
    pub(super) fn before_inet(self) -> Self {
        Self {
            priorities: (i32::MIN, -1),
            ..self
        }
    }

    /// Of the chains of bridges only those after the inet hooks.
    pub(super) fn after_inet(self) -> Self {
        Self {
            priorities: (0, i32::MAX),
            ..self
        }
    }

    /// Only the chains before connection tracking.
    pub(super) fn early(self) -> Self {
        Self {
            priorities: (i32::MIN, CONNTRACK - 1),
            ..self
        }
    }
}
