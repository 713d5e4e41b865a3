//! The observations of one exchange, sorted: which frames and reports belong to its request and
//! which to its reply; of each only the first packet.

use std::collections::BTreeSet;

use hallway_kernel::packet::{Ip, Sctp, Tcp, Transport};
use hallway_nftables::expr::Verdict;
use hallway_nftables::trace::{TraceEvent, TraceKind};
use hallway_nftables::{Family, Hook};
use hallway_plan::reach::{Flow, Outcome};

use super::watch::{SeenFrame, WatchedPlace};

/// The direction of a packet in its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlowDirection {
    Request,
    Reply,
}

/// What identifies the packets of an exchange.
#[derive(Debug, Clone)]
pub(super) struct PacketMatcher {
    pub(super) protocol: u8,
    /// Ports of the server: as the client uses them, and after translation.
    pub(super) ports: BTreeSet<u16>,
    /// Addresses of the server: as the client uses them, and after translation.
    pub(super) targets: BTreeSet<std::net::IpAddr>,
    /// The client's port, where that is known.
    pub(super) key: Option<u16>,
    /// The source is translated on the path, which may change that port.
    pub(super) masked: bool,
    /// The addresses of the client: its own, and the host's.
    pub(super) sources: BTreeSet<std::net::IpAddr>,
}

/// The packet's flow; echo identifiers are not ports.
pub(super) fn flow(ip: &Ip) -> Flow {
    Flow {
        from: ip.source,
        to: ip.destination,
        protocol: ip.protocol,
        source_port: ip.source_port().unwrap_or(0),
        port: ip.destination_port().unwrap_or(0),
    }
}

impl PacketMatcher {
    /// Which packet of the exchange this is, if it is one.
    pub(super) fn direction(&self, ip: &Ip) -> Option<FlowDirection> {
        if ip.protocol != self.protocol {
            return None;
        }
        let flow = flow(ip);
        let (to_server, to_client) = (
            self.sources.contains(&flow.from) && self.targets.contains(&flow.to),
            self.sources.contains(&flow.to) && self.targets.contains(&flow.from),
        );
        match &ip.transport {
            Transport::Icmp(icmp) => match icmp.kind {
                8 | 128 if to_server => Some(FlowDirection::Request),
                0 | 129 if to_client => Some(FlowDirection::Reply),
                _ => None,
            },
            Transport::Tcp(tcp) => {
                let begins = tcp.flags & (Tcp::SYN | Tcp::ACK | Tcp::RST) == Tcp::SYN;
                let answered = tcp.flags & (Tcp::SYN | Tcp::ACK) == Tcp::SYN | Tcp::ACK
                    || tcp.flags & Tcp::RST != 0;
                match () {
                    () if begins && to_server && self.ports.contains(&tcp.destination) => {
                        self.own(tcp.source).then_some(FlowDirection::Request)
                    }
                    () if answered && to_client && self.ports.contains(&tcp.source) => {
                        self.own(tcp.destination).then_some(FlowDirection::Reply)
                    }
                    () => None,
                }
            }
            Transport::Udp(udp) if to_server && self.ports.contains(&udp.destination) => {
                self.own(udp.source).then_some(FlowDirection::Request)
            }
            Transport::Udp(udp) if to_client && self.ports.contains(&udp.source) => {
                self.own(udp.destination).then_some(FlowDirection::Reply)
            }
            Transport::Sctp(sctp) if to_server && self.ports.contains(&sctp.destination) => {
                let begins = sctp.chunk == Some(Sctp::INIT);
                (begins && self.own(sctp.source)).then_some(FlowDirection::Request)
            }
            Transport::Sctp(sctp) if to_client && self.ports.contains(&sctp.source) => {
                self.own(sctp.destination).then_some(FlowDirection::Reply)
            }
            Transport::Other if to_server => Some(FlowDirection::Request),
            Transport::Other if to_client => Some(FlowDirection::Reply),
            _ => None,
        }
    }

    /// The outcome for the client that a packet shows.
    pub(super) fn answer(&self, ip: &Ip) -> Option<Outcome> {
        match &ip.transport {
            Transport::Icmp(icmp) if icmp.embedded.is_some() => {
                let about = icmp.embedded.as_ref()?;
                (self.direction(about) == Some(FlowDirection::Request)).then_some(())?;
                Some(match (icmp.kind, icmp.code) {
                    (3, 3) | (1, 4) => Outcome::Refused,
                    (3, 9 | 10 | 13) | (1, 1 | 5 | 6) => Outcome::Filtered,
                    _ => Outcome::Unreachable,
                })
            }
            transport => {
                (self.direction(ip) == Some(FlowDirection::Reply)).then_some(())?;
                let reset = match transport {
                    Transport::Tcp(tcp) => tcp.flags & Tcp::RST != 0,
                    Transport::Sctp(sctp) => sctp.chunk == Some(Sctp::ABORT),
                    _ => false,
                };
                Some(if reset {
                    Outcome::Refused
                } else {
                    Outcome::Open
                })
            }
        }
    }

    /// Whether a packet has the client's own port. Source NAT keeps the port unless it is taken: where
    /// packets of two exchanges pass one place, those with the port are of this one.
    fn has_key(&self, flow: &Flow, direction: FlowDirection) -> bool {
        let port = match direction {
            FlowDirection::Request => flow.source_port,
            FlowDirection::Reply => flow.port,
        };
        self.key == Some(port)
    }

    /// A port chosen by source NAT is not known in advance.
    fn own(&self, port: u16) -> bool {
        self.masked || self.key.is_none_or(|key| key == port)
    }
}

/// The observations of one packet at one place.
#[derive(Debug, Clone, Default)]
pub(super) struct Sighting {
    pub(super) ins: Vec<SeenFrame>,
    pub(super) outs: Vec<SeenFrame>,
    /// Reports of the bridge family, then of the others: each a run through one base chain.
    pub(super) bridge: Vec<ChainRun>,
    pub(super) inet: Vec<ChainRun>,
    /// As it was made here, if it was made here.
    pub(super) made: Option<Flow>,
}

/// A run of a packet through one base chain.
#[derive(Debug, Clone)]
pub(super) struct ChainRun {
    /// The packet's flow when it entered the chain.
    pub(super) flow: Flow,
    /// The deciding report: the last one that was more than a step.
    pub(super) decided: TraceEvent,
    /// The base chain's own report, which identifies its hook.
    pub(super) first: TraceEvent,
    /// Whether a rule decided, rather than the chain's end.
    pub(super) by_rule: bool,
}

impl ChainRun {
    pub(super) fn drops(&self) -> bool {
        self.decided.verdict == Verdict::Drop
    }
}

impl Sighting {
    pub(super) fn is_empty(&self) -> bool {
        self.ins.is_empty()
            && self.outs.is_empty()
            && self.bridge.is_empty()
            && self.inet.is_empty()
            && self.made.is_none()
    }

    /// Splits off the observations of a packet that left and comes in again.
    pub(super) fn split_off_arrival(&mut self, watch: &WatchedPlace) -> Self {
        let left = self.outs.iter().map(|s| s.time).min();
        let came = self.ins.iter().map(|s| s.time).min();
        if left.is_none() || came < left || self.by_loopback(watch) {
            return Self::default();
        }
        let (inet, stays) = self.inet.drain(..).partition(|run| comes_in(watch, run));
        self.inet = stays;
        Self {
            ins: std::mem::take(&mut self.ins),
            inet,
            ..Self::default()
        }
    }

    /// A packet that a place sends to itself: its observations as it leaves and as it comes in.
    pub(super) fn looped(&self, watch: &WatchedPlace) -> Option<(Self, Self)> {
        if !self.by_loopback(watch) {
            return None;
        }
        let runs = self.inet.iter().cloned();
        let (inet, out) = runs.partition(|run| comes_in(watch, run));
        let out = Self {
            inet: out,
            ..Self::default()
        };
        let back = Self {
            ins: self.ins.clone(),
            inet,
            ..Self::default()
        };
        Some((out, back))
    }

    fn by_loopback(&self, watch: &WatchedPlace) -> bool {
        self.ins.iter().any(|s| watch.name(s.interface) == "lo")
    }

    /// The packet as it was made, at the place where it was made.
    pub(super) fn made(&self) -> Option<Flow> {
        let run = self.inet.first().map(|r| r.flow);
        let sent = run.or(self.outs.first().map(|s| flow(&s.ip)));
        self.made.or(sent)
    }

    /// Whether all its times are reliable.
    pub(super) fn stamped(&self) -> bool {
        self.ins.iter().chain(&self.outs).all(|s| s.stamped)
    }

    /// When it was first seen; reports have no times.
    pub(super) fn time(&self) -> Option<std::time::SystemTime> {
        let all = self.ins.iter().chain(&self.outs);
        all.map(|s| s.time).min()
    }

    /// The packet's flow when it was seen last.
    pub(super) fn last_flow(&self) -> Option<Flow> {
        let out = self.outs.last().map(|s| flow(&s.ip));
        let run = self.inet.last().or(self.bridge.last()).map(|r| r.flow);
        out.or(run)
            .or(self.ins.last().map(|s| flow(&s.ip)))
            .or(self.made)
    }
}

fn comes_in(watch: &WatchedPlace, run: &ChainRun) -> bool {
    let hook = watch.base(&run.first).map(|b| b.hook);
    matches!(hook, Some(Hook::Ingress | Hook::Prerouting | Hook::Input))
}

/// The observations of a packet at a place.
pub(super) fn sighting(
    watch: &WatchedPlace,
    known: &PacketMatcher,
    direction: FlowDirection,
) -> Sighting {
    // The first packet: one that is sent again takes the same path.
    let surer =
        |new: &Flow, old: &Flow| known.has_key(new, direction) && !known.has_key(old, direction);
    let made = watch
        .made
        .iter()
        .filter(|ip| known.direction(ip) == Some(direction))
        .map(flow)
        .reduce(|old, new| if surer(&new, &old) { new } else { old });
    let mut out = Sighting {
        made,
        ..Sighting::default()
    };
    for seen in &watch.frames {
        if known.direction(&seen.ip) != Some(direction) {
            continue;
        }
        let list = if seen.out {
            &mut out.outs
        } else {
            &mut out.ins
        };
        match list.iter_mut().find(|s| s.interface == seen.interface) {
            Some(old) if surer(&flow(&seen.ip), &flow(&old.ip)) => *old = seen.clone(),
            Some(_) => {}
            None => list.push(seen.clone()),
        }
    }
    for seen in [&mut out.ins, &mut out.outs] {
        seen.sort_by_key(|s| s.time);
    }
    for run in runs(watch, known, direction) {
        let list = if run.first.family == Family::Bridge {
            &mut out.bridge
        } else {
            &mut out.inet
        };
        // A router may send it back into the network that it came from.
        let same = |r: &ChainRun| {
            let (one, other) = (&r.first, &run.first);
            (
                one.family,
                &one.table,
                &one.chain,
                one.iif,
                one.oif,
                r.drops(),
            ) == (
                other.family,
                &other.table,
                &other.chain,
                other.iif,
                other.oif,
                run.drops(),
            )
        };
        match list.iter_mut().find(|r| same(r)) {
            Some(old) if surer(&run.flow, &old.flow) => *old = run,
            Some(_) => {}
            None => list.push(run),
        }
    }
    out
}

/// Reports come in order; one that contains the packet starts a base chain.
fn runs(watch: &WatchedPlace, known: &PacketMatcher, direction: FlowDirection) -> Vec<ChainRun> {
    let mut out: Vec<ChainRun> = Vec::new();
    let mut current: Vec<(u32, ChainRun)> = Vec::new();
    for event in &watch.events {
        let packet = event.packet.as_deref().and_then(Ip::parse);
        let begins = packet.is_some() && watch.base(event).is_some();
        if begins {
            finish(&mut out, &mut current, event.id);
            let ours = packet
                .as_ref()
                .is_some_and(|ip| known.direction(ip) == Some(direction));
            if let (Some(ip), true) = (&packet, ours) {
                current.push((
                    event.id,
                    ChainRun {
                        flow: flow(ip),
                        decided: event.clone(),
                        first: event.clone(),
                        by_rule: false,
                    },
                ));
            }
        }
        if let Some((_, run)) = current.iter_mut().find(|(id, _)| *id == event.id) {
            let ends = matches!(
                event.verdict,
                Verdict::Accept | Verdict::Drop | Verdict::Other(_)
            );
            if ends || event.kind == TraceKind::Policy {
                run.decided = event.clone();
                run.by_rule = matches!(event.kind, TraceKind::Rule(_));
                finish(&mut out, &mut current, event.id);
            }
        }
    }
    out.extend(current.into_iter().map(|(_, run)| run));
    out
}

fn finish(out: &mut Vec<ChainRun>, current: &mut Vec<(u32, ChainRun)>, id: u32) {
    if let Some(position) = current.iter().position(|(other, _)| *other == id) {
        out.push(current.remove(position).1);
    }
}
