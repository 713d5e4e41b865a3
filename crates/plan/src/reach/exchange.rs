//! A whole exchange: the request, the reply, and for TCP the rest of the handshake with one
//! data packet each way.

use std::net::{IpAddr, SocketAddr};

use hallway_spec::{IpVersion, PortProto, Protocol, Service};

use super::packet::{Flow, Packet, PacketKind};
use super::party::Party;
use super::path::{Hop, HopEvent, Location, Path};
use super::question::Question;
use super::reasons;
use super::result::{ExchangeFailure, ExchangeResult};
use super::special;
use super::walk::{Arrival, DropReason, Walk, WalkResult};
use super::world::World;
use crate::target::localhost;

impl Question {
    /// The answers, for each IP version that both ends have: for the first address of the server that is
    /// reached, in the order in which a client tries them; for all of them if none is. A negative answer
    /// if there is no address.
    #[must_use]
    pub fn predict(&self, world: &World<'_>) -> Vec<Path> {
        self.predict_of(world, |_| true)
    }

    /// The same for the IP versions that are wanted; a negative answer if one end has none of them.
    #[must_use]
    pub fn predict_of(&self, world: &World<'_>, wanted: impl Fn(IpVersion) -> bool) -> Vec<Path> {
        let mut versions = world.candidates(&self.from, &self.to);
        let any = !versions.is_empty();
        versions.retain(|all| all.iter().any(|a| wanted(IpVersion::of(*a))));
        if versions.is_empty() {
            let version = IpVersion::ALL.into_iter().find(|v| wanted(*v));
            let failure = match version.filter(|_| any) {
                Some(version) => ExchangeFailure::NotOfVersion(version),
                None => ExchangeFailure::NoAddress,
            };
            return vec![self.path(world, None, ExchangeResult::failed(failure))];
        }
        let of_version = |addresses: Vec<IpAddr>| self.first_reached(world, &addresses);
        versions.into_iter().flat_map(of_version).collect()
    }

    fn first_reached(&self, world: &World<'_>, addresses: &[IpAddr]) -> Vec<Path> {
        let mut tried = Vec::new();
        for address in addresses {
            let mut path = self.predict_for(world, *address);
            if path.outcome.reachable() {
                if let Some(first) = tried.first().and_then(|p: &Path| p.address) {
                    let more = format!("; {} is reached at {address}, not at {first}", self.to);
                    path.reason.text.push_str(&more);
                }
                return vec![path];
            }
            tried.push(path);
        }
        tried
    }

    /// The answer for one address.
    #[must_use]
    pub fn predict_for(&self, world: &World<'_>, address: IpAddr) -> Path {
        let at = world.place(&self.from);
        let meant = special::meant(address);
        let special = world.special(&at, meant, self.service);
        let found = match (special, world.source_of(&self.from, meant)) {
            (Some((outcome, text)), _) => {
                ExchangeResult::failed(ExchangeFailure::Special(outcome, text))
            }
            (None, None) => ExchangeResult::failed(ExchangeFailure::NoAddress),
            (None, Some(_)) if meant.is_loopback() && at == Location::Host => {
                self.localhost(world, meant)
            }
            (None, Some(source)) if at == Location::Outside => {
                match world.between_others(source, meant) {
                    Some((outcome, text)) => {
                        ExchangeResult::failed(ExchangeFailure::BetweenOthers(outcome, text))
                    }
                    None => self.exchange(world, source, meant),
                }
            }
            (None, Some(source)) => self.exchange(world, source, meant),
        };
        let mut path = self.path(world, Some(address), found);
        if meant != address {
            let more = format!("; {address} means the sender itself, as {meant}");
            path.reason.text.push_str(&more);
        }
        path
    }

    fn path(&self, world: &World<'_>, address: Option<IpAddr>, found: ExchangeResult) -> Path {
        let (outcome, reason) = reasons::conclude(world, self, address, &found);
        // Nothing would show that another node answers.
        let other = matches!(found.failure, Some(ExchangeFailure::Namesake(_)));
        let address = address.filter(|_| !other);
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

    /// Where the request arrived; where it was dropped, the node that has the address it was for.
    fn target(
        &self,
        world: &World<'_>,
        address: Option<IpAddr>,
        found: &ExchangeResult,
    ) -> Option<(Location, SocketAddr)> {
        if let Some((at, flow)) = &found.end {
            return Some((at.clone(), SocketAddr::new(flow.to, flow.port)));
        }
        let asked = self.service.port();
        let last = found.request.last().map(|h| (h.flow.to, h.flow.port));
        let (address, port) = last.or(address.map(|a| (a, asked)))?;
        let owner = world.owner_near(address, found.request.iter().rev().map(|h| &h.at))?;
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
            failure: None,
            unsure: None,
            changed: walk.changed.clone(),
        };
        let end = match arrived {
            Ok(end) => end,
            Err(dropped) => {
                found.failure = Some(ExchangeFailure::Request(dropped));
                return found;
            }
        };
        if let (Location::Outside, Party::Node(node)) = (&end.at, &self.to) {
            found.failure = Some(ExchangeFailure::Request(DropReason::Elsewhere {
                node: node.clone(),
                to: address,
            }));
            return found;
        }
        if let (Location::Node(at), Party::Node(node)) = (&end.at, &self.to)
            && at != node
            && end.packet.flow.to == address
        {
            found.failure = Some(ExchangeFailure::Namesake(at.clone()));
            return found;
        }
        found.unsure = (walk.unsure.take()).or_else(|| world.lacks_source_rules(&at, &end, &flow));
        if let Some(setting) = self.silent(world, &end) {
            found.end = Some((end.at.clone(), end.packet.flow));
            found.failure = Some(ExchangeFailure::Silent(setting));
            return found;
        }
        found.request.push(listener(&end));
        let answered = walk.send(&end.at, back(&end.packet, answer));
        found.reply = walk.take_hops();
        found.end = Some((end.at.clone(), end.packet.flow));
        found.failure = match answered {
            Err(dropped) => Some(ExchangeFailure::Reply(dropped)),
            Ok(home) if home.at != at || home.packet.flow != flow.mirrored() => {
                Some(ExchangeFailure::Mismatch(home.packet.flow))
            }
            Ok(_) if first == PacketKind::Syn => later_packets(&mut walk, &at, flow, &end),
            Ok(_) => None,
        };
        found.changed = walk.changed.take();
        let doubt = walk.unsure.take().or(walk.rerouted.take());
        let doubt = doubt.or_else(|| walk.another_reverse_path(&at, &flow));
        found.unsure = found.unsure.or(doubt);
        found
    }

    /// The setting by which the place that a ping arrives at does not answer.
    fn silent(&self, world: &World<'_>, end: &Arrival) -> Option<&'static str> {
        if self.service != Service::Icmp {
            return None;
        }
        let version = IpVersion::of(end.packet.flow.to);
        let setting = match version {
            IpVersion::V4 => "net.ipv4.icmp_echo_ignore_all",
            IpVersion::V6 => "net.ipv6.icmp.echo_ignore_all",
        };
        let ignores = match &end.at {
            Location::Host => world.environment.no_echo.contains(&version),
            Location::Node(name) => world.node(name).is_some_and(|node| {
                let mut all = node.sysctls.iter();
                all.any(|(key, value)| key.to_string() == setting && value != "0")
            }),
            Location::Outside => false,
        };
        ignores.then_some(setting)
    }

    /// The first packet, and the one that answers it.
    fn kinds(&self) -> (PacketKind, PacketKind) {
        match self.service {
            Service::Icmp => (PacketKind::EchoRequest, PacketKind::EchoReply),
            Service::Port(p) if p.protocol == Protocol::Tcp => {
                (PacketKind::Syn, PacketKind::SynAck)
            }
            // Its answer begins no connection either.
            Service::Port(p) if p.protocol == Protocol::Sctp => {
                (PacketKind::Datagram, PacketKind::SynAck)
            }
            Service::Port(_) | Service::Protocol(_) => (PacketKind::Datagram, PacketKind::Datagram),
        }
    }

    fn flow(&self, from: IpAddr, to: IpAddr) -> Flow {
        Flow {
            from,
            to,
            protocol: self.service.protocol(IpVersion::of(to)),
            source_port: 0,
            port: self.service.port(),
        }
    }

    /// On localhost a listener answers for published ports, and proxies to the node.
    fn localhost(&self, world: &World<'_>, address: IpAddr) -> ExchangeResult {
        let (first, answer) = self.kinds();
        let flow = self.flow(address, address);
        let mut walk = Walk::new(world);
        let arrived = walk.send(&Location::Host, Packet { flow, kind: first });
        let mut near = ExchangeResult {
            request: walk.take_hops(),
            end: Some((Location::Host, flow)),
            ..ExchangeResult::failed(ExchangeFailure::NotPublished)
        };
        let end = match arrived {
            Ok(end) => end,
            Err(dropped) => {
                near.failure = Some(ExchangeFailure::Request(dropped));
                return near;
            }
        };
        let answered = walk.send(&end.at, back(&end.packet, answer));
        near.reply = walk.take_hops();
        if let Err(dropped) = answered {
            near.failure = Some(ExchangeFailure::Reply(dropped));
        }
        let Some((onward, target)) = self.proxied(world, address) else {
            near.request.push(listener(&end));
            if self.service == Service::Icmp {
                let silent = self.silent(world, &end);
                near.failure = silent.map(ExchangeFailure::Silent);
            } else if world.environment.serves(&flow)
                && matches!(near.failure, Some(ExchangeFailure::NotPublished))
            {
                near.failure = None;
            }
            return near;
        };
        near.request.push(Hop {
            at: Location::Host,
            event: HopEvent::Listener {
                who: "hallway's keeper, which proxies to the node".to_owned(),
            },
            flow,
        });
        let source = world.source_of(&Party::Host, target).unwrap_or(target);
        let mut found = onward.exchange(world, source, target);
        found.request.splice(0..0, near.request);
        found.reply.append(&mut near.reply);
        found
    }

    /// The question for the node that the listener on localhost proxies to, and its address.
    fn proxied(&self, world: &World<'_>, address: IpAddr) -> Option<(Self, IpAddr)> {
        let Service::Port(asked) = self.service else {
            return None;
        };
        let publish = world.settled().publishes.iter().find(|p| {
            p.protocol == asked.protocol
                && p.host_ports.contains(asked.port)
                && localhost(p).contains(&address)
        })?;
        let same = (publish.targets.iter()).find(|t| IpVersion::of(**t) == IpVersion::of(address));
        let target = *same.or(publish.targets.first())?;
        let offset = asked.port - publish.host_ports.first();
        let onward = Self {
            from: Party::Host,
            to: Party::Address(target),
            service: Service::Port(PortProto {
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
                _ if !end.packet.flow.has_ports() => {
                    format!("what receives {}", end.packet.flow.protocol_name())
                }
                _ => format!(
                    "the program that listens on {}/{}",
                    end.packet.flow.port,
                    end.packet.flow.protocol_name()
                ),
            },
        },
        flow: end.packet.flow,
    }
}

/// The end of the handshake with data, and an answer: why they do not both arrive.
fn later_packets(
    walk: &mut Walk<'_>,
    at: &Location,
    flow: Flow,
    end: &Arrival,
) -> Option<ExchangeFailure> {
    let onward = Packet {
        flow,
        kind: PacketKind::Ack,
    };
    type Failed = fn(DropReason) -> ExchangeFailure;
    let lost = |result: WalkResult, there: (&Location, Flow), failed: Failed| match result {
        Ok(arrived) if (&arrived.at, arrived.packet.flow) == there => None,
        Err(foreign @ DropReason::Foreign(_)) => Some(failed(foreign)),
        _ => Some(ExchangeFailure::LaterPacket),
    };
    let there = walk.send(at, onward);
    let request = (&end.at, end.packet.flow);
    lost(there, request, ExchangeFailure::Request).or_else(|| {
        let home = walk.send(&end.at, back(&end.packet, PacketKind::Ack));
        lost(home, (at, flow.mirrored()), ExchangeFailure::Reply)
    })
}
