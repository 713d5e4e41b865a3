//! A whole exchange: the request, the reply, and for TCP the rest of the handshake with a word
//! each way, each packet walked by the rules.

use std::net::{IpAddr, SocketAddr};

use hallway_spec::Protocol;

use super::packet::{Flow, Packet, PacketKind, Service};
use super::party::Party;
use super::path::{Hop, HopEvent, Location, Outcome, Path};
use super::walk::{Arrival, Walk};
use super::words::{self, ExchangeFailure, ExchangeResult};
use super::world::World;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// Who asks.
    pub from: Party,
    /// Who is asked.
    pub to: Party,
    /// For what.
    pub service: Service,
}

impl Question {
    /// The answers, one for each address family both ends speak; one that says so when there is
    /// none.
    #[must_use]
    pub fn predict(&self, world: &World<'_>) -> Vec<Path> {
        let addresses = world.addresses(&self.from, &self.to);
        if addresses.is_empty() {
            return vec![self.path(
                world,
                None,
                ExchangeResult::nothing(ExchangeFailure::NoAddress),
            )];
        }
        addresses
            .into_iter()
            .map(|address| self.predict_for(world, address))
            .collect()
    }

    /// The answer for one address.
    #[must_use]
    pub fn predict_for(&self, world: &World<'_>, address: IpAddr) -> Path {
        let found = match world.source_of(&self.from, address) {
            None => ExchangeResult::nothing(ExchangeFailure::NoAddress),
            Some(_) if address.is_loopback() && world.place(&self.from) == Location::Host => {
                self.localhost(world, address)
            }
            Some(source) => self.exchange(world, source, address),
        };
        self.path(world, Some(address), found)
    }

    fn path(&self, world: &World<'_>, address: Option<IpAddr>, found: ExchangeResult) -> Path {
        let (outcome, reason) = words::verdict(world, self, address, &found);
        Path {
            from: self.from.to_string(),
            to: self.to.to_string(),
            address,
            service: self.service,
            outcome,
            reason,
            target: self.target(world, address, &found),
            request: found.request,
            reply: found.reply,
        }
    }

    /// Where the request came out; where it died on the way, whoever has the address it was for.
    fn target(
        &self,
        world: &World<'_>,
        address: Option<IpAddr>,
        found: &ExchangeResult,
    ) -> Option<(Location, SocketAddr)> {
        if let Some((at, flow)) = &found.end {
            return Some((at.clone(), SocketAddr::new(flow.to, flow.port)));
        }
        let asked = match self.service {
            Service::Icmp => 0,
            Service::Port(p) => p.port,
        };
        let last = found.request.last().map(|h| (h.flow.to, h.flow.port));
        let (address, port) = last.or(address.map(|a| (a, asked)))?;
        let owner = world.owner(address)?;
        Some((
            Location::Node(owner.name.clone()),
            SocketAddr::new(address, port),
        ))
    }

    fn exchange(&self, world: &World<'_>, source: IpAddr, address: IpAddr) -> ExchangeResult {
        let at = world.place(&self.from);
        let (first, answer) = self.kinds();
        let flow = self.flow(source, address);
        let mut walk = Walk::new(world);
        let arrived = walk.send(&at, Packet { flow, kind: first });
        let mut found = ExchangeResult {
            passed: walk.take_passed(),
            request: walk.take_hops(),
            reply: Vec::new(),
            end: None,
            trouble: None,
        };
        let end = match arrived {
            Ok(end) => end,
            Err(reason_dropped) => {
                found.trouble = Some(ExchangeFailure::Request(reason_dropped));
                return found;
            }
        };
        found.request.push(listener(&end));
        let answered = walk.send(&end.at, back(&end.packet, answer));
        found.reply = walk.take_hops();
        found.end = Some((end.at.clone(), end.packet.flow));
        found.trouble = match answered {
            Err(reason_dropped) => Some(ExchangeFailure::Reply(reason_dropped)),
            Ok(home) if home.at != at || home.packet.flow != flow.mirrored() => {
                Some(ExchangeFailure::Mismatch(home.packet.flow))
            }
            Ok(_) if first == PacketKind::Syn && !rest(&mut walk, &at, flow, &end) => {
                Some(ExchangeFailure::Rest)
            }
            Ok(_) => None,
        };
        found
    }

    /// The first packet, and the one that answers it.
    fn kinds(&self) -> (PacketKind, PacketKind) {
        match self.service {
            Service::Icmp => (PacketKind::EchoRequest, PacketKind::EchoReply),
            Service::Port(p) if p.protocol == Protocol::Tcp => {
                (PacketKind::Syn, PacketKind::SynAck)
            }
            Service::Port(_) => (PacketKind::Datagram, PacketKind::Datagram),
        }
    }

    fn flow(&self, from: IpAddr, to: IpAddr) -> Flow {
        Flow {
            from,
            to,
            protocol: self.service.protocol(to.is_ipv4()),
            source_port: 0,
            port: match self.service {
                Service::Icmp => 0,
                Service::Port(p) => p.port,
            },
        }
    }

    /// Published ports answer on localhost by a listener, which asks the node in its turn.
    fn localhost(&self, world: &World<'_>, address: IpAddr) -> ExchangeResult {
        let (first, answer) = self.kinds();
        let flow = self.flow(address, address);
        let mut walk = Walk::new(world);
        let arrived = walk.send(&Location::Host, Packet { flow, kind: first });
        let mut near = ExchangeResult {
            request: walk.take_hops(),
            end: Some((Location::Host, flow)),
            ..ExchangeResult::nothing(ExchangeFailure::Own)
        };
        let end = match arrived {
            Ok(end) => end,
            Err(reason_dropped) => {
                near.trouble = Some(ExchangeFailure::Request(reason_dropped));
                return near;
            }
        };
        let answered = walk.send(&end.at, back(&end.packet, answer));
        near.reply = walk.take_hops();
        if let Err(reason_dropped) = answered {
            near.trouble = Some(ExchangeFailure::Reply(reason_dropped));
        }
        let Some((onward, target)) = self.passed_on(world, address) else {
            near.request.push(listener(&end));
            if self.service == Service::Icmp {
                near.trouble = None;
            }
            return near;
        };
        near.request.push(Hop {
            at: Location::Host,
            event: HopEvent::Listener {
                who: "hallway's keeper, which passes on what it gets".to_owned(),
            },
            flow,
        });
        let source = world.source_of(&Party::Host, target).unwrap_or(target);
        let mut found = onward.exchange(world, source, target);
        found.request.splice(0..0, near.request);
        found.reply.append(&mut near.reply);
        found
    }

    /// What the listener on localhost asks in its turn, and at which address.
    fn passed_on(&self, world: &World<'_>, address: IpAddr) -> Option<(Self, IpAddr)> {
        let Service::Port(asked) = self.service else {
            return None;
        };
        let publish = world.settled().publishes.iter().find(|p| {
            p.protocol == asked.protocol
                && p.host_ports.contains(asked.port)
                && p.host_address.is_none_or(|a| a == address)
        })?;
        let same = (publish.targets.iter()).find(|t| t.is_ipv4() == address.is_ipv4());
        let target = *same.or(publish.targets.first())?;
        let offset = asked.port - publish.host_ports.first();
        let onward = Self {
            from: Party::Host,
            to: Party::Address(target),
            service: Service::Port(hallway_spec::PortProto {
                port: publish.node_ports.first() + offset,
                protocol: asked.protocol,
            }),
        };
        Some((onward, target))
    }
}

fn back(packet: &Packet, kind: PacketKind) -> Packet {
    Packet {
        flow: packet.flow.mirrored(),
        kind,
    }
}

fn listener(end: &Arrival) -> Hop {
    Hop {
        at: end.at.clone(),
        event: HopEvent::Listener {
            who: match end.packet.kind {
                PacketKind::EchoRequest => "the kernel, which answers echo requests".into(),
                _ => format!("whoever listens on {}", words::port(&end.packet.flow)),
            },
        },
        flow: end.packet.flow,
    }
}

/// The end of the handshake with a first word, and an answer; whether both arrive.
fn rest(walk: &mut Walk<'_>, at: &Location, flow: Flow, end: &Arrival) -> bool {
    let onward = Packet {
        flow,
        kind: PacketKind::Ack,
    };
    let there = walk.send(at, onward);
    if !there.is_ok_and(|t| (&t.at, t.packet.flow) == (&end.at, end.packet.flow)) {
        return false;
    }
    let home = walk.send(&end.at, back(&end.packet, PacketKind::Ack));
    home.is_ok_and(|h| &h.at == at && h.packet.flow == flow.mirrored())
}

impl ExchangeResult {
    fn nothing(trouble: ExchangeFailure) -> Self {
        Self {
            passed: None,
            request: Vec::new(),
            reply: Vec::new(),
            end: None,
            trouble: Some(trouble),
        }
    }

    /// Whether the far end is the host itself.
    pub(super) fn ends_at_host(&self) -> bool {
        matches!(&self.end, Some((Location::Host, _)))
    }
}

impl ExchangeFailure {
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            Self::Request(reason_dropped) => reason_dropped.outcome(),
            Self::NoAddress => Outcome::Unreachable,
            Self::Own => Outcome::Refused,
            Self::Reply(_) | Self::Mismatch(_) | Self::Rest => Outcome::Filtered,
        }
    }
}
