//! The fields of a packet that rules can match.

use super::packet::Flow;
use hallway_nftables::evaluate::PacketContext;

/// Addresses, protocol and port; nothing else is known yet.
pub(super) fn context(flow: &Flow) -> PacketContext<'static> {
    PacketContext {
        iif: "",
        iif_group: 0,
        oif: "",
        oif_group: 0,
        mac: [0; 6],
        mac_to: [0; 6],
        from: flow.from,
        to: flow.to,
        protocol: flow.protocol,
        port: flow.has_ports().then_some(flow.port),
        icmp: None,
        established: false,
        invalid: false,
        mid_stream: false,
        dnated: false,
        to_local: false,
        mark: 0,
    }
}
