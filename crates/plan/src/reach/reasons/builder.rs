//! What all reasons are made from.

use std::net::IpAddr;

use hallway_spec::{IpVersion, LOCALHOST_PORTS_MAX, Mode, Name, Place, Protocol, Service};

use super::super::code::ReasonCode;
use super::super::packet::Flow;
use super::super::party::Party;
use super::super::path::{HopEvent, Location, OutcomeReason};
use super::super::question::Question;
use super::super::result::ExchangeResult;
use super::super::single_link::is_link_local6;
use super::super::world::World;
use crate::rules::purpose;
use crate::settled::{Network, Publish};
use hallway_nftables::evaluate::RuleVerdict;

/// Reasons for one question.
pub(super) struct Reasons<'a> {
    pub(super) world: &'a World<'a>,
    pub(super) question: &'a Question,
}

/// A reason without place and help.
pub(super) fn reason(code: ReasonCode, text: impl Into<String>) -> OutcomeReason {
    OutcomeReason {
        code,
        text: text.into(),
        place: None,
        help: String::new(),
    }
}

impl OutcomeReason {
    /// With its place in the file; none when it has none.
    pub(super) fn place(mut self, place: &Place) -> Self {
        self.place = (place.line > 0).then(|| place.clone());
        self
    }

    /// With what would change it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl Reasons<'_> {
    /// Never passed the host's filter: over a cable, or on one bridge.
    pub(super) fn direct(&self, found: &ExchangeResult) -> OutcomeReason {
        let (from, to) = (&self.question.from, &self.question.to);
        let routers = self.routers(found);
        if !routers.is_empty() {
            let text = format!("{from} reaches {to} through {}", words(&routers));
            return reason(ReasonCode::Forwarded, text);
        }
        if let Some(network) = self.shared_network(found) {
            let text = if network.outside {
                format!(
                    "{from} and {to} are both on outside network {}",
                    network.name
                )
            } else {
                format!(
                    "{from} and {to} are both on network {}, whose members reach each other",
                    network.name
                )
            };
            return reason(ReasonCode::SameNetwork, text).place(&network.place);
        }
        reason(
            ReasonCode::Cable,
            format!("a link connects {from} and {to}"),
        )
    }

    /// The published port by which the request reached its end.
    pub(super) fn published(&self, found: &ExchangeResult) -> Option<&Publish> {
        let dnat = found.request.iter().find_map(|hop| match &hop.event {
            HopEvent::Translated { before } if before.to != hop.flow.to => Some(*before),
            HopEvent::Listener { .. } if hop.flow.to.is_loopback() => Some(hop.flow),
            _ => None,
        })?;
        self.publish_for(&dnat)
    }

    /// What a policy line decided.
    pub(super) fn policy(
        &self,
        verdict: &RuleVerdict,
        code: ReasonCode,
        says: &str,
    ) -> Option<OutcomeReason> {
        let index = purpose::policy_of(&verdict.comment)?;
        let policy = (self.world.settled().policies.iter()).find(|p| p.index == index)?;
        let text = format!("policy {} {says}: {}", policy.number(), policy.told());
        Some(reason(code, text).place(&policy.place))
    }

    pub(super) fn not_published(&self, found: &ExchangeResult) -> OutcomeReason {
        let service = self.question.service;
        let elsewhere = self.world.settled().publishes.iter().find(|p| {
            matches!(service, Service::Port(asked)
                if p.protocol == asked.protocol && p.host_ports.contains(asked.port))
        });
        // A rule of another program may have changed the destination.
        let elsewhere = elsewhere.filter(|_| found.changed.is_none());
        if found.changed.is_none() && self.asked(found).is_some_and(is_link_local6) {
            return not_on_link_local(elsewhere, &service);
        }
        if let Some(why) = elsewhere.and_then(|publish| self.not_there(publish, found)) {
            return why;
        }
        let at = elsewhere.map(|p| (p, p.host_address));
        match at {
            Some((publish, None)) => not_on_localhost(publish),
            Some((publish, Some(only))) if only.is_loopback() && !is_served(publish) => {
                not_on_localhost(publish)
            }
            Some((publish, Some(address))) => reason(
                ReasonCode::NotPublished,
                format!("{} publishes {service} on {address} only", publish.node),
            )
            .place(&publish.place)
            .help("publish it without an address to serve it on all of them"),
            None if found.changed.is_some() => reason(
                ReasonCode::NotPublished,
                "hallway does not manage the host's own services",
            ),
            None => reason(
                ReasonCode::NotPublished,
                format!(
                    "no node publishes {service}, and hallway does not manage the host's own services"
                ),
            )
            .help(match service {
                Service::Port(p) if p.protocol == Protocol::Tcp => {
                    format!("hallway publish NODE {0}:{0}", p.port)
                }
                Service::Port(p) => format!("hallway publish NODE {}:{p}", p.port),
                Service::Icmp | Service::Protocol(_) => String::new(),
            }),
        }
    }

    /// The address that the client sends to.
    fn asked(&self, found: &ExchangeResult) -> Option<IpAddr> {
        match self.question.to {
            Party::Address(address) => Some(address),
            _ => Some(found.request.first()?.flow.to),
        }
    }

    /// Why a port that a node publishes is not at this address of the host; `None` for localhost, and for an
    /// address that it is not published to.
    fn not_there(&self, publish: &Publish, found: &ExchangeResult) -> Option<OutcomeReason> {
        let service = self.question.service;
        let asked = self.asked(found)?;
        let elsewhere = publish.host_address.is_some_and(|only| only != asked);
        if asked.is_loopback() || elsewhere {
            return None;
        }
        let of = |a: &IpAddr| a.is_ipv4() == asked.is_ipv4();
        let (text, other) = match publish.targets.iter().any(of) {
            true => (format!("not on {asked}"), "another"),
            false => (
                format!("has no IPv{} address", IpVersion::of(asked)),
                match asked.is_ipv4() {
                    true => "an IPv6",
                    false => "an IPv4",
                },
            ),
        };
        let text = format!("{} publishes {service}, but {text}", publish.node);
        let why = reason(ReasonCode::NotPublished, text).place(&publish.place);
        Some(why.help(format!("use {other} address of the host")))
    }

    /// The policy that would allow it: from the router, where that has masqueraded the packet.
    pub(super) fn policy_help(&self, found: &ExchangeResult) -> String {
        let (from, to) = (&self.masked(found), &self.question.to);
        if !self.filtered(from) || !self.filtered(to) {
            return String::new();
        }
        format!("hallway allow {from} {to} --port {}", self.question.service)
    }

    /// Whether policies may name a party: packets on lans do not pass the host's rules.
    fn filtered(&self, party: &Party) -> bool {
        match party {
            Party::Address(_) => false,
            Party::Host | Party::Outside | Party::Beyond => true,
            Party::Node(name) => self.world.node(name).is_some_and(|node| {
                let on = |network| self.world.settled().network(network);
                let mut networks = node.ports().filter_map(|(_, network, _)| on(network));
                networks.any(|n| n.mode != Mode::Lan)
            }),
        }
    }

    /// The nodes that forwarded the request.
    pub(super) fn routers<'f>(&self, found: &'f ExchangeResult) -> Vec<&'f Name> {
        let end = found.end.as_ref().map(|(at, _)| at);
        let mut out: Vec<&Name> = Vec::new();
        for hop in &found.request {
            let own = hop.at == self.world.place(&self.question.from) || Some(&hop.at) == end;
            let sends = matches!(hop.event, HopEvent::Leaves { .. });
            if let (Location::Node(name), true, false) = (&hop.at, sends, own) {
                out.push(name);
            }
        }
        out
    }

    /// The beginning of a sentence about what a router forwarded; empty without a router.
    pub(super) fn forwarded_by(&self, found: &ExchangeResult) -> String {
        match self.routers(found).as_slice() {
            [] => String::new(),
            [router] => format!("{router} forwards it; "),
            routers => format!("{} forward it; ", words(routers)),
        }
    }

    /// The party whose address the request has in the end: the last router that masqueraded it.
    fn masked(&self, found: &ExchangeResult) -> Party {
        let masks = found.request.iter().rev().find_map(|hop| match &hop.event {
            HopEvent::Translated { before } if before.from != hop.flow.from => Some(&hop.at),
            _ => None,
        });
        match masks {
            Some(Location::Node(name)) => Party::Node(name.clone()),
            _ => self.question.from.clone(),
        }
    }

    fn shared_network(&self, found: &ExchangeResult) -> Option<&Network> {
        let (at, flow) = found.end.as_ref()?;
        let on_one_link = || self.world.network_of_link_local(flow.to);
        let network = self
            .world
            .network_near(flow.to, [at])
            .or_else(on_one_link)?;
        let cabled = found.request.iter().all(|h| h.at != Location::Host);
        let network = self.world.network(network);
        network.filter(|n| !cabled || n.mode == Mode::Macvlan)
    }

    fn publish_for(&self, asked: &Flow) -> Option<&Publish> {
        let mut all =
            self.world.settled().publishes.iter().filter(|p| {
                p.protocol.number() == asked.protocol && p.host_ports.contains(asked.port)
            });
        all.find(|p| p.host_address.is_none_or(|a| a == asked.to))
    }
}

/// Whether the keeper has listeners on localhost for a published port.
fn is_served(publish: &Publish) -> bool {
    publish.protocol != Protocol::Sctp && publish.host_ports.len() <= LOCALHOST_PORTS_MAX
}

/// A port that is published, but not by a listener at this address of localhost.
fn not_on_localhost(publish: &Publish) -> OutcomeReason {
    let why = match publish.protocol {
        Protocol::Sctp => "its listeners are for tcp and udp".to_owned(),
        _ if !is_served(publish) => {
            format!("the range has more than {LOCALHOST_PORTS_MAX} ports")
        }
        _ => "its listeners are at 127.0.0.1 and ::1 only".to_owned(),
    };
    let text = format!(
        "localhost does not serve {}/{}: {why}",
        publish.host_ports, publish.protocol
    );
    reason(ReasonCode::NotPublished, text)
        .place(&publish.place)
        .help("use another address of the host")
}

/// Why a link-local address of the host does not answer; `publish` is the entry that has the port.
fn not_on_link_local(publish: Option<&Publish>, service: &Service) -> OutcomeReason {
    let Some(publish) = publish else {
        let text = format!(
            "hallway does not manage the host's own services, and {service} cannot be published on link-local addresses"
        );
        return reason(ReasonCode::NotPublished, text);
    };
    let text = format!(
        "{} publishes {service}, but not on link-local addresses: packets from such an address are never forwarded",
        publish.node
    );
    reason(ReasonCode::NotPublished, text)
        .place(&publish.place)
        .help("use another address of the host")
}

/// `a`, `a and b`, `a, b and c`.
fn words(names: &[&Name]) -> String {
    let names: Vec<&str> = names.iter().map(|n| n.as_ref()).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}
