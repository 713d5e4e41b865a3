//! The transaction: everything that makes a project match its file, completely or not at all.
//!
//! A run has four stages. Each one undoes itself when a later one fails:
//!
//! 1. **Listeners** (`ports`): ports on localhost are bound before anything is built, so that a
//!    port in use is detected before anything is changed.
//! 2. **Kernel** (`build`): the steps of the plan, with the record written before and after, and
//!    the addresses claimed (`leases`).
//! 3. **Files**: hosts and resolv.conf of the nodes.
//! 4. **Programs** (`programs`, `ready`): the keeper starts, stops and retargets, and the run
//!    waits until every program is ready.
//!
//! The command line, runtimes and tests call [`Engine::up`], [`Engine::edit`],
//! [`Engine::attach`], [`Engine::detach`] and [`Engine::down`]; there is no other way to change a
//! project.

mod attempt;
mod build;
mod down;
mod edit;
mod endpoint;
mod firewalls;
mod leases;
mod listeners;
mod ports;
mod programs;
mod published;
mod ready;
mod repair;
mod settings;
mod stricter;
mod translated;
mod undo;

use std::time::Duration;

use hallway_plan::Settled;
use hallway_plan::firewall_accepts::Firewall;
use hallway_plan::settled::PolicySide;
use hallway_plan::target::Setting;
use hallway_spec::{Action, Name, PolicyService, Protocol, Topology};

use crate::event::{Event, Reporter, Warning};
use crate::{Cancel, Engine, Failure, Lock, Planned, Reason};

pub use down::Removed;
pub use edit::{EditError, Edited, NewEndpoint};
pub(crate) use listeners::without_packets;
pub use programs::{desired, log_file, times_file};
pub use repair::Extent;

/// The requested state of a project.
#[derive(Debug, Clone, Copy)]
pub struct RequestedState<'a> {
    /// The topology.
    pub topology: &'a Topology,
    /// The text it was read from, kept on record so that it can be edited and exported.
    pub source: &'a str,
    /// The file the text was read from, without symbolic links: the base of relative paths. `None`
    /// for text alone.
    pub path: Option<&'a str>,
    /// How long programs may take to become ready.
    pub ready_limit: Duration,
    /// Whether the run fails, too, if a program does that may fail (`may_fail`). What was built stays then.
    pub all_ready: bool,
    /// Whether the keeper repairs what other programs change.
    pub repair: bool,
    /// Firewalls of other programs that get an accept for the project's links, if they exist. An edit does
    /// not change them.
    pub allow_through: &'a [Firewall],
    /// Whether a project that was built from another file is replaced; without this it is refused.
    pub replace: bool,
}

/// Where the text of a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A file, as it was read.
    File,
    /// The text on record with one thing changed.
    Edit,
}

/// The caller: where events are sent, and how the call is cancelled.
pub struct Caller<'a> {
    /// Receives events.
    pub reporter: &'a mut dyn Reporter,
    /// Stops the run before its next step.
    pub cancel: &'a Cancel,
}

impl std::fmt::Debug for Caller<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("cancel", self.cancel)
            .finish_non_exhaustive()
    }
}

impl Caller<'_> {
    fn report(&mut self, event: Event) {
        self.reporter.report(event);
    }

    fn warn(&mut self, warning: Warning) {
        self.report(Event::Warning(warning));
    }
}

/// A project that has been built. The scope stays locked until this value is dropped, so that the
/// caller can examine what was built and still restore the former state.
#[derive(Debug)]
#[must_use = "dropping it keeps what was built; call `roll_back` to restore what was there before"]
pub struct Applied<'e> {
    engine: &'e Engine,
    /// The plan that was carried out, with what was on record before.
    pub planned: Planned,
    /// Whether anything had to be changed.
    pub changed: bool,
    /// What could not be made so inside a node, of which the caller has been warned.
    pub inside: Option<Failure>,
    _lock: Lock,
}

impl Applied<'_> {
    /// As dropping it, for a process that ends now: memory that the process had is released at once,
    /// and value by value in a time that grows with the project.
    pub fn unlock(self) {
        drop(self._lock);
        std::mem::forget(self.planned);
    }

    /// Restores the former state: the kernel's state, listeners and programs.
    ///
    /// # Errors
    /// The step that failed.
    pub fn roll_back(self, caller: &mut Caller<'_>) -> Result<(), Failure> {
        caller.report(Event::Restoring);
        self.engine.put_back(&self.planned, caller)
    }
}

impl Planned {
    /// The file that the project was built from, if that is another one than `path`. A project is
    /// changed by its own file, not by another with the same project name.
    #[must_use]
    pub fn other_file(&self, path: &str) -> Option<&str> {
        let record = self.record.as_ref().filter(|r| r.applied.is_some());
        let built_from = record.and_then(|r| r.path.as_deref());
        built_from.filter(|built_from| *built_from != path)
    }
}

fn same_file(planned: &Planned, request: &RequestedState<'_>) -> Result<(), Failure> {
    let other = request
        .path
        .and_then(|given| Some((given, planned.other_file(given)?)));
    other.map_or(Ok(()), |(given, built_from)| {
        Err(Reason::OtherFile {
            project: request.topology.name.clone(),
            built_from: built_from.to_owned(),
            given: given.to_owned(),
        }
        .into())
    })
}

impl Engine {
    /// Makes a project match the request, completely or not at all; with `all_ready` it stays as built without a
    /// program that failed.
    ///
    /// # Errors
    /// The stage that failed. The former state has been restored; what could not be restored is in
    /// [`Failure::also`]. The project stays up if [`Reason::NotReady`] says so.
    pub fn up(
        &self,
        request: &RequestedState<'_>,
        caller: &mut Caller<'_>,
    ) -> Result<Applied<'_>, Failure> {
        // A keeper that does not answer is reported before others have to wait for the lock.
        self.keeper(&request.topology.name, caller.cancel)?;
        let lock = self.lock(Some(&request.topology.name), caller)?;
        self.up_locked(request, Origin::File, lock, caller)
    }

    /// An edit is planned narrowly: see [`Engine::plan_to`].
    fn up_locked(
        &self,
        request: &RequestedState<'_>,
        origin: Origin,
        lock: Lock,
        caller: &mut Caller<'_>,
    ) -> Result<Applied<'_>, Failure> {
        let mut planned = match origin {
            Origin::Edit => self.plan_to(request.topology, true, None)?,
            Origin::File => self.plan_to(request.topology, false, Some(request.allow_through))?,
        };
        if !request.replace {
            same_file(&planned, request)?;
        }
        if origin == Origin::Edit {
            planned.leave_ended(caller);
            let before = planned.record.as_ref();
            planned.edited_from = Some(before.map_or_else(String::new, |r| {
                r.edited_from.clone().unwrap_or_else(|| r.source.clone())
            }));
        }
        caller.report(Event::Planned {
            steps: planned.plan.steps.len(),
        });
        if let Some(record) = planned
            .record
            .as_ref()
            .filter(|_| !planned.plan.steps.is_empty())
        {
            self.store().check_netns_directory(&record.inodes)?;
        }
        let listeners = self.bind_listeners(&planned, caller)?;
        self.warn_of_missing_addresses(&planned, caller);
        let in_sandbox = self.workplace().porter.is_some();
        warn_of_names(&planned, in_sandbox, caller);
        warn_of_ipv6(&planned, caller);
        for difference in &planned.plan.left {
            let difference = Box::new(difference.clone());
            caller.warn(Warning::LeftToOthers { difference });
        }
        let starting = self.begin_keeper(&planned, caller.cancel)?;
        let (record, inside) = self.build(&planned, request, caller)?;
        if let Some(failure) = inside.clone() {
            caller.warn(Warning::NodeNotKept(Box::new(failure)));
        }
        let programs = self
            .warn_of_firewalls(&planned, caller)
            .and_then(|()| self.start_programs(&planned, &record, starting, listeners, caller));
        let ready = programs.and_then(|started| {
            lock.without_scope(|| started.wait(request, caller))?;
            Ok(started.changes)
        });
        match ready {
            Ok(programs) => Ok(Applied {
                engine: self,
                changed: programs > 0
                    || !planned.plan.steps.is_empty()
                    || !planned.plan.names.is_empty(),
                inside,
                planned,
                _lock: lock,
            }),
            Err(failure) => Err(self.after_failure(failure, &planned, caller)),
        }
    }

    /// Restores the former state after a failure, unless the project stays up.
    fn after_failure(
        &self,
        mut failure: Failure,
        planned: &Planned,
        caller: &mut Caller<'_>,
    ) -> Failure {
        if failure.leaves_project_up() {
            return failure;
        }
        caller.report(Event::Restoring);
        stricter::name(&mut failure, planned);
        failure.also.extend(self.put_back(planned, caller).err());
        failure
    }

    /// The lock of this scope, and of the project if there is one; one event is reported if it is not
    /// free.
    ///
    /// # Errors
    /// When the lock file cannot be used, or the caller cancels.
    pub fn lock(&self, project: Option<&Name>, caller: &mut Caller<'_>) -> Result<Lock, Failure> {
        let Caller { reporter, cancel } = caller;
        Lock::take(self.scope(), project, cancel, || {
            reporter.report(Event::WaitingForLock)
        })
    }

    /// Warns of published addresses that the host does not have.
    fn warn_of_missing_addresses(&self, planned: &Planned, caller: &mut Caller<'_>) {
        if self.workplace().porter.is_some() {
            return; // what is published on an address is served on the real host's
        }
        let settled = &planned.settled;
        let mut named: std::collections::BTreeSet<std::net::IpAddr> = settled
            .publishes
            .iter()
            .filter_map(|p| p.host_address)
            .filter(|a| !a.is_loopback())
            .collect();
        let held = &planned.observed.host.addresses;
        named.retain(|a| held.iter().all(|s| s.net.addr() != *a));
        for gateway in settled.networks.iter().flat_map(|n| n.gateways()) {
            named.remove(&gateway);
        }
        for address in named {
            caller.warn(Warning::AddressMissing {
                address,
                in_sandbox: false,
            });
        }
    }
}

/// Warns of a host without IPv6, if nodes of the project would use it to reach the outside.
fn warn_of_ipv6(planned: &Planned, caller: &mut Caller<'_>) {
    let outside = planned.settled.inner_networks().filter(|n| !n.internal);
    let mut subnets = outside.flat_map(|n| &n.subnets);
    if !subnets.any(|s| matches!(s.net, ipnet::IpNet::V6(_))) {
        return;
    }
    let links = &planned.observed.host.links;
    let of_others = |alias: Option<&str>| alias.and_then(hallway_plan::mark::parse_alias).is_none();
    let off: Vec<bool> = links
        .iter()
        .filter(|l| l.up && l.name != "lo" && of_others(l.alias.as_deref()))
        .filter_map(|l| Some(*l.settings.get(&Setting::DisableIpv6)? == 1))
        .collect();
    if !off.is_empty() && off.iter().all(|off| *off) {
        caller.warn(Warning::Ipv6Off);
    }
}

/// Names and name servers that nodes do not have.
fn warn_of_names(planned: &Planned, in_sandbox: bool, caller: &mut Caller<'_>) {
    for (file, lost) in crate::etc::without_place(&planned.settled) {
        caller.warn(Warning::NoFile { file, lost });
    }
    warn_of_name_servers(planned, in_sandbox, caller);
}

/// Nodes that reach the outside and have no name servers of their own get those of the host.
fn warn_of_name_servers(planned: &Planned, in_sandbox: bool, caller: &mut Caller<'_>) {
    let settled = &planned.settled;
    let outside = |name: &Name| {
        let network = settled.network(name);
        network.is_some_and(|n| !n.internal && !n.outside)
    };
    let mut nodes = settled.nodes.iter().filter(|n| n.dns.is_empty());
    if !nodes.any(|n| n.ports().any(|(_, network, _)| outside(network))) {
        return;
    }
    let found = crate::names::of_host();
    let seen = planned.observed.host.addresses.iter();
    let host: Vec<std::net::IpAddr> = seen.map(|a| a.net.addr()).collect();
    let own = found.of_own_addresses(&host);
    if let Some(why) = found.unread {
        let file = crate::etc::RESOLV_CONF;
        caller.warn(Warning::UnreadNameServers { file, why });
    } else if !found.unreachable.is_empty() {
        let servers = found.unreachable;
        caller.warn(Warning::NameServers { servers });
    } else if !own.is_empty() && (in_sandbox || !may_query_host(settled)) {
        let servers = own;
        caller.warn(Warning::OwnNameServers {
            servers,
            in_sandbox,
        });
    }
}

/// Whether a policy allows some node to reach name servers of the host.
fn may_query_host(settled: &Settled) -> bool {
    let asks = |service: &PolicyService| match service {
        PolicyService::Ports(range, Protocol::Udp) => range.contains(53),
        PolicyService::Protocol(protocol) => *protocol == Protocol::Udp,
        _ => false,
    };
    settled.policies.iter().any(|policy| {
        // A prefix may contain an address of the host.
        let to_host = |(_, to): &(PolicySide, PolicySide)| *to != PolicySide::Outside;
        policy.action == Action::Allow
            && policy.pairs.iter().any(to_host)
            && (policy.services.is_empty() || policy.services.iter().any(asks))
    })
}
