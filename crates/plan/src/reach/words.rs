//! Why, in one sentence, with the line of the file that says so and what would change it.

use std::net::IpAddr;

use hallway_spec::{Name, Place};

use super::exchange::Question;
use super::packet::{Flow, Service};
use super::party::Party;
use super::path::{At, Hop, Outcome, Reason};
use super::walk::Death;
use super::world::World;
use crate::rules::purpose;
use crate::settled::{Network, Plug, Publish};
use hallway_nftables::Hook;
use hallway_nftables::evaluate::{PacketVerdict, RuleVerdict};

/// What walking an exchange has shown.
#[derive(Debug)]
pub(super) struct Found {
    /// By which rule the host let the request through.
    pub(super) passed: Option<(Hook, RuleVerdict)>,
    pub(super) request: Vec<Hop>,
    pub(super) reply: Vec<Hop>,
    /// Where the request came out.
    pub(super) end: Option<(At, Flow)>,
    pub(super) trouble: Option<Trouble>,
}

/// Where an exchange fails.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no address to ask.
    NoAddress,
    /// Localhost, and nothing published there.
    Own,
    /// The request.
    Request(Death),
    /// The reply.
    Reply(Death),
    /// The reply comes home as another's.
    Mismatch(Flow),
    /// After the first two packets of a handshake.
    Rest,
}

/// The port a flow is for, like `80/tcp`.
pub(super) fn port(flow: &Flow) -> String {
    format!("{}/{}", flow.port, flow.protocol_name())
}

/// Builds reasons for one question.
struct Words<'a> {
    world: &'a World<'a>,
    question: &'a Question,
}

/// The outcome with its reason.
pub(super) fn verdict(
    world: &World<'_>,
    question: &Question,
    address: Option<IpAddr>,
    found: &Found,
) -> (Outcome, Reason) {
    let words = Words { world, question };
    match &found.trouble {
        Some(trouble) => (trouble.outcome(), words.trouble(trouble, address, found)),
        None => words.success(found),
    }
}

fn reason(code: &'static str, text: impl Into<String>) -> Reason {
    Reason {
        code,
        text: text.into(),
        place: None,
        help: String::new(),
    }
}

impl Reason {
    pub(super) fn place(mut self, place: &Place) -> Self {
        self.place = (place.line > 0).then(|| place.clone());
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl Words<'_> {
    fn success(&self, found: &Found) -> (Outcome, Reason) {
        let open = |reason| (Outcome::Open, reason);
        if found.ends_at_host() && self.question.service != Service::Icmp {
            return self.input(found);
        }
        if let Some(publish) = self.published(found) {
            return open(self.by_publish(publish));
        }
        if self.world.place(&self.question.from) == self.place_of_end(found) {
            return open(reason("self", "it is its own address"));
        }
        match &found.passed {
            None => open(self.direct(found)),
            Some((hook, ruling)) => open(self.by_rule(*hook, ruling, found)),
        }
    }

    fn place_of_end(&self, found: &Found) -> At {
        found.end.as_ref().map_or(At::Outside, |(at, _)| at.clone())
    }

    /// Never passed the host's filter: over a cable, or on one bridge.
    fn direct(&self, found: &Found) -> Reason {
        let (from, to) = (&self.question.from, &self.question.to);
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
            return reason("same-network", text).place(&network.place);
        }
        reason("cable", format!("a cable leads from {from} to {to}"))
    }

    fn shared_network(&self, found: &Found) -> Option<&Network> {
        let (_, flow) = found.end.as_ref()?;
        let network = self.world.network_of(flow.to)?;
        let cabled = found.request.iter().all(|h| h.at != At::Host);
        self.world.network(network).filter(|_| !cabled)
    }

    /// The publishing by which the request came to its end.
    fn published(&self, found: &Found) -> Option<&Publish> {
        let dnat = found.request.iter().find_map(|hop| match &hop.what {
            super::path::What::Translated { before } if before.to != hop.flow.to => Some(*before),
            super::path::What::Listener { .. } if hop.flow.to.is_loopback() => Some(hop.flow),
            _ => None,
        })?;
        self.publish_for(&dnat)
    }

    fn publish_for(&self, asked: &Flow) -> Option<&Publish> {
        let protocol = asked.protocol_name();
        let mut all =
            self.world.settled().publishes.iter().filter(|p| {
                p.protocol.to_string() == protocol && p.host_ports.contains(asked.port)
            });
        all.find(|p| p.host_address.is_none_or(|a| a == asked.to))
    }

    fn by_publish(&self, publish: &Publish) -> Reason {
        let text = format!(
            "{} publishes {} as the host's {}/{}",
            publish.node, publish.node_ports, publish.host_ports, publish.protocol
        );
        reason("published", text).place(&publish.place)
    }

    fn by_rule(&self, hook: Hook, ruling: &RuleVerdict, found: &Found) -> Reason {
        if let Some(reason) = self.policy(ruling, "policy-allow", "allows it") {
            return reason;
        }
        let from = &self.question.from;
        match (hook, ruling.comment.as_str()) {
            (_, purpose::INSIDE) => self.direct(found),
            (_, purpose::EGRESS) => {
                let network = self.network_of_source(found);
                let text = match network {
                    Some(n) => format!(
                        "network {} has a way out: its nodes reach outside with the host's address",
                        n.name
                    ),
                    None => format!("{from} reaches outside with the host's address"),
                };
                let reason = reason("egress", text);
                network.map_or(reason.clone(), |n| reason.place(&n.place))
            }
            (_, purpose::PING) | (Hook::Input, _) => reason("host-ping", "the host answers pings"),
            (Hook::Output, _) => reason("host", "the host reaches its nodes"),
            _ => reason(
                "not-ours",
                "neither end is on a network inside, and hallway speaks for those only",
            ),
        }
    }

    fn network_of_source(&self, found: &Found) -> Option<&Network> {
        let first = found.request.first()?;
        self.world.network(self.world.network_of(first.flow.from)?)
    }

    /// What a policy line decided.
    fn policy(&self, ruling: &RuleVerdict, code: &'static str, says: &str) -> Option<Reason> {
        let index = purpose::policy_of(&ruling.comment)?;
        let policy = (self.world.settled().policies.iter()).find(|p| p.index == index)?;
        let text = format!("policies[{index}] {says}: {}", policy.words);
        Some(reason(code, text).place(&policy.place))
    }

    /// A port of the host itself: its own services are not hallway's, unless a policy names them.
    fn input(&self, found: &Found) -> (Outcome, Reason) {
        let allowed = found
            .passed
            .as_ref()
            .and_then(|(_, ruling)| self.policy(ruling, "policy-allow", "allows it"));
        match allowed {
            Some(reason) => (Outcome::Open, reason),
            None => (Outcome::Refused, self.not_published()),
        }
    }

    fn not_published(&self) -> Reason {
        let service = self.question.service;
        let elsewhere = self.world.settled().publishes.iter().find(|p| {
            matches!(service, Service::Port(asked)
                if p.protocol == asked.protocol && p.host_ports.contains(asked.port))
        });
        match elsewhere.and_then(|p| Some((p, p.host_address?))) {
            Some((publish, address)) => reason(
                "not-published",
                format!("{} publishes {service} on {address} only", publish.node),
            )
            .place(&publish.place)
            .help("publish it without an address to have it on all of them"),
            None => reason(
                "not-published",
                format!(
                    "no node publishes {service}, and the host's own services are not hallway's"
                ),
            )
            .help(match service {
                Service::Port(p) => format!("hallway publish NODE {0}:{0}", p.port),
                Service::Icmp => String::new(),
            }),
        }
    }

    fn trouble(&self, trouble: &Trouble, address: Option<IpAddr>, found: &Found) -> Reason {
        let (from, to) = (&self.question.from, &self.question.to);
        match trouble {
            Trouble::NoAddress => reason(
                "no-common-family",
                format!("{to} has no address that {from} could ask"),
            )
            .help("put both on networks with subnets of one address family, or join them by a cable"),
            Trouble::Own => self.not_published(),
            Trouble::Request(death) => self.death(death, address, found),
            Trouble::Reply(death) => {
                let why = self.death(death, None, found);
                Reason {
                    code: if matches!(death, Death::NoRoute { .. }) {
                        "no-reply-route"
                    } else {
                        why.code
                    },
                    text: format!("the request arrives, but not the reply: {}", why.text),
                    ..why
                }
            }
            Trouble::Mismatch(flow) => reason(
                "asymmetric",
                format!("the reply comes from another address than was asked ({flow})"),
            ),
            Trouble::Rest => reason(
                "asymmetric",
                "requests pass the host and replies do not, so the host sees half a connection and drops it",
            )
            .help("ask by an address on a network both share, or put both on one network"),
        }
    }

    fn death(&self, death: &Death, address: Option<IpAddr>, found: &Found) -> Reason {
        match death {
            Death::Rule { hook, ruling } => self.refused(*hook, ruling, found),
            Death::NoRoute { at: At::Host, to } => {
                reason("no-route", format!("the host has no route to {to}"))
                    .help("a sandbox reaches the internet where pasta is installed: hallway doctor")
            }
            Death::NoRoute { at, to } => self.no_route(at, *to),
            Death::Neighbour { at, next } => {
                let asked = address.filter(|a| a != next);
                let as_hop = asked.map_or(String::new(), |a| format!(", the next hop to {a}"));
                reason(
                    "neighbour-unreachable",
                    format!("nobody that {at} can reach directly has the address {next}{as_hop}"),
                )
                .help(format!(
                    "give {next} to a node there, or ask for another address"
                ))
            }
            Death::NotForwarding { node } => reason(
                "not-forwarding",
                format!("node {node} is no router: it does not pass on packets for others"),
            )
            .help(format!("set forwarding: true for node {node}")),
            Death::Loop => reason("loop", "routers send it to each other in circles"),
        }
    }

    fn no_route(&self, at: &At, to: IpAddr) -> Reason {
        let network = match at {
            At::Node(name) => self.first_network(name),
            At::Host | At::Outside => None,
        };
        let text = format!("{at} has no route to {to}");
        match network {
            None => reason("no-route", text).help(format!(
                "put {at} on a network with a way out, or give it a route"
            )),
            Some(n) if n.internal => reason(
                "no-route",
                format!(
                    "{text}: network {} is internal, and no policy connects it with that",
                    n.name
                ),
            )
            .place(&n.place)
            .help(self.policy_help()),
            Some(n) if n.outside => reason(
                "no-route",
                format!("{text}: outside knows no way to addresses behind the host"),
            )
            .place(&n.place)
            .help("from outside, nodes are reached by published ports: ask the host instead"),
            Some(n) => reason("no-route", text).place(&n.place),
        }
    }

    fn first_network(&self, node: &Name) -> Option<&Network> {
        let node = self.world.node(node)?;
        let plug = node.interfaces.iter().find_map(|i| match &i.plug {
            Plug::Port { network, .. } => Some(network),
            Plug::Cable => None,
        })?;
        self.world.settled().network(plug)
    }

    fn policy_help(&self) -> String {
        let (from, to) = (&self.question.from, &self.question.to);
        let named = |p: &Party| !matches!(p, Party::Address(_));
        if !named(from) || !named(to) {
            return String::new();
        }
        match self.question.service {
            Service::Icmp => format!("hallway allow {from} {to} --port icmp"),
            Service::Port(port) => format!("hallway allow {from} {to} --port {port}"),
        }
    }

    fn refused(&self, hook: Hook, ruling: &RuleVerdict, found: &Found) -> Reason {
        if let Some(reason) = self.policy(ruling, "policy-deny", "denies it") {
            let index = purpose::policy_of(&ruling.comment).unwrap_or_default();
            return reason.help(format!(
                "change or remove policies[{index}], or allow it in a line before"
            ));
        }
        let (from, to) = (&self.question.from, &self.question.to);
        match ruling.comment.as_str() {
            purpose::DIRECT => reason(
                "direct-routing",
                format!("from outside, {to} is reached by published ports only, never by routing to its address"),
            )
            .help("publish a port and ask the host for it"),
            purpose::SPOOFED => reason(
                "spoofed-source",
                format!("{from} sends with an address that is not its own on that network"),
            ),
            purpose::INVALID => reason(
                "asymmetric",
                "the host has not seen the beginning of this connection, and drops what follows",
            ),
            purpose::HOST_DEFAULT => reason(
                "host-services",
                "nodes do not reach the host's services unless a policy allows it",
            )
            .help(self.policy_help()),
            purpose::DEFAULT => self.by_default(found),
            _ if hook == Hook::Prerouting => reason(
                "guard",
                format!("the guard of the node's port discards it: {}", ruling.comment),
            ),
            _ => {
                let said = if ruling.verdict == PacketVerdict::Reject { "rejects" } else { "drops" };
                reason("rule", format!("a rule {said} it: {}", ruling.comment))
            }
        }
    }

    /// No policy speaks of it: which default that is depends on the networks.
    fn by_default(&self, found: &Found) -> Reason {
        let flow = found.request.last().map(|h| h.flow);
        let network = |address: IpAddr| {
            let position = self.world.network_of(address)?;
            self.world.network(position)
        };
        let (source, target) = match flow {
            Some(flow) => (network(flow.from), network(flow.to)),
            None => (None, None),
        };
        let published = self.published(found).is_some();
        match (source, target) {
            (Some(s), _) if published && s.internal => reason(
                "internal",
                format!(
                    "network {} is internal: its nodes do not use published ports",
                    s.name
                ),
            )
            .place(&s.place)
            .help("allow it by a policy to the node itself"),
            (Some(s), Some(t)) if !t.outside && s.name != t.name => reason(
                "default-deny",
                format!(
                    "no policy lets network {} talk to network {}",
                    s.name, t.name
                ),
            )
            .place(&t.place)
            .help(self.policy_help()),
            (Some(s), _) if s.internal => reason(
                "internal",
                format!("network {} is internal: it has no way out", s.name),
            )
            .place(&s.place)
            .help(format!(
                "remove internal: true from {} if its nodes shall reach outside",
                s.name
            )),
            _ => reason("default-deny", "no policy allows it").help(self.policy_help()),
        }
    }
}
