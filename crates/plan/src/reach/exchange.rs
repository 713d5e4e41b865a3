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
use super::walk::{Arrival, DropReason, Walk};
use super::world::World;
use crate::target::localhost;

impl Question {
    /// The answers, one for each IP version that both ends have; a negative one if there is none.
    #[must_use]
    pub fn predict(&self, world: &World<'_>) -> Vec<Path> {
        let addresses = world.addresses(&self.from, &self.to);
        if addresses.is_empty() {
            return vec![self.path(
                world,
                None,
                ExchangeResult::failed(ExchangeFailure::NoAddress),
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
            None => ExchangeResult::failed(ExchangeFailure::NoAddress),
            Some(_) if address.is_loopback() && world.place(&self.from) == Location::Host => {
                self.localhost(world, address)
            }
            Some(source) => self.exchange(world, source, address),
        };
        self.path(world, Some(address), found)
    }

    fn path(&self, world: &World<'_>, address: Option<IpAddr>, found: ExchangeResult) -> Path {
        let (outcome, reason) = reasons::conclude(world, self, address, &found);
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
            failure: None,
            unsure: None,
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
        found.unsure = walk.unsure.take();
        let routed = &world.environment.policy_routed;
        if at == Location::Outside
            && end.at != Location::Host
            && routed.iter().any(|net| net.contains(&address))
        {
            let words = format!(
                "the routing of replies, for which the host has rules for packets from {address} but not from the node,"
            );
            found.unsure.get_or_insert(words);
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
            Ok(_) if first == PacketKind::Syn && !later_packets(&mut walk, &at, flow, &end) => {
                Some(ExchangeFailure::LaterPacket)
            }
            Ok(_) => None,
        };
        found.unsure = found.unsure.or(walk.rerouted.take());
        found
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

/// The end of the handshake with data, and an answer; whether both arrive.
fn later_packets(walk: &mut Walk<'_>, at: &Location, flow: Flow, end: &Arrival) -> bool {
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
