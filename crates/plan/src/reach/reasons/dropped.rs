//! Why the server is not reached.

use std::net::IpAddr;

use hallway_spec::{Mode, Name};

use super::super::code::ReasonCode;
use super::super::party::Party;
use super::super::path::{HopEvent, Location, OutcomeReason};
use super::super::result::{ExchangeFailure, ExchangeResult};
use super::super::walk::DropReason;
use super::builder::{Reasons, reason};
use super::reserved::{elsewhere, namesake, no_node, no_route_of_host};
use super::simple::{
    by_dropping_route, by_foreign, by_node, by_route_of_others, by_routing, by_unmarking, may_have,
    mismatch, no_addresses, no_carrier, own_route, past_host, reverse_path_filter,
};
use crate::rules::purpose;
use crate::settled::Network;
use hallway_nftables::Hook;
use hallway_nftables::evaluate::{PacketVerdict, RuleVerdict};

impl Reasons<'_> {
    pub(super) fn failure(
        &self,
        failure: &ExchangeFailure,
        address: Option<IpAddr>,
        found: &ExchangeResult,
    ) -> OutcomeReason {
        let (from, to) = (&self.question.from, &self.question.to);
        match failure {
            ExchangeFailure::NoAddress if self.has_none(from) => no_addresses(from),
            ExchangeFailure::NoAddress if self.has_none(to) => no_addresses(to),
            ExchangeFailure::NoAddress => reason(
                ReasonCode::NoCommonFamily,
                format!(
                    "{from} and {to} have no IP version in common: both need an IPv4 address, or both an IPv6 address"
                ),
            )
            .help("put both on networks with subnets of one IP version, or join them by a link"),
            ExchangeFailure::NotOfVersion(version) => reason(
                ReasonCode::NoCommonFamily,
                format!("{from} and {to} do not both have an {version} address"),
            )
            .help(format!("put both on networks with an {version} subnet")),
            ExchangeFailure::Namesake(other) => namesake(self, other, address),
            ExchangeFailure::NotPublished => self.not_published(found),
            ExchangeFailure::Request(dropped) => self.dropped(dropped, address, found),
            ExchangeFailure::Reply(dropped) => {
                let why = self.dropped(dropped, None, found);
                OutcomeReason {
                    code: if matches!(dropped, DropReason::NoRoute { .. }) {
                        ReasonCode::NoReplyRoute
                    } else {
                        why.code
                    },
                    text: format!("the request arrives, but not the reply: {}", why.text),
                    ..why
                }
            }
            ExchangeFailure::Mismatch(flow) => mismatch(flow, address),
            ExchangeFailure::Silent(setting) => reason(
                ReasonCode::EchoIgnored,
                format!("{to} does not answer pings: {setting} is set there"),
            )
            .help("name a port instead"),
            ExchangeFailure::Special(_, text) => reason(ReasonCode::SpecialAddress, text.as_str()),
            ExchangeFailure::BetweenOthers(_, text) => {
                reason(ReasonCode::BothOutside, text.as_str())
            }
            ExchangeFailure::LaterPacket => reason(
                ReasonCode::Asymmetric,
                "requests pass the host and replies do not, so connection tracking on the host is incomplete and the packet is dropped",
            )
            .help("use an address on a network both share, or put both on one network"),
        }
    }

    /// Whether it is a node without any address.
    fn has_none(&self, party: &Party) -> bool {
        let node = match party {
            Party::Node(name) => self.world.node(name),
            Party::Host | Party::Outside | Party::Beyond | Party::Address(_) => None,
        };
        node.is_some_and(|n| n.interfaces.iter().all(|i| i.addresses.is_empty()))
    }

    fn dropped(
        &self,
        dropped: &DropReason,
        address: Option<IpAddr>,
        found: &ExchangeResult,
    ) -> OutcomeReason {
        match dropped {
            DropReason::Rule { hook, verdict } => self.refused(*hook, verdict, found),
            DropReason::NoRoute {
                at: Location::Host,
                to,
            } => no_route_of_host(*to, self.world.environment.in_sandbox),
            DropReason::NoRoute { at, to } => self.no_route(at, *to, found),
            DropReason::Elsewhere { node, to } => reason(
                ReasonCode::NoRoute,
                format!("the host has no route to {to} of node {node}, and sends the packet to the outside"),
            )
            .help(format!("only the other end of the link reaches {to}: use an address of {node} on a network")),
            DropReason::NodeRules { node, rule } => by_node(node, rule),
            DropReason::NodeRouting { node, by } => by_routing(node, by),
            DropReason::MayHave { to, nodes } => may_have(*to, nodes),
            DropReason::Neighbour { at, next }
                if self.world.owners_near(at, *next).next().is_some() =>
            {
                self.no_neighbour(at, *next)
            }
            DropReason::Neighbour { at, next }
                if self.world.is_mute_host(*next) || self.world.mute(at, *next).is_some() =>
            {
                self.no_arp(at, *next)
            }
            DropReason::ReversePathFilter { at, from, interface, strict } => {
                reverse_path_filter(at, *from, interface, *strict)
            }
            DropReason::OwnRoute { node, to, interface } => own_route(node, to, interface),
            DropReason::PastHost { network } => past_host(network),
            DropReason::External { network, to } => self.by_others(network, *to),
            DropReason::Neighbour { at, next } => {
                let asked = address.filter(|a| a != next);
                let as_hop = asked.map_or(String::new(), |a| format!(", the next hop to {a}"));
                let there = elsewhere(self, *next);
                let text = format!("no node on a link of {at} has the address {next}{as_hop}{there}");
                no_node(self.world, at, *next, text)
            }
            DropReason::NotForwarding { node } => reason(
                ReasonCode::NotForwarding,
                format!("node {node} is not a router: it does not forward packets"),
            )
            .help(format!("set forwarding: true for node {node}")),
            DropReason::Impaired { node, interface } => reason(
                ReasonCode::Impaired,
                format!(
                    "interface {interface} of node {node} drops every packet it sends (loss: 100%)"
                ),
            )
            .help(format!("hallway impair {node}:{interface} loss=0%")),
            DropReason::Foreign(foreign) => by_foreign(foreign),
            DropReason::Unmarked(rule) => by_unmarking(rule),
            DropReason::Diverted(diverted) => by_route_of_others(diverted),
            DropReason::DroppingRoute { net, how } => by_dropping_route(net, *how),
            DropReason::NoCarrier { link, to } => no_carrier(link, *to),
            DropReason::Loop => reason(
                ReasonCode::Loop,
                "routing loop: routers forward the packet to each other",
            ),
        }
    }

    /// The node that has the address does not answer for it.
    fn no_arp(&self, at: &Location, next: IpAddr) -> OutcomeReason {
        let Some(node) = self.world.mute(at, next).map(|n| &n.name) else {
            let text = format!(
                "the host does not answer ARP requests for {next}: net.ipv4.conf.all.arp_ignore is 8"
            );
            return reason(ReasonCode::NeighbourUnreachable, text)
                .help("sysctl -w net.ipv4.conf.all.arp_ignore=0");
        };
        reason(
            ReasonCode::NeighbourUnreachable,
            format!("{node} does not answer ARP requests for {next}, by its setting arp_ignore"),
        )
        .help(format!("change arp_ignore in sysctls of {node}"))
    }

    /// Nodes may have an address, and none of them does.
    fn no_neighbour(&self, at: &Location, next: IpAddr) -> OutcomeReason {
        let nodes = self.world.owners_near(at, next);
        let nodes: Vec<&str> = nodes.map(|n| n.name.as_ref()).collect();
        let nodes = nodes.join(", ");
        reason(
            ReasonCode::NeighbourUnreachable,
            format!("no node on that link has the address {next}; {nodes} may have it (sources)"),
        )
        .help("a program of one of them has to take the address")
    }

    fn no_route(&self, at: &Location, to: IpAddr, found: &ExchangeResult) -> OutcomeReason {
        let network = match at {
            Location::Node(name) => self.first_network(name),
            Location::Host | Location::Outside => None,
        };
        let text = format!("{at} has no route to {to}");
        match network {
            None => reason(ReasonCode::NoRoute, text).help(format!(
                "put {at} on a network that is not internal, or give it a route"
            )),
            Some(n) if n.mode == Mode::Lan => reason(
                ReasonCode::NoRoute,
                format!("{text}: network {} is a lan, which the host does not route for", n.name),
            )
            .place(&n.place)
            .help(format!(
                "give {at} a route by a router of that lan, or put it on another network too"
            )),
            Some(n) if n.mode == Mode::Macvlan => reason(
                ReasonCode::NoRoute,
                format!("{text}: network {} has no gateway", n.name),
            )
            .place(&n.place)
            .help("write the router's address as gateway of the network"),
            Some(n) if n.internal => reason(
                ReasonCode::NoRoute,
                format!(
                    "{text}: network {} is internal, and no policy connects it with that destination",
                    n.name
                ),
            )
            .place(&n.place)
            .help(self.policy_help(found)),
            Some(n) if n.outside && self.world.network_of(to).is_none() => reason(
                ReasonCode::NoRoute,
                format!("{text}: network {} is not connected to the machines that are really outside", n.name),
            )
            .place(&n.place)
            .help(self.world.further_help(at, n)),
            Some(n) if n.outside => reason(
                ReasonCode::NoRoute,
                format!("{text}: machines outside have no route to addresses behind the host"),
            )
            .place(&n.place)
            .help("from outside, nodes are reached by published ports: use the host's address instead"),
            Some(n) => reason(ReasonCode::NoRoute, text).place(&n.place),
        }
    }

    fn first_network(&self, node: &Name) -> Option<&Network> {
        let node = self.world.node(node)?;
        let (_, network) = node.memberships().next()?;
        self.world.settled().network(network)
    }

    fn refused(&self, hook: Hook, verdict: &RuleVerdict, found: &ExchangeResult) -> OutcomeReason {
        if let Some(reason) = self.policy(verdict, ReasonCode::PolicyDeny, "denies it") {
            let number = purpose::policy_of(&verdict.comment).unwrap_or_default() + 1;
            return reason.help(format!(
                "change or remove policy {number}, or allow it in a line before"
            ));
        }
        let from = &self.question.from;
        match verdict.comment.as_str() {
            purpose::DIRECT => self.not_by_routing(found),
            purpose::SPOOFED => reason(
                ReasonCode::SpoofedSource,
                format!("{} sends with an address that is not its own on that network", self.sender(found)),
            ),
            purpose::NOT_ADDRESSEE => reason(
                ReasonCode::NotForwarding,
                format!("the next hop on the path from {from} is not a router: it does not forward packets"),
            )
            .help("set forwarding: true for that node"),
            purpose::UNUSED_ADDRESS => {
                let text = "no node has the address".to_owned();
                match found.request.last().map(|h| h.flow.to) {
                    Some(to) => no_node(self.world, &Location::Host, to, format!("{text} {to} on its network")),
                    None => reason(ReasonCode::NeighbourUnreachable, text),
                }
            }
            purpose::INVALID | purpose::MID_STREAM => reason(
                ReasonCode::Asymmetric,
                "the first packet of this connection did not pass the host, so later packets are dropped",
            ),
            purpose::HOST_DEFAULT => reason(
                ReasonCode::HostServices,
                "nodes do not reach the host's services unless a policy allows it",
            )
            .help(self.policy_help(found)),
            purpose::DEFAULT => self.by_default(found),
            purpose::KEPT => reason(
                ReasonCode::Internal,
                "packets from internal and from outside networks do not leave the host, by no router either",
            ),
            purpose::FOREIGN => self.not_really_outside(found),
            purpose::UNTRANSLATED => {
                let router = self.sender(found);
                reason(
                    ReasonCode::Rule,
                    format!(
                        "{router} sends it to outside with the address of {from}, which the host can no longer translate: it already tracks the connection on a bridge"
                    ),
                )
                .help("set masquerade: true for the router on its network towards the host")
            }
            _ if hook == Hook::Prerouting => reason(
                ReasonCode::Guard,
                format!("the guard of the node's port drops it: {}", verdict.comment),
            ),
            _ => {
                let said = if verdict.verdict == PacketVerdict::Reject { "rejects" } else { "drops" };
                reason(ReasonCode::Rule, format!("a rule {said} it: {}", verdict.comment))
            }
        }
    }

    /// Who sent the packet the last time: one of the two, or a router.
    fn sender(&self, found: &ExchangeResult) -> String {
        let ends = [&self.question.from, &self.question.to].map(|p| self.world.place(p));
        let hops = match &found.end {
            Some(_) => &found.reply,
            None => &found.request,
        };
        let mut last = hops.iter().rev();
        match last.find(|hop| matches!(hop.event, HopEvent::Leaves { .. })) {
            Some(hop) if !ends.contains(&hop.at) => format!("router {}", hop.at),
            Some(hop) => hop.at.to_string(),
            None => self.question.from.to_string(),
        }
    }

    /// An address of a network, from somewhere else.
    fn not_by_routing(&self, found: &ExchangeResult) -> OutcomeReason {
        let mut own = self.world.gateways();
        let asked = found.request.last().map(|hop| hop.flow.to);
        let asked = asked.filter(|a| self.world.is_host(*a) && own.all(|g| g != *a));
        let Some(asked) = asked else {
            let to = &self.question.to;
            if *to == Party::Host {
                return reason(
                    ReasonCode::DirectRouting,
                    "from outside, the host is not reached at its address on a network of the project, and no other address of it is known",
                )
                .help("run this while the project is up, on a host with a route to outside");
            }
            return reason(
                ReasonCode::DirectRouting,
                format!("from outside, {to} is reached by published ports only, never by routing to its address"),
            )
            .help("publish a port, and use the host's address");
        };
        let text = format!(
            "{asked} is the host's address on a network of another project, where other nodes reach published ports only"
        );
        let mut own = self.world.gateways();
        let near = own.find(|g| g.is_ipv4() == asked.is_ipv4());
        let near = near.map_or(String::new(), |near| format!(", like {near}"));
        reason(ReasonCode::DirectRouting, text)
            .help(format!("use another address of the host{near}"))
    }

    /// No policy applies: which default decides depends on the networks.
    fn by_default(&self, found: &ExchangeResult) -> OutcomeReason {
        let flow = found.request.last().map(|h| h.flow);
        let places = || found.request.iter().rev().map(|hop| &hop.at);
        let network = |address: IpAddr| {
            let position = self.world.network_near(address, places())?;
            self.world.network(position)
        };
        let (source, target) = match flow {
            Some(flow) => (network(flow.from), network(flow.to)),
            None => (None, None),
        };
        let published = self.published(found).is_some();
        match (source, target) {
            (Some(s), _) if published && s.internal => reason(
                ReasonCode::Internal,
                format!(
                    "network {} is internal: its nodes do not use published ports",
                    s.name
                ),
            )
            .place(&s.place)
            .help("allow it by a policy to the node itself"),
            (Some(s), Some(t)) if !t.outside && s.name != t.name => reason(
                ReasonCode::DefaultDeny,
                format!(
                    "no policy allows network {} to reach network {}",
                    s.name, t.name
                ),
            )
            .place(&t.place)
            .help(self.policy_help(found)),
            (Some(s), _) if s.internal => reason(
                ReasonCode::Internal,
                format!(
                    "network {} is internal: it is not connected to the outside",
                    s.name
                ),
            )
            .place(&s.place)
            .help(format!(
                "remove internal: true from {} if its nodes should reach outside",
                s.name
            )),
            _ => {
                reason(ReasonCode::DefaultDeny, "no policy allows it").help(self.policy_help(found))
            }
        }
    }
}
