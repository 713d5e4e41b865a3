//! The fields of a packet that rules can match.

use super::packet::Flow;
use hallway_nftables::evaluate::PacketContext;

/// Addresses, protocol and port; nothing else is known yet.
pub(super) fn context(flow: &Flow) -> PacketContext<'static> {
    PacketContext {
        port: flow.has_ports().then_some(flow.port),
        ..PacketContext::new(flow.from, flow.to, flow.protocol)
    }
}
