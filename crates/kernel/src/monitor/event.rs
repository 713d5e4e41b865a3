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
pub enum Change {
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
    Link(Change, LinkInfo),
    /// A link as a bridge port; removed when it leaves its bridge.
    BridgePort(Change, LinkInfo),
    /// An address.
    Address(Change, AddressInfo),
    /// A route.
    Route(Change, RouteInfo),
    /// A routing policy rule.
    Rule(Change, RoutingRule),
    /// A neighbour.
    Neighbour(Change, NeighbourInfo),
    /// An entry of a bridge.
    Forwarding(Change, ForwardingInfo),
    /// A queueing discipline.
    Qdisc(Change, QdiscInfo),
    /// Settings of an interface.
    Netconf(Change, Netconf),
    /// One change of an nf_tables transaction.
    Nftables(Change, NfChange),
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
