//! The path of an exchange, reconstructed from the observations at all places.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use hallway_kernel::conntrack;
use hallway_kernel::route::RouteQuestion;
use hallway_plan::reach::{Flow, Hop, HopEvent, ListenerKind, Location, Measured, Path};

use super::evidence::{FlowDirection, PacketMatcher, Sighting, flow, sighting};
use super::hops::{PathEnd, reconstruct};
use super::tracer::Tracer;
use super::verdict::Observations;
use super::watch::WatchedPlace;

/// What was seen of one time that a packet was at a place: whether it came there from another, when,
/// and the position of the place's watch.
type Visit = (bool, Option<SystemTime>, usize, Sighting);

impl Tracer<'_> {
    pub(super) fn reconstruct(&mut self, measured: &Measured, key: Option<u16>) -> Path {
        let exchanges = self.exchanges(key);
        let count = exchanges.len();
        let (mut request, mut request_end) = (Vec::new(), None);
        let (mut reply, mut reply_end) = (Vec::new(), None);
        let destination = self.predicted.destination().map(|(at, _)| at.clone());
        let (mut arrived, mut silent) = (None, None);
        for (position, known) in exchanges.iter().enumerate() {
            let target = match position + 1 < count {
                true => Some(Location::Host),
                false => destination.clone(),
            };
            let origin = match position {
                0 => self.from.clone(),
                _ => Location::Host,
            };
            let (mut there, end) = self.hops(known, FlowDirection::Request, &origin);
            self.connection(known, &mut there);
            arrived = self.arrival(known, target.as_ref());
            let over = end.as_ref().is_none_or(|(_, e)| *e != PathEnd::Continued);
            if arrived.is_some() && !over {
                let who = self.listener(measured, position + 1 < count, target.as_ref());
                there.extend(there.last().cloned().map(|last| Hop {
                    at: target.clone().unwrap_or(Location::Host),
                    event: HopEvent::Listener { who },
                    flow: last.flow,
                }));
            }
            let requested = there.first().map(|hop| hop.flow);
            request.extend(there);
            request_end = end;
            let back = target.unwrap_or(Location::Host);
            let (mut home, end) = self.hops(known, FlowDirection::Reply, &back);
            if let (Location::Host, Some(requested), true) =
                (&origin, requested, measured.latency_us.is_some())
            {
                translate_back(&mut home, requested);
            }
            home.append(&mut reply);
            reply = home;
            if position == 0 {
                reply_end = end;
            }
            silent = silent.or_else(|| self.silent(known));
        }
        if let (Some(requested), true) = (arrived, reply_end.is_none()) {
            reply_end = self.no_route_back(destination.as_ref(), requested);
        }
        let unseen = self.unseen();
        let facts = Observations {
            settled: self.world.settled(),
            predicted: &self.predicted,
            measured,
            request: request_end,
            reply: reply_end,
            arrived: arrived.is_some(),
            silent,
            unseen,
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

    /// What may have dropped a packet without a report.
    fn unseen(&mut self) -> Vec<String> {
        let chains = self.watches.iter().flat_map(WatchedPlace::unseen_chains);
        let mut out: Vec<String> = chains.collect();
        out.extend(self.watches.iter_mut().filter_map(WatchedPlace::full_table));
        out
    }

    /// The places in the order in which a packet should reach them.
    fn expected_order(&self, direction: FlowDirection) -> Vec<Location> {
        let predicted = &self.predicted;
        let there = predicted.request.iter().map(|h| h.at.clone());
        let mut out: Vec<Location> = match direction {
            FlowDirection::Request => there.collect(),
            FlowDirection::Reply if predicted.reply.is_empty() => there.rev().collect(),
            FlowDirection::Reply => predicted.reply.iter().map(|h| h.at.clone()).collect(),
        };
        out.dedup();
        out
    }

    /// Where what was seen has no times, the predicted path gives the order.
    fn number_by_prediction(&self, seen: &mut [Visit], direction: FlowDirection) {
        let expected = self.expected_order(direction);
        let mut passes: BTreeMap<usize, usize> = BTreeMap::new();
        for (later, time, index, _) in seen {
            let place = self.watches.get(*index).map(|w| &w.at);
            let all = expected.iter().enumerate();
            let ranks: Vec<usize> = all
                .filter(|(_, at)| Some(*at) == place)
                .map(|(rank, _)| rank)
                .collect();
            let pass = passes.entry(*index).or_default();
            // Where a packet begins and ends at one place, this is its end.
            let rank = match (*later, expected.first() == place) {
                (false, _) => ranks.first(),
                (true, true) => ranks.last(),
                (true, false) => ranks.get(*pass).or(ranks.last()),
            };
            *pass += 1;
            let after = rank.map(|rank| Duration::from_secs(*rank as u64 + 1));
            *time = after.map(|after| SystemTime::UNIX_EPOCH + after);
        }
    }

    /// One packet's hops at all places, in the order in which it reached them.
    fn hops(
        &mut self,
        known: &PacketMatcher,
        direction: FlowDirection,
        origin: &Location,
    ) -> (Vec<Hop>, Option<(Location, PathEnd)>) {
        let mut seen = Vec::new();
        for (index, watch) in self.watches.iter().enumerate() {
            let mut sighting = sighting(watch, known, direction);
            if watch.at == *origin && watch.at != Location::Host {
                // A packet that a node sends to itself through the host comes back to it.
                let back = sighting.split_off_arrival(watch);
                seen.push((true, back.time(), index, back));
            }
            for (pass, sighting) in sighting.passes(watch).into_iter().enumerate() {
                let later = watch.at != *origin || pass > 0;
                seen.push((later, sighting.time(), index, sighting));
            }
        }
        seen.retain(|(_, _, _, sighting)| !sighting.is_empty());
        let stamped = seen.iter().all(|(_, _, _, sighting)| sighting.stamped());
        if !stamped {
            self.number_by_prediction(&mut seen, direction);
        }
        seen.sort_by_key(|(later, time, ..)| (*later, *time));
        let (mut hops, mut end) = (Vec::new(), None);
        if seen.is_empty() && direction == FlowDirection::Request {
            return self.never_sent();
        }
        for (later, _, index, sighting) in seen {
            let Some(watch) = self.watches.get_mut(index) else {
                continue;
            };
            let at = watch.at.clone();
            let made_here = (!later).then(|| sighting.made()).flatten();
            let (found, ended) = reconstruct(watch, &sighting, made_here);
            hops.extend(found);
            let over = ended != PathEnd::Continued;
            end = Some((at, ended));
            if over {
                break;
            }
        }
        (hops, end)
    }

    /// A place that has no route to the client sends no reply.
    fn no_route_back(
        &mut self,
        at: Option<&Location>,
        requested: Flow,
    ) -> Option<(Location, PathEnd)> {
        let watch = self.watches.iter_mut().find(|w| Some(&w.at) == at)?;
        let question = RouteQuestion {
            to: requested.from,
            from: None,
            iif: None,
        };
        let refused = watch.route(&question).map_or(true, |answer| answer.refused);
        refused.then(|| (watch.at.clone(), PathEnd::NoRoute(requested.from)))
    }

    /// Nothing was seen: the client could not send.
    fn never_sent(&mut self) -> (Vec<Hop>, Option<(Location, PathEnd)>) {
        let Some(to) = self.predicted.address else {
            return (Vec::new(), None);
        };
        let from = self.from.clone();
        let watch = self.watches.iter_mut().find(|w| w.at == from);
        let question = RouteQuestion {
            to,
            from: None,
            iif: None,
        };
        let ended = match watch.map(|w| w.route(&question)) {
            Some(Ok(answer)) if !answer.refused => return (Vec::new(), None),
            _ => PathEnd::NoRoute(to),
        };
        (Vec::new(), Some((from, ended)))
    }

    /// The request when it reached its destination.
    fn arrival(&self, known: &PacketMatcher, destination: Option<&Location>) -> Option<Flow> {
        let watch = self.watches.iter().find(|w| Some(&w.at) == destination)?;
        let seen = sighting(watch, known, FlowDirection::Request);
        let first = seen.ins.first();
        first.map(|s| flow(&s.ip))
    }

    /// What receives the request.
    fn listener(&self, measured: &Measured, keeper: bool, at: Option<&Location>) -> String {
        if keeper {
            return "hallway's keeper, which proxies to the node".into();
        }
        let program = match at {
            Some(Location::Node(name)) => self.world.settled().node(name),
            _ => None,
        };
        match (measured.listener, program.and_then(|n| n.service.as_ref())) {
            (ListenerKind::Kernel, _) => "the kernel, which answers echo requests".into(),
            (ListenerKind::Temporary, _) => "only the probe's own listener".into(),
            (ListenerKind::Service, Some(service)) => {
                format!(
                    "a program: {}",
                    hallway_plan::program::line(&service.command)
                )
            }
            (ListenerKind::Service, None) => "a program".into(),
            (ListenerKind::None, _) => "nothing".into(),
            (ListenerKind::Unknown, _) => "unknown: no listener could be opened there".into(),
        }
    }

    /// The entry of connection tracking on the host, shown after the hops of the host.
    fn connection(&mut self, known: &PacketMatcher, request: &mut Vec<Hop>) {
        let Some(position) = request.iter().rposition(|h| h.at == Location::Host) else {
            return;
        };
        let host = self.watches.iter_mut().find(|w| w.at == Location::Host);
        let found = host
            .into_iter()
            .flat_map(WatchedPlace::connections)
            .find(|c| {
                c.original.protocol == known.protocol
                    && known.sources.contains(&c.original.from)
                    && known.targets.contains(&c.original.to)
                    && (c.original.port == 0 || known.ports.contains(&c.original.port))
                    && known
                        .key
                        .is_none_or(|k| c.original.source_port == 0 || k == c.original.source_port)
            });
        if let (Some(connection), Some(hop)) = (found, request.get(position)) {
            let tuple = |t: &conntrack::Tuple| Flow {
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

    /// A neighbour that did not answer when this packet was sent.
    fn silent(&mut self, known: &PacketMatcher) -> Option<(Location, IpAddr)> {
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
        let begun = self.begun;
        self.watches.iter_mut().find_map(|watch| {
            let silent = watch.silent_neighbours(begun);
            let found = silent.iter().find(|n| next.contains(&n.address))?;
            Some((watch.at.clone(), found.address))
        })
    }
}

/// A reply to the host gets the flow of its request again: the last translation is done after all
/// hooks.
fn translate_back(reply: &mut Vec<Hop>, requested: Flow) {
    if let Some(last) = reply.last().filter(|hop| hop.at == Location::Host).cloned()
        && last.flow != requested.mirrored()
    {
        reply.push(Hop {
            at: Location::Host,
            event: HopEvent::Translated { before: last.flow },
            flow: requested.mirrored(),
        });
    }
}
