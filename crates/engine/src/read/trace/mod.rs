//! A real exchange, followed from hop to hop: frames where they pass, the packet filter's own
//! reports, routes, connection tracking and translations. What is watched is not changed: the
//! tables that mark packets belong to sockets and go with them, however this ends.

mod evidence;
mod places;
mod story;
mod verdict;
mod watch;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hallway_kernel::KernelError;
use hallway_plan::reach::{
    Environment, Flow, Hop, HopEvent, Listener, Location, Measured, Outcome, Path, Service, World,
};

use super::probe::{self, Aim};
use evidence::{Known, Side, flow, sighting};
use places::{places, watched};
use story::{Ended, tell};
use verdict::Facts;
use watch::Watch;

/// Reports come a moment after the packets they are about.
const SETTLE: Duration = Duration::from_millis(30);

/// A traced exchange.
#[derive(Debug)]
pub struct Traced {
    /// As it really went.
    pub path: Path,
    /// What the prober saw; `None` when real traffic was watched.
    pub measured: Option<Measured>,
}

/// Watches every place an exchange may pass.
pub struct Tracer<'w> {
    world: &'w World<'w>,
    environment: Environment,
    predicted: Path,
    from: Location,
    watches: Vec<Watch>,
}

impl<'w> Tracer<'w> {
    /// Begins to watch.
    ///
    /// # Errors
    /// When a place cannot be entered or watched.
    pub fn begin(
        world: &'w World<'w>,
        environment: Environment,
        predicted: Path,
        from: Location,
    ) -> Result<Self, KernelError> {
        let watched = watched(&predicted);
        let mut watches = Vec::new();
        for at in places(world, &predicted, &from) {
            watches.push(Watch::begin(world.settled(), &at, &watched)?);
        }
        Ok(Self {
            world,
            environment,
            predicted,
            from,
            watches,
        })
    }

    /// Sends a probe and tells where it went.
    ///
    /// # Errors
    /// When a place cannot be watched any more.
    pub fn probe(mut self, limit: Duration) -> Result<Traced, KernelError> {
        let aim = Aim::of(&self.predicted, &self.from);
        let settled = self.world.settled();
        let aims: Vec<Aim> = aim.into_iter().collect();
        let mut measured = probe::probe(settled, &aims, limit)?;
        std::thread::sleep(SETTLE);
        for watch in &mut self.watches {
            watch.drain()?;
        }
        let measured = measured.pop().unwrap_or(Measured {
            outcome: Outcome::Unreachable,
            latency_us: None,
            detail: "there is no address to ask".into(),
            listener: Listener::None,
            key: None,
        });
        let path = self.tell(&measured, measured.key);
        Ok(Traced {
            path,
            measured: Some(measured),
        })
    }

    /// Waits until somebody else asks the same, and tells where that went; `None` when nobody did
    /// in time.
    ///
    /// # Errors
    /// When a place cannot be watched any more.
    pub fn follow(
        &mut self,
        limit: Duration,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Traced>, KernelError> {
        const QUIET: Duration = Duration::from_millis(150);
        let deadline = Instant::now() + limit;
        let mut since: Option<Instant> = None;
        while !stop() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(20));
            for watch in &mut self.watches {
                watch.drain()?;
            }
            let exchanges = self.exchanges(None);
            let Some(known) = exchanges.first() else {
                return Ok(None);
            };
            for watch in &mut self.watches {
                watch.keep(|ip| {
                    exchanges
                        .iter()
                        .any(|k| k.answer(ip).is_some() || k.side(ip).is_some())
                });
            }
            let found = self.watches.iter().find_map(|watch| {
                let sent = watch.frames.iter().map(|seen| &seen.ip);
                let mut all = watch.made.iter().chain(sent);
                all.find(|ip| known.side(ip) == Some(Side::Request))
                    .map(flow)
            });
            let Some(asked) = found else { continue };
            // The first packet of somebody's exchange; its reply may be under way.
            if since.get_or_insert_with(Instant::now).elapsed() < QUIET {
                continue;
            }
            let key = (asked.source_port != 0).then_some(asked.source_port);
            let outcome = self.answer(known);
            let measured = Measured {
                outcome,
                latency_us: None,
                detail: String::new(),
                listener: Listener::Service,
                key,
            };
            let path = self.tell(&measured, key);
            self.watches.iter_mut().for_each(Watch::forget);
            return Ok(Some(Traced {
                path,
                measured: None,
            }));
        }
        Ok(None)
    }

    /// How what somebody asked was answered, as far as it came back to where it was asked.
    fn answer(&self, known: &Known) -> Outcome {
        let here = self.watches.iter().filter(|watch| watch.at == self.from);
        let came = here.flat_map(|watch| watch.frames.iter().filter(|s| !s.out));
        let mut outcome = Outcome::Filtered;
        for seen in came {
            match known.answer(&seen.ip) {
                Some(Outcome::Open) => return Outcome::Open,
                Some(other) => outcome = other,
                None => {}
            }
        }
        outcome
    }

    /// By what packets of the exchange are known. What is asked of localhost is passed on by a
    /// listener: two exchanges, one behind the other.
    fn exchanges(&self, key: Option<u16>) -> Vec<Known> {
        let predicted = &self.predicted;
        let flows: Vec<Flow> = predicted.request.iter().map(|h| h.flow).collect();
        let (local, beyond): (Vec<Flow>, Vec<Flow>) =
            flows.into_iter().partition(|f| f.to.is_loopback());
        if local.is_empty() || beyond.is_empty() {
            let all: Vec<Flow> = local.into_iter().chain(beyond).collect();
            return vec![self.known(&all, key)];
        }
        let onward = Known {
            targets: beyond.iter().map(|f| f.to).collect(),
            ports: beyond.iter().map(|f| f.port).collect(),
            ..self.known(&beyond, None)
        };
        vec![self.known(&local, key), onward]
    }

    fn known(&self, flows: &[Flow], key: Option<u16>) -> Known {
        let predicted = &self.predicted;
        let mut targets: BTreeSet<IpAddr> = flows.iter().map(|f| f.to).collect();
        targets.extend(predicted.address);
        let mut ports: BTreeSet<u16> = flows.iter().map(|f| f.port).filter(|p| *p != 0).collect();
        if let Service::Port(port) = predicted.service {
            ports.insert(port.port);
        }
        let mut sources: BTreeSet<IpAddr> = flows.iter().map(|f| f.from).collect();
        let masked = sources.len() > 1;
        if masked {
            sources.extend(self.environment.host_addresses.iter().copied());
        }
        // What was added by hand may be chosen as a source.
        let asks = self.watches.iter().filter(|w| w.at == self.from);
        sources.extend(asks.flat_map(|w| &w.addresses));
        let v4 = predicted.address.is_none_or(|a| a.is_ipv4());
        Known {
            protocol: predicted.service.protocol(v4),
            ports,
            targets,
            key,
            masked,
            sources,
        }
    }

    fn tell(&mut self, measured: &Measured, key: Option<u16>) -> Path {
        let exchanges = self.exchanges(key);
        let count = exchanges.len();
        let (mut request, mut request_end) = (Vec::new(), None);
        let (mut reply, mut reply_end) = (Vec::new(), None);
        let destination = self.predicted.destination().map(|(at, _)| at.clone());
        let (mut arrived, mut silent) = (None, None);
        for (position, known) in exchanges.iter().enumerate() {
            let target = if position + 1 < count {
                Some(Location::Host)
            } else {
                destination.clone()
            };
            let origin = if position == 0 {
                self.from.clone()
            } else {
                Location::Host
            };
            let (mut there, end) = self.way(known, Side::Request, &origin);
            self.connection(known, &mut there);
            arrived = self.arrival(known, target.as_ref());
            let over = end.as_ref().is_none_or(|(_, e)| *e != Ended::Not);
            if arrived.is_some() && !over {
                let who = self.listener(measured, position + 1 < count, target.as_ref());
                there.extend(there.last().cloned().map(|last| Hop {
                    at: target.clone().unwrap_or(Location::Host),
                    event: HopEvent::Listener { who },
                    flow: last.flow,
                }));
            }
            let asked = there.first().map(|hop| hop.flow);
            request.extend(there);
            request_end = end;
            let back = target.unwrap_or(Location::Host);
            let (mut home, end) = self.way(known, Side::Reply, &back);
            if let (Location::Host, Some(asked), true) =
                (&origin, asked, measured.latency_us.is_some())
            {
                taken_back(&mut home, asked);
            }
            home.append(&mut reply);
            reply = home;
            if position == 0 {
                reply_end = end;
            }
            silent = silent.or_else(|| self.silent(known));
        }
        if let (Some(asked), true) = (arrived, reply_end.is_none()) {
            reply_end = self.no_way_back(destination.as_ref(), asked);
        }
        let facts = Facts {
            settled: self.world.settled(),
            predicted: &self.predicted,
            measured,
            request: request_end,
            reply: reply_end,
            arrived: arrived.is_some(),
            silent,
            unseen: self.watches.iter().flat_map(Watch::unseen_chains).collect(),
            hops: &request,
            reply_hops: &reply,
        };
        Path {
            outcome: measured.outcome,
            reason: facts.reason(),
            request,
            reply,
            ..self.predicted.clone()
        }
    }

    /// The places in the order a packet should come to them.
    fn expected_order(&self, side: Side) -> Vec<Location> {
        let predicted = &self.predicted;
        let there = predicted.request.iter().map(|h| h.at.clone());
        let mut out: Vec<Location> = match side {
            Side::Request => there.collect(),
            Side::Reply if predicted.reply.is_empty() => there.rev().collect(),
            Side::Reply => predicted.reply.iter().map(|h| h.at.clone()).collect(),
        };
        out.dedup();
        out
    }

    /// One packet's way through all places, in the order it came to them.
    fn way(
        &mut self,
        known: &Known,
        side: Side,
        origin: &Location,
    ) -> (Vec<Hop>, Option<(Location, Ended)>) {
        let mut seen = Vec::new();
        for (index, watch) in self.watches.iter().enumerate() {
            let mut sighting = sighting(watch, known, side);
            if watch.at == *origin && watch.at != Location::Host {
                // What a node asks of itself by way of the host comes back to it.
                let back = sighting.split_off_arrival(watch);
                seen.push((true, back.time(), index, back));
            }
            let time = sighting.time();
            seen.push((watch.at != *origin, time, index, sighting));
        }
        seen.retain(|(_, _, _, sighting)| !sighting.is_empty());
        let stamped = seen.iter().all(|(_, _, _, sighting)| sighting.stamped());
        let expected = self.expected_order(side);
        seen.sort_by_key(|(later, time, index, _)| {
            let place = self.watches.get(*index).map(|w| &w.at);
            // Where a packet begins and ends at one place, this is its end.
            let rank = expected.iter().rposition(|at| Some(at) == place);
            // Without times there is only the way it should take to go by.
            (*later, rank.filter(|_| !stamped), *time)
        });
        let (mut hops, mut end) = (Vec::new(), None);
        if seen.is_empty() && side == Side::Request {
            return self.never_sent();
        }
        for (later, _, index, sighting) in seen {
            let Some(watch) = self.watches.get_mut(index) else {
                continue;
            };
            let at = watch.at.clone();
            let made_here = (!later).then(|| sighting.made()).flatten();
            let (told, ended) = tell(watch, &sighting, made_here);
            hops.extend(told);
            let over = ended != Ended::Not;
            end = Some((at, ended));
            if over {
                break;
            }
        }
        (hops, end)
    }

    /// A place that has no route to whoever asked sends no reply.
    fn no_way_back(&mut self, at: Option<&Location>, asked: Flow) -> Option<(Location, Ended)> {
        let watch = self.watches.iter_mut().find(|w| Some(&w.at) == at)?;
        let question = hallway_kernel::route::RouteQuestion {
            to: asked.from,
            from: None,
            iif: None,
        };
        let refused = watch.route(&question).map_or(true, |answer| answer.refused);
        refused.then(|| (watch.at.clone(), Ended::NoRoute(asked.from)))
    }

    /// Nothing was seen: the place that asks could not even send.
    fn never_sent(&mut self) -> (Vec<Hop>, Option<(Location, Ended)>) {
        let Some(to) = self.predicted.address else {
            return (Vec::new(), None);
        };
        let from = self.from.clone();
        let watch = self.watches.iter_mut().find(|w| w.at == from);
        let question = hallway_kernel::route::RouteQuestion {
            to,
            from: None,
            iif: None,
        };
        let ended = match watch.map(|w| w.route(&question)) {
            Some(Ok(answer)) if !answer.refused => return (Vec::new(), None),
            _ => Ended::NoRoute(to),
        };
        (Vec::new(), Some((from, ended)))
    }

    /// The request as it came to where it was meant for.
    fn arrival(&self, known: &Known, destination: Option<&Location>) -> Option<Flow> {
        let watch = self.watches.iter().find(|w| Some(&w.at) == destination)?;
        let seen = sighting(watch, known, Side::Request);
        let first = seen.ins.first();
        first.map(|s| flow(&s.ip))
    }

    /// Who takes the request.
    fn listener(&self, measured: &Measured, keeper: bool, at: Option<&Location>) -> String {
        if keeper {
            return "hallway's keeper, which passes on what it gets".into();
        }
        let program = match at {
            Some(Location::Node(name)) => self.world.settled().node(name),
            _ => None,
        };
        match (measured.listener, program.and_then(|n| n.service.as_ref())) {
            (Listener::Kernel, _) => "the kernel, which answers echo requests".into(),
            (Listener::Temporary, _) => "nobody but the probe's own listener".into(),
            (Listener::Service, Some(service)) => {
                format!("a program: {}", service.command.join(" "))
            }
            (Listener::Service, None) => "a program".into(),
            (Listener::None, _) => "nobody".into(),
        }
    }

    /// What connection tracking holds of it on the host, told after the host's part.
    fn connection(&mut self, known: &Known, request: &mut Vec<Hop>) {
        let Some(position) = request.iter().rposition(|h| h.at == Location::Host) else {
            return;
        };
        let host = self.watches.iter_mut().find(|w| w.at == Location::Host);
        let found = host.into_iter().flat_map(Watch::connections).find(|c| {
            c.original.protocol == known.protocol
                && known.sources.contains(&c.original.from)
                && known.targets.contains(&c.original.to)
                && (c.original.port == 0 || known.ports.contains(&c.original.port))
                && known
                    .key
                    .is_none_or(|k| c.original.source_port == 0 || k == c.original.source_port)
        });
        if let (Some(connection), Some(hop)) = (found, request.get(position)) {
            let tuple = |t: &hallway_kernel::conntrack::Tuple| Flow {
                from: t.from,
                to: t.to,
                protocol: t.protocol,
                source_port: t.source_port,
                port: t.port,
            };
            let event = HopEvent::Connection {
                original: tuple(&connection.original),
                reply: tuple(&connection.reply),
                state: connection.state.to_owned(),
            };
            let hop = Hop {
                event,
                ..hop.clone()
            };
            request.insert(position + 1, hop);
        }
    }

    /// A neighbour that did not answer when this was on its way.
    fn silent(&mut self, known: &Known) -> Option<(Location, IpAddr)> {
        let mut next: BTreeSet<IpAddr> = known.targets.clone();
        next.extend(
            self.predicted
                .request
                .iter()
                .filter_map(|h| match &h.event {
                    HopEvent::Route { via, .. } => *via,
                    _ => None,
                }),
        );
        self.watches.iter_mut().find_map(|watch| {
            let silent = watch.silent_neighbours();
            let found = silent.iter().find(|n| next.contains(&n.address))?;
            Some((watch.at.clone(), found.address))
        })
    }
}

/// What the host was answered is as it asked: the last translation is done behind all hooks.
fn taken_back(reply: &mut Vec<Hop>, asked: Flow) {
    if let Some(last) = reply.last().filter(|hop| hop.at == Location::Host).cloned()
        && last.flow != asked.mirrored()
    {
        reply.push(Hop {
            at: Location::Host,
            event: HopEvent::Translated { before: last.flow },
            flow: asked.mirrored(),
        });
    }
}
