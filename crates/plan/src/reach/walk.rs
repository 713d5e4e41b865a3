//! The state of a walk: packets on their way through nodes, cables, bridges and the host.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use hallway_spec::Name;
use ipnet::IpNet;

use super::conntrack::ConnectionTable;
use super::host_rules::{Diverted, HostRule};
use super::packet::{Flow, Packet};
use super::path::{Hop, HopEvent, Location, Outcome};
use super::world::World;
use crate::observed::Dropping;
use hallway_nftables::evaluate::{Evaluator, RuleVerdict};
use hallway_nftables::survey::{DropReply, Mark};
use hallway_nftables::{Family, Hook};

/// Where a packet has arrived, with its addresses there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Location,
    pub(super) packet: Packet,
}

/// Why a packet is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DropReason {
    /// By a rule.
    Rule { hook: Hook, verdict: RuleVerdict },
    /// No route to its destination.
    NoRoute { at: Location, to: IpAddr },
    /// It leaves by an uplink, and the node that has its destination is not reached by that.
    Elsewhere { node: Name, to: IpAddr },
    /// Its node sends it by an interface of other programs.
    OwnRoute {
        node: Name,
        to: IpNet,
        interface: String,
    },
    /// A routing rule of another program takes it elsewhere.
    Diverted(Diverted),
    /// A route of the host drops it.
    DroppingRoute { net: IpNet, how: Dropping },
    /// The link that the host sends it by has no carrier.
    NoCarrier { link: String, to: IpAddr },
    /// It goes to a machine on an external network that is not a node, or from there to the outside.
    External { network: Name, to: IpAddr },
    /// From the host to a macvlan interface of one of its links, or the other way.
    PastHost { network: Name },
    /// No neighbour has the address of the next hop.
    Neighbour { at: Location, next: IpAddr },
    /// It is not for this node, which does not forward.
    NotForwarding { node: Name },
    /// One of these nodes may have the address (`sources`).
    MayHave { to: IpAddr, nodes: Vec<Name> },
    /// A rule of a program in the node may translate its addresses.
    NodeRules { node: Name, rule: String },
    /// What a program in a node has added to its routes, in words.
    NodeRouting { node: Name, by: String },
    /// The reverse path filter: the route back to the source is not by the interface that it came in
    /// by, or, where the filter is not `strict`, there is none.
    ReversePathFilter {
        at: Location,
        from: IpAddr,
        interface: String,
        strict: bool,
    },
    /// The interface it would leave by drops every packet.
    Impaired { node: Name, interface: String },
    /// A routing loop.
    Loop,
    /// By a rule of another program.
    Foreign(Foreign),
    /// By the keeper's guard, since this rule of another program removes the bits that it looks for.
    Unmarked(ForeignRule),
}

/// A chain of another program that drops packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Foreign {
    /// Its table: family and name.
    pub(super) table: String,
    pub(super) chain: String,
    /// The rule; the chain's policy without one.
    pub(super) rule: Option<String>,
    /// What the sender gets.
    pub(super) reply: DropReply,
    /// What would let the packets through.
    pub(super) help: String,
}

/// A rule of another program that translates a connection, or exempts it from tracking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignRule {
    /// The rule and what it does.
    pub(super) words: String,
    /// What can be done about it.
    pub(super) help: String,
}

/// A chain of another program that removes bits of hallway from the mark of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unmarking {
    /// Those bits.
    pub(super) bits: u32,
    /// It removes them in any case.
    pub(super) certain: bool,
    /// The rule.
    pub(super) rule: ForeignRule,
}

impl DropReason {
    /// The outcome for the sender.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Rule { .. }
            | Self::NotForwarding { .. }
            | Self::Impaired { .. }
            | Self::ReversePathFilter { .. }
            | Self::Unmarked(_)
            | Self::Loop => Outcome::Filtered,
            Self::DroppingRoute { how, .. } => dropping(Some(*how)),
            Self::Diverted(diverted) => dropping(diverted.drops),
            Self::Foreign(foreign) => match foreign.reply {
                DropReply::None | DropReply::Prohibited => Outcome::Filtered,
                DropReply::Refused => Outcome::Refused,
                DropReply::Unreachable => Outcome::Unreachable,
            },
            Self::OwnRoute { .. }
            | Self::External { .. }
            | Self::MayHave { .. }
            | Self::NodeRules { .. }
            | Self::NodeRouting { .. } => Outcome::Unknown,
            Self::NoRoute { .. }
            | Self::Elsewhere { .. }
            | Self::PastHost { .. }
            | Self::NoCarrier { .. }
            | Self::Neighbour { .. } => Outcome::Unreachable,
        }
    }
}

/// The outcome for the sender of a packet that a route drops, or that leaves another way.
fn dropping(how: Option<Dropping>) -> Outcome {
    match how {
        Some(Dropping::Unreachable) => Outcome::Unreachable,
        Some(Dropping::Silently | Dropping::Prohibited) | None => Outcome::Filtered,
    }
}

/// The walk of one exchange: the entries of the host's connection tracking are kept from packet to
/// packet.
pub(super) struct Walk<'w> {
    pub(super) world: &'w World<'w>,
    pub(super) conntrack: ConnectionTable,
    /// The connections that nodes track which translate addresses.
    pub(super) in_nodes: BTreeMap<&'w Name, ConnectionTable>,
    hops: Vec<Hop>,
    /// The rule by which the host let the last packet through.
    pub(super) passed: Option<(Hook, RuleVerdict)>,
    /// Where the current frame is for, while a bridge passes it on.
    pub(super) mac_to: [u8; 6],
    /// How often routers have forwarded the current packet.
    pub(super) routers: usize,
    /// The rules of other projects of the host.
    pub(super) others: Rc<Vec<Evaluator<'w>>>,
    /// A rule of another program that could not be evaluated.
    pub(super) unsure: Option<String>,
    /// A rule of the host by which a packet may leave another way than predicted.
    pub(super) rerouted: Option<String>,
    /// The link by which the current packet leaves the host by a routing rule, and the rule.
    pub(super) by_rule: Option<(&'w str, &'w HostRule)>,
    /// A rule of another program that changes what becomes of the connection.
    pub(super) changed: Option<ForeignRule>,
    /// The mark that rules of other programs have given the current packet, and its connection.
    pub(super) mark: Mark,
    pub(super) connection_mark: Mark,
    /// A chain of another program has removed bits of hallway from the mark at the present hook.
    pub(super) unmarking: Option<Unmarking>,
    /// The address that the connection gets where it leaves the host, if that is certain; in flows it is
    /// unspecified.
    pub(super) leaves_as: Option<IpAddr>,
    /// Such a rule has exempted the current packet from connection tracking.
    pub(super) exempt: bool,
}

/// Where a packet arrived, or why it was dropped.
pub(super) type WalkResult = Result<Arrival, DropReason>;

impl<'w> Walk<'w> {
    pub(super) fn new(world: &'w World<'w>) -> Self {
        Self {
            world,
            conntrack: ConnectionTable::default(),
            in_nodes: BTreeMap::new(),
            hops: Vec::new(),
            passed: None,
            mac_to: [0; 6],
            routers: 0,
            others: Rc::new(
                (world.environment.projects.iter())
                    .filter_map(|rules| Evaluator::new(rules, Family::Inet))
                    .collect(),
            ),
            unsure: None,
            rerouted: None,
            by_rule: None,
            changed: None,
            mark: Mark::NONE,
            connection_mark: Mark::NONE,
            unmarking: None,
            leaves_as: None,
            exempt: false,
        }
    }

    /// Forgets the marks and the exemption of the last packet.
    pub(super) fn forget(&mut self) {
        (self.mark, self.connection_mark) = (Mark::NONE, Mark::NONE);
        self.exempt = false;
    }

    /// The hops since the last call.
    pub(super) fn take_hops(&mut self) -> Vec<Hop> {
        std::mem::take(&mut self.hops)
    }

    /// The rule by which the host let the last packet through, if a rule decided.
    pub(super) fn take_passed(&mut self) -> Option<(Hook, RuleVerdict)> {
        self.passed.take()
    }

    /// Adds a hop.
    pub(super) fn hop(&mut self, at: Location, event: HopEvent, flow: Flow) {
        self.hops.push(Hop { at, event, flow });
    }
}
