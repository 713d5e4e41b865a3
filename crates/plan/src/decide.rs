//! What the built network does with a new connection, and why: the same order of rules as
//! [`crate::rules::build`], as a function.

use std::net::IpAddr;

use hallway_spec::{Action, Service};
use ipnet::IpNet;

use crate::rules::elements::protocol_number;
use crate::settled::{Policy, Settled, Side};

/// The first packet of a connection, with addresses and ports as the filter sees them: after
/// any destination NAT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// Source.
    pub from: IpAddr,
    /// Destination.
    pub to: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// Destination port; 0 for protocols without ports.
    pub port: u16,
    /// Whether it was sent to a published port.
    pub published: bool,
}

/// Why a packet passes or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The policy with this index says so.
    Policy(usize),
    /// Both are on one network.
    SameNetwork,
    /// From a network with a way out to outside.
    Egress,
    /// It came through a published port.
    Published,
    /// It would enter a network from outside by routing.
    DirectRouting,
    /// It is between the host and its nodes.
    Host,
    /// Nothing allows it.
    Default,
    /// Neither end is the project's.
    NotOurs,
}

/// The answer with its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// Whether the connection may begin.
    pub allowed: bool,
    /// Why.
    pub reason: Reason,
}

fn yes(reason: Reason) -> Decision {
    Decision {
        allowed: true,
        reason,
    }
}

fn no(reason: Reason) -> Decision {
    Decision {
        allowed: false,
        reason,
    }
}

/// Decides about a packet that the host forwards from one side to another.
#[must_use]
pub fn forwarded(settled: &Settled, packet: &Packet) -> Decision {
    let from = network_of(settled, packet.from);
    let to = network_of(settled, packet.to);
    if from.is_none() && to.is_none() {
        return yes(Reason::NotOurs);
    }
    if from.is_none() && !packet.published {
        return no(Reason::DirectRouting);
    }
    for policy in &settled.policies {
        if speaks_of(settled, policy, packet) {
            let reason = Reason::Policy(policy.index);
            return if policy.action == Action::Allow {
                yes(reason)
            } else {
                no(reason)
            };
        }
    }
    match (from, to) {
        (Some(a), Some(b)) if a == b => yes(Reason::SameNetwork),
        (Some(a), None) if !internal(settled, a) => yes(Reason::Egress),
        (Some(a), Some(_)) if packet.published && !internal(settled, a) => yes(Reason::Published),
        (None, Some(_)) => yes(Reason::Published),
        _ => no(Reason::Default),
    }
}

fn internal(settled: &Settled, index: usize) -> bool {
    settled.networks.get(index).is_none_or(|n| n.internal)
}

/// The position of the inner network an address belongs to.
fn network_of(settled: &Settled, address: IpAddr) -> Option<usize> {
    settled
        .networks
        .iter()
        .position(|n| !n.outside && n.subnets.iter().any(|s| s.net.contains(&address)))
}

fn speaks_of(settled: &Settled, policy: &Policy, packet: &Packet) -> bool {
    let pair = policy
        .pairs
        .iter()
        .any(|(from, to)| is_side(settled, from, packet.from) && is_side(settled, to, packet.to));
    pair && (policy.services.is_empty() || policy.services.iter().any(|s| is_service(s, packet)))
}

fn is_side(settled: &Settled, side: &Side, address: IpAddr) -> bool {
    match side {
        Side::Any => true,
        Side::Host => false,
        Side::Outside => network_of(settled, address).is_none(),
        Side::Prefixes(nets) => nets.iter().any(|n: &IpNet| n.contains(&address)),
    }
}

fn is_service(service: &Service, packet: &Packet) -> bool {
    match service {
        Service::Ports(range, protocol) => {
            packet.protocol == protocol_number(*protocol) && range.contains(packet.port)
        }
        Service::Icmp => matches!(packet.protocol, 1 | 58),
        Service::Protocol(protocol) => packet.protocol == protocol_number(*protocol),
    }
}
