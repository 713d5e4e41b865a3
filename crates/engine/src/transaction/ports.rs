//! The listener stage: ports on localhost are bound before anything is built.

use std::collections::BTreeSet;

use hallway_plan::settled::Publish;
use hallway_plan::{Settled, rules};
use hallway_spec::{Name, Protocol};

use super::Caller;
use super::listeners::Reach;
use super::programs::forwards;
use super::translated;
use crate::event::Warning;
use crate::keeper::{
    BindCause, BindError, BoundSocket, Forward, Listen, Namespace, bind as bind_here, marks,
};
use crate::{Cancel, Engine, Failure, Planned, Reason, sockets};

impl Engine {
    /// Binds every listener that the keeper does not hold yet.
    pub(super) fn bind_listeners(
        &self,
        planned: &Planned,
        caller: &mut Caller<'_>,
    ) -> Result<Vec<BoundSocket>, Failure> {
        let held = match self.keeper(&planned.settled.project, caller.cancel)? {
            Some(client) => Some(client.forwards()?),
            None => None,
        };
        self.check_taken(planned)?;
        let wanted = forwards(&planned.settled, self.workplace().porter.is_some());
        if held.is_none() {
            self.end_lost_keeper(&planned.settled, &wanted, caller.cancel)?;
        }
        let held = held.unwrap_or_default();
        self.bind(&planned.settled, &wanted, &held, caller)
    }

    /// A keeper of the project whose socket was removed cannot be reached, and still listens on its
    /// ports: it is ended, if no other program uses them.
    fn end_lost_keeper(
        &self,
        settled: &Settled,
        wanted: &[Forward],
        cancel: &Cancel,
    ) -> Result<(), Failure> {
        let project = settled.project.as_ref();
        let lost = marks::keepers(project);
        if lost.is_empty() {
            return Ok(());
        }
        let bound = sockets::bound(wanted.iter().map(|w| w.listen.protocol));
        let in_use = |listen: &Listen| {
            let mut there = bound
                .iter()
                .filter(|b| b.is_at(listen.address, listen.protocol));
            listen.namespace == Namespace::Project && there.any(|b| !b.is_of(&lost))
        };
        let listens = wanted.iter().map(|w| w.listen).filter(in_use);
        let failures = listens.map(|listen| {
            let cause = BindCause::InUse;
            let by = None;
            self.not_bound(settled, BindError { listen, cause, by })
        });
        match Failure::of_many(failures.collect::<Vec<_>>()) {
            Some(failure) => Err(failure),
            None => Ok(marks::end(project, &[], cancel).map(drop)?),
        }
    }

    /// Binds the listeners of `wanted` that are not among those of `held`: a listener that is held
    /// gets its new target in place.
    pub(super) fn bind(
        &self,
        settled: &Settled,
        wanted: &[Forward],
        held: &[Forward],
        caller: &mut Caller<'_>,
    ) -> Result<Vec<BoundSocket>, Failure> {
        let held: BTreeSet<Listen> = held.iter().map(|h| h.listen).collect();
        let (mut bound, mut privileged) = (Vec::new(), BTreeSet::new());
        let mut failures = Vec::new();
        let mut missing = BTreeSet::new();
        for listen in wanted
            .iter()
            .map(|w| w.listen)
            .filter(|l| !held.contains(l))
        {
            let on_machine = listen.namespace == Namespace::Machine;
            let result = match (on_machine, &self.workplace().porter) {
                (true, Some(porter)) => porter.bind(listen),
                (true, None) => continue,
                (false, _) => bind_here(listen),
            };
            match result {
                Ok(listener) => bound.push(listener),
                Err(error) => match error.cause {
                    BindCause::NotPermitted if on_machine => {
                        privileged.insert((listen.address.port(), listen.protocol));
                    }
                    // There is no IPv6 on this machine: only IPv4 is served.
                    BindCause::NoSuchAddress if listen.address.ip().is_loopback() => {}
                    BindCause::NoSuchAddress if on_machine => {
                        missing.insert(listen.address.ip());
                    }
                    BindCause::InUse => add(&mut failures, self.not_bound(settled, error)),
                    _ => return Err(self.not_bound(settled, error)),
                },
            }
        }
        if let Some(failure) = Failure::of_many(failures) {
            return Err(failure);
        }
        if !privileged.is_empty() {
            // Earlier published ports have had their warning. Without a record all are new.
            let record = self.record(&settled.project).ok().flatten();
            let before = record.and_then(|r| r.applied);
            let is_new = |(port, protocol): &(u16, Protocol)| {
                let same = before
                    .as_ref()
                    .and_then(|b| publish_of(&b.publishes, *port, *protocol));
                same.is_none()
            };
            privileged.retain(is_new);
        }
        if !privileged.is_empty() {
            caller.warn(Warning::PrivilegedPorts { ports: privileged });
        }
        // Addresses of the sandbox are served in the sandbox.
        let inside: BTreeSet<_> = settled.networks.iter().flat_map(|n| n.gateways()).collect();
        missing.retain(|address| !inside.contains(address));
        for address in missing {
            caller.warn(Warning::AddressMissing {
                address,
                in_sandbox: true,
            });
        }
        Ok(bound)
    }

    fn not_bound(&self, settled: &Settled, error: BindError) -> Failure {
        let Listen {
            address,
            protocol,
            namespace,
        } = error.listen;
        let port = address.port();
        let place = publish_of(&settled.publishes, port, protocol).map(|p| p.place.clone());
        let failure = match error.cause {
            BindCause::InUse => match self.publisher(settled, port, protocol) {
                Some(project) => Reason::PortPublished {
                    port,
                    protocol,
                    project,
                }
                .into(),
                None => Reason::PortInUse {
                    port,
                    protocol,
                    address: None,
                    of_machine: namespace == Namespace::Machine,
                    by: match namespace {
                        Namespace::Project => sockets::holder(address, protocol),
                        Namespace::Machine => error.by,
                    },
                }
                .into(),
            },
            _ => Failure::from(error),
        };
        Failure { place, ..failure }
    }

    /// A published port never receives packets for a program of the host, for another project, or for
    /// one that a rule of another program sends them to. Programs that listen on localhost are found when the listeners are
    /// bound.
    fn check_taken(&self, planned: &Planned) -> Result<(), Failure> {
        let applied = planned.record.as_ref().and_then(|r| r.applied.as_ref());
        let known = |p: &Publish| {
            let same = |q: &Publish| {
                (q.host_address, q.host_ports, q.protocol)
                    == (p.host_address, p.host_ports, p.protocol)
            };
            applied.is_some_and(|a| a.publishes.iter().any(same))
        };
        let publishes = planned.settled.publishes.iter();
        let fresh: Vec<&Publish> = publishes.filter(|p| !known(p)).collect();
        let failures = self.taken(&planned.settled, &fresh)?;
        Failure::of_many(failures).map_or(Ok(()), Err)
    }

    /// Why these ports of `settled` cannot be published, one failure for each reason.
    pub(super) fn taken(
        &self,
        settled: &Settled,
        publishes: &[&Publish],
    ) -> Result<Vec<Failure>, Failure> {
        if publishes.is_empty() {
            return Ok(Vec::new());
        }
        let mut failures = self.published_by_others(&settled.project, publishes)?;
        let bound = sockets::bound(publishes.iter().map(|p| p.protocol));
        // What a peer sends to such a socket would go to the node. Ports that are shared with the host
        // leave it to the socket.
        let exclusive = |p: &Publish| p.protocol == Protocol::Udp && !rules::is_shared_with_host(p);
        let connected = match publishes.iter().any(|p| exclusive(p)) {
            true => sockets::with_peer(),
            false => Vec::new(),
        };
        let mut reach = Reach::new(self.kernel(), settled);
        for publish in publishes {
            let connected = connected.iter().filter(|_| exclusive(publish));
            let mut all = bound.iter().chain(connected);
            let taken = all.find(|b| reach.takes(publish, b));
            failures.extend(taken.map(|b| in_use(publish, b)));
        }
        let translated = self.translated(settled, publishes)?;
        failures.extend(translated.into_iter().map(translated::failure));
        Ok(failures)
    }

    /// The other project of this scope that publishes the port.
    fn publisher(&self, settled: &Settled, port: u16, protocol: Protocol) -> Option<Name> {
        let others = self.publishes_of_others(&settled.project).into_iter();
        let mut publishing = others.filter(|(_, all)| publish_of(all, port, protocol).is_some());
        publishing.next().map(|(name, _)| name)
    }
}

/// Adds a failure that is not among these: a port is bound on several addresses.
fn add(failures: &mut Vec<Failure>, failure: Failure) {
    let same = |f: &Failure| f.place == failure.place && f.reason == failure.reason;
    if !failures.iter().any(same) {
        failures.push(failure);
    }
}

/// A program listens where a published port is to be.
fn in_use(publish: &Publish, bound: &sockets::OpenSocket) -> Failure {
    let own = bound.address.ip();
    let reason = Reason::PortInUse {
        port: bound.address.port(),
        protocol: bound.protocol,
        address: Some(own).filter(|a| !a.is_unspecified()),
        of_machine: false,
        by: bound.program(),
    };
    Failure {
        place: Some(publish.place.clone()),
        ..Failure::from(reason)
    }
}

fn publish_of(publishes: &[Publish], port: u16, protocol: Protocol) -> Option<&Publish> {
    let mut all = publishes.iter();
    all.find(|p| p.protocol == protocol && p.host_ports.contains(port))
}
