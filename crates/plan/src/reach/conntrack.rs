//! The host's connection tracking, as far as filter and NAT depend on it (net/netfilter in the
//! kernel; the states of TCP after nf_conntrack_proto_tcp.c).

use super::packet::{Flow, Packet, PacketKind};

/// A tracked connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TrackedConnection {
    pub(super) original: Flow,
    /// The flow of replies; with NAT it is not the reverse of `original`.
    pub(super) reply: Flow,
    pub(super) dnated: bool,
    seen_reply: bool,
    /// A handshake of which only the first packet was seen.
    half_open: bool,
}

/// The tracking state of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TrackingState {
    /// The first of its connection.
    New(TrackedConnection),
    /// Belongs to the connection with this index; whether as a reply.
    Known { index: usize, reply: bool },
    /// Belongs to no connection: neither translated nor taken for a reply.
    Invalid,
    /// A rule of another program has exempted it from tracking.
    Untracked,
}

/// Every connection so far.
#[derive(Debug, Default)]
pub(super) struct ConnectionTable {
    entries: Vec<TrackedConnection>,
}

impl ConnectionTable {
    pub(super) fn entry(&self, index: usize) -> Option<&TrackedConnection> {
        self.entries.get(index)
    }

    /// The state of a packet; updates its connection.
    pub(super) fn classify(&mut self, packet: &Packet) -> TrackingState {
        // An echo to itself has the same addresses in both directions: only the kind of the packet
        // differs.
        let answer = matches!(packet.kind, PacketKind::SynAck | PacketKind::EchoReply);
        let found = self.entries.iter().enumerate().find_map(|(index, entry)| {
            let ways = [(entry.original, false), (entry.reply, true)];
            let fits = |(flow, reply): &(Flow, bool)| *flow == packet.flow && *reply == answer;
            let way = ways.iter().find(|w| fits(w));
            let way = way.or_else(|| ways.iter().find(|(flow, _)| *flow == packet.flow));
            way.map(|(_, reply)| (index, *reply))
        });
        let Some((index, reply)) = found else {
            return match packet.kind {
                PacketKind::Solicitation => TrackingState::Untracked,
                PacketKind::SynAck | PacketKind::EchoReply => TrackingState::Invalid,
                PacketKind::Syn
                | PacketKind::Ack
                | PacketKind::Datagram
                | PacketKind::EchoRequest => TrackingState::New(TrackedConnection {
                    original: packet.flow,
                    reply: packet.flow.mirrored(),
                    dnated: false,
                    seen_reply: false,
                    half_open: packet.kind == PacketKind::Syn,
                }),
            };
        };
        let Some(entry) = self.entries.get_mut(index) else {
            return TrackingState::Invalid;
        };
        match (packet.kind, reply) {
            (PacketKind::SynAck, true) => entry.half_open = false,
            (PacketKind::Ack, _) if entry.half_open => return TrackingState::Invalid,
            _ => {}
        }
        entry.seen_reply |= reply;
        TrackingState::Known { index, reply }
    }

    /// Whether a packet of its connection has passed.
    pub(super) fn knows(&self, flow: &Flow) -> bool {
        let mut all = self.entries.iter();
        all.any(|entry| entry.original == *flow || entry.reply == *flow)
    }

    /// Whether the packet counts as established: a reply, or of a connection that has had one.
    pub(super) fn established(&self, state: &TrackingState) -> bool {
        match state {
            TrackingState::Known { index, .. } => self.entry(*index).is_some_and(|e| e.seen_reply),
            TrackingState::New(_) | TrackingState::Invalid | TrackingState::Untracked => false,
        }
    }

    /// Whether the replies to a new connection would look like packets of another one: then NAT gives it
    /// another source port (nf_nat_used_tuple).
    pub(super) fn clashes(&self, new: &TrackedConnection) -> bool {
        let mut known = self.entries.iter();
        known.any(|e| e.original == new.reply || e.reply == new.reply)
    }

    /// A new connection whose first packet passed all hooks.
    pub(super) fn confirm(&mut self, state: &TrackingState) {
        if let TrackingState::New(entry) = state {
            self.entries.push(*entry);
        }
    }

    /// The flows of the packet's connection, as the request and as the reply, and whether it is a reply.
    pub(super) fn of_state(&self, state: &TrackingState) -> Option<([Flow; 2], bool)> {
        let (entry, reply) = match state {
            TrackingState::New(entry) => (entry, false),
            TrackingState::Known { index, reply } => (self.entry(*index)?, *reply),
            TrackingState::Invalid | TrackingState::Untracked => return None,
        };
        Some(([entry.original, entry.reply], reply))
    }

    pub(super) fn dnated(&self, state: &TrackingState) -> bool {
        match state {
            TrackingState::New(entry) => entry.dnated,
            TrackingState::Known { index, .. } => self.entry(*index).is_some_and(|e| e.dnated),
            TrackingState::Invalid | TrackingState::Untracked => false,
        }
    }

    /// The destination after translation, for packets of known connections.
    pub(super) fn translate_destination(&self, state: &TrackingState, flow: &mut Flow) {
        if let TrackingState::Known { index, reply } = state
            && let Some(entry) = self.entry(*index)
        {
            let other = if *reply { entry.original } else { entry.reply };
            (flow.to, flow.port) = (other.from, other.source_port);
        }
    }

    /// The source after translation, likewise.
    pub(super) fn translate_source(&self, state: &TrackingState, flow: &mut Flow) {
        if let TrackingState::Known { index, reply } = state
            && let Some(entry) = self.entry(*index)
        {
            let other = if *reply { entry.original } else { entry.reply };
            (flow.from, flow.source_port) = (other.to, other.port);
        }
    }
}
