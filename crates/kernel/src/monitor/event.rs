//! What changed.

use super::nftables::{Generation, NfChange};
use crate::addr::AddressInfo;
use crate::conntrack::Connection;
use crate::forwarding::ForwardingInfo;
use crate::link::LinkInfo;
use crate::neighbour::NeighbourInfo;
use crate::netconf::Netconf;
use crate::qdisc::QdiscInfo;
use crate::route::RouteInfo;
use crate::rule::RoutingRule;

/// Whether an object exists now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Existence {
    /// It was added or changed, and exists.
    Present,
    /// It was removed.
    Removed,
}

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A link.
    Link(Existence, LinkInfo),
    /// A link as a bridge port; removed when it leaves its bridge.
    BridgePort(Existence, LinkInfo),
    /// An address.
    Address(Existence, AddressInfo),
    /// A route.
    Route(Existence, RouteInfo),
    /// A routing policy rule.
    Rule(Existence, RoutingRule),
    /// A neighbour.
    Neighbour(Existence, NeighbourInfo),
    /// An entry of a bridge.
    Forwarding(Existence, ForwardingInfo),
    /// A queueing discipline.
    Qdisc(Existence, QdiscInfo),
    /// Settings of an interface.
    Netconf(Existence, Netconf),
    /// One change of an nf_tables transaction.
    Nftables(Existence, NfChange),
    /// The end of an nf_tables transaction.
    Generation(Generation),
    /// A tracked connection began.
    ConnectionNew(Connection),
    /// A tracked connection changed its state or status.
    ConnectionChanged(Connection),
    /// A tracked connection ended.
    ConnectionEnded(Connection),
    /// Notifications were lost because they were not read in time: the state of the namespace must
    /// be read again.
    Overrun,
}
