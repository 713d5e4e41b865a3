//! Watches an exchange: one of hallway, or one of other programs.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use hallway_kernel::KernelError;
use hallway_plan::reach::{Flow, ListenerKind, Measured, Outcome, Service};
use hallway_spec::IpVersion;

use super::super::probe::{self, Aim};
use super::evidence::{FlowDirection, PacketMatcher, flow};
use super::tracer::{Traced, Tracer};
use super::watch::WatchedPlace;
use crate::Cancel;

/// Reports come this much later than the packets they are about.
const REPORT_DELAY: Duration = Duration::from_millis(30);

impl Tracer<'_> {
    /// Sends a probe and reconstructs its path.
    ///
    /// # Errors
    /// When a place can no longer be watched.
    pub fn probe(mut self, limit: Duration) -> Result<Traced, KernelError> {
        let aim = Aim::of(&self.predicted, &self.from);
        let settled = self.world.settled();
        let aims: Vec<Aim> = aim.into_iter().collect();
        let mut measured = probe::probe(settled, &aims, limit, &Cancel::default())?;
        std::thread::sleep(REPORT_DELAY);
        for watch in &mut self.watches {
            watch.drain()?;
        }
        let measured = measured.pop().unwrap_or(Measured {
            outcome: Outcome::Unreachable,
            latency_us: None,
            detail: "there is no address to send to".into(),
            listener: ListenerKind::None,
            key: None,
        });
        let path = self.reconstruct(&measured, measured.key);
        Ok(Traced {
            path,
            measured: Some(measured),
        })
    }

    /// Waits until another program sends such a packet, and reconstructs its path; `None` if none
    /// did in time.
    ///
    /// # Errors
    /// When a place can no longer be watched.
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
                        .any(|k| k.answer(ip).is_some() || k.direction(ip).is_some())
                });
            }
            let found = self.watches.iter().find_map(|watch| {
                let sent = watch.frames.iter().map(|seen| &seen.ip);
                let mut all = watch.made.iter().chain(sent);
                all.find(|ip| known.direction(ip) == Some(FlowDirection::Request))
                    .map(flow)
            });
            let Some(requested) = found else { continue };
            // The first packet of an exchange; its reply may still come.
            if since.get_or_insert_with(Instant::now).elapsed() < QUIET {
                continue;
            }
            let key = (requested.source_port != 0).then_some(requested.source_port);
            let outcome = self.answer(known);
            let measured = Measured {
                outcome,
                latency_us: None,
                detail: String::new(),
                listener: ListenerKind::Service,
                key,
            };
            let path = self.reconstruct(&measured, key);
            self.watches.iter_mut().for_each(WatchedPlace::discard);
            return Ok(Some(Traced {
                path,
                measured: None,
            }));
        }
        Ok(None)
    }

    /// The answer to the exchange of another program, as the client got it.
    fn answer(&self, known: &PacketMatcher) -> Outcome {
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

    /// What identifies the packets of the exchange. A connection to localhost is proxied by a
    /// listener: two exchanges, one after the other.
    pub(super) fn exchanges(&self, key: Option<u16>) -> Vec<PacketMatcher> {
        let predicted = &self.predicted;
        let flows: Vec<Flow> = predicted.request.iter().map(|h| h.flow).collect();
        let (local, beyond): (Vec<Flow>, Vec<Flow>) =
            flows.into_iter().partition(|f| f.to.is_loopback());
        if local.is_empty() || beyond.is_empty() {
            let all: Vec<Flow> = local.into_iter().chain(beyond).collect();
            return vec![self.known(&all, key)];
        }
        let onward = PacketMatcher {
            targets: beyond.iter().map(|f| f.to).collect(),
            ports: beyond.iter().map(|f| f.port).collect(),
            ..self.known(&beyond, None)
        };
        vec![self.known(&local, key), onward]
    }

    fn known(&self, flows: &[Flow], key: Option<u16>) -> PacketMatcher {
        let predicted = &self.predicted;
        let mut targets: BTreeSet<IpAddr> = flows.iter().map(|f| f.to).collect();
        targets.extend(predicted.address);
        let mut ports: BTreeSet<u16> = flows.iter().map(|f| f.port).filter(|p| *p != 0).collect();
        if let Service::Port(port) = predicted.service {
            ports.insert(port.port);
        }
        let mut sources: BTreeSet<IpAddr> = flows.iter().map(|f| f.from).collect();
        let ruled = self.environment.inside.values();
        let ruled: Vec<IpAddr> = ruled
            .filter(|inside| !inside.tables.is_empty())
            .flat_map(|inside| inside.addresses.iter().copied())
            .collect();
        let masked = sources.len() > 1 || !ruled.is_empty();
        // Rules in a node may give it one of the node's addresses.
        sources.extend(ruled);
        if masked {
            sources.extend(self.environment.host_addresses.iter().copied());
        }
        // An address that was added by hand may be chosen as source.
        let clients = self.watches.iter().filter(|w| w.at == self.from);
        sources.extend(clients.flat_map(|w| &w.addresses));
        let version = predicted.address.map_or(IpVersion::V4, IpVersion::of);
        PacketMatcher {
            protocol: predicted.service.protocol(version),
            ports,
            targets,
            key,
            masked,
            sources,
        }
    }
}
