//! A scope (the host, or a sandbox) with its projects: reading the state, and planning. Changes are
//! in [`crate::transaction`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hallway_kernel::Kernel;
use hallway_kernel::gate::Gate;

use hallway_plan::diff::{Recorded, affected};
use hallway_plan::firewall_accepts::Firewall;
use hallway_plan::observed::Seen;
use hallway_plan::{Observed, Plan, Settled, Surroundings, diff, settle};
use hallway_spec::{Name, Topology};
use ipnet::IpNet;

use crate::account::{CallingUser, allow_programs};
use crate::dropped::dropped;
use crate::keeper::Porter;
use crate::needs;
use crate::observe::{self, Depth};
use crate::record::{self, Store};
use crate::{Failure, Reason, Record};

/// What the engine needs from the process that uses it: the program of its helper processes, and
/// where ports of the real host are bound.
#[derive(Debug, Default)]
pub struct Workplace {
    /// The program that keepers are started from; it must understand their arguments.
    pub program: PathBuf,
    /// The process whose namespaces are the sandbox; `None` on the host.
    pub holder: Option<i32>,
    /// Binds ports on the real host for a sandbox; without it none are served there.
    pub porter: Option<Porter>,
    /// The soft limit on open files that programs get; none: this process's own.
    pub open_files: Option<u64>,
    /// The environment of keepers and of programs, without what the file adds.
    pub environment: BTreeMap<OsString, OsString>,
    /// The calling user, if it is not the user of this process: programs run as that user unless
    /// the file specifies another.
    pub caller: Option<CallingUser>,
    /// The scope whose state cannot be used: what is in the kernel of its projects belongs to this one.
    pub instead_of: Option<PathBuf>,
    /// Every kernel operation passes this; by default nothing is counted or refused.
    pub gate: Option<Arc<dyn Gate>>,
}

/// The engine for one scope; it acts on the network namespace its thread is in.
///
/// It reads no environment variable, prints nothing and keeps no global state.
#[derive(Debug)]
pub struct Engine {
    scope: PathBuf,
    workplace: Workplace,
}

/// A plan with everything it was made from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The steps.
    pub plan: Plan,
    /// The settled topology that it builds.
    pub settled: Settled,
    /// What was on record.
    pub record: Option<Record>,
    /// The kernel's state that it was made from.
    pub observed: Observed,
    /// The namespaces that were examined.
    pub(crate) depth: Depth,
    /// What is removed although it was added by a command, like `deny a → b`: it is not in the
    /// file.
    pub dropped: Vec<String>,
    /// The text before the first of the edits on record, once this has been built; `None` if a file
    /// is built.
    pub(crate) edited_from: Option<String>,
}

/// The state of a project, for messages and JSON.
#[derive(Debug, Clone)]
pub struct ProjectState {
    /// The record, if there is one that can be read.
    pub record: Option<Record>,
    /// Why the record, or the notes of the scope, cannot be used, if they cannot.
    pub unreadable: Option<Failure>,
    /// Why the project's keeper did not answer, if it did not.
    pub silent: Option<Failure>,
    /// The kernel's state.
    pub observed: Observed,
}

impl Engine {
    /// The engine of the scope whose state is in that directory.
    #[must_use]
    pub fn new(scope: &Path, workplace: Workplace) -> Self {
        Self {
            scope: scope.to_owned(),
            workplace,
        }
    }

    /// The directory of the scope's state.
    #[must_use]
    pub fn scope(&self) -> &Path {
        &self.scope
    }

    /// The directory of the scope's state that marks in the kernel name.
    pub(crate) fn marked_scope(&self) -> &Path {
        self.workplace.instead_of.as_deref().unwrap_or(&self.scope)
    }

    /// A handle on the kernel, whose operations pass the gate.
    pub(crate) fn kernel(&self) -> Kernel {
        let gate = self.workplace.gate.as_ref();
        gate.map_or_else(Kernel::new, |gate| Kernel::with_gate(Arc::clone(gate)))
    }

    /// The state of the scope, written through the gate.
    pub(crate) fn store(&self) -> Store {
        Store::new(self.kernel(), &self.scope)
    }

    pub(crate) fn workplace(&self) -> &Workplace {
        &self.workplace
    }

    /// Every project with a record.
    #[must_use]
    pub fn projects(&self) -> Vec<Name> {
        record::projects(&self.scope)
    }

    /// A project's record; `None` if there is none.
    ///
    /// # Errors
    /// When there is one that cannot be read, or that another version of hallway wrote.
    pub fn record(&self, project: &Name) -> Result<Option<Record>, Failure> {
        let mut record = record::load(&self.scope, project)?;
        for settled in record.iter_mut().flat_map(Record::settled_mut) {
            observe::joined::look_up(settled);
        }
        Ok(record)
    }

    /// The file that a project was built from, if there is one.
    ///
    /// # Errors
    /// As [`Self::record`].
    pub fn built_from(&self, project: &Name) -> Result<Option<String>, Failure> {
        record::built_from(&self.scope, project)
    }

    /// Where a project's files are.
    #[must_use]
    pub fn directory(&self, project: &Name) -> PathBuf {
        record::directory(&self.scope, project)
    }

    /// The state of a project.
    ///
    /// # Errors
    /// When the kernel's state cannot be read. A record that cannot be read is not an error here:
    /// the objects it described are found by their marks.
    pub fn inspect(&self, project: &Name) -> Result<ProjectState, Failure> {
        self.observe(project, &Depth::Inside)
    }

    /// As [`Self::inspect`]; named namespaces are examined to this depth.
    pub(crate) fn observe(&self, project: &Name, depth: &Depth) -> Result<ProjectState, Failure> {
        let mut kernel = self.kernel();
        let directory = self.directory(project);
        let loaded = OnceLock::new();
        let load = || loaded.get_or_init(|| self.record(project));
        let mut network = || -> Result<_, Failure> {
            let mut observed = observe::network(&mut kernel, project)?;
            let (keeper, silent) = observe::keeper(&directory);
            observed.keeper = keeper;
            let notes = self.store().host_settings_of(&observed.host);
            if *depth == Depth::Inside {
                observed.files = Seen::Present(self.seen_files(project));
            }
            if let Ok(Some(Record {
                applied: Some(applied),
                ..
            })) = load()
            {
                let found = observe::forwarding(&mut kernel, applied, &observed.host)?;
                observed.host.forwarding = found;
            }
            Ok((observed, silent, notes))
        };
        let of_namespaces = self.kernel();
        let namespaces = || {
            let record = load().as_ref().ok().and_then(Option::as_ref);
            let read = observe::namespaces(&of_namespaces, project, record, depth);
            read.map_err(Failure::from)
        };
        let (network, namespaces) = match record::is_large(&self.scope, project) {
            // Both take about as long.
            true => std::thread::scope(|scope| {
                let reader = scope.spawn(namespaces);
                let network = network();
                let panicked = || Failure::from(Reason::Bug("reading the namespaces panicked"));
                (network, reader.join().unwrap_or_else(|_| Err(panicked())))
            }),
            false => (network(), namespaces()),
        };
        let (mut observed, silent, notes) = network?;
        observed.namespaces = namespaces?;
        let (record, unreadable) = match loaded.into_inner().unwrap_or(Ok(None)) {
            Ok(record) => (record, None),
            Err(failure) => (None, Some(failure)),
        };
        let (noted, unread) = match notes {
            Ok(noted) => (noted, None),
            Err(failure) => (Vec::new(), Some(failure)),
        };
        observed.noted = noted;
        let unreadable = unreadable.or(unread);
        observed.joined = observe::joined::read(&kernel, &joined_on(record.as_ref()));
        Ok(ProjectState {
            record,
            unreadable,
            silent: silent.map(Failure::from),
            observed,
        })
    }

    /// The steps from the present state to the topology.
    ///
    /// # Errors
    /// Conflicts with existing objects, and a record of another version of hallway.
    pub fn plan(
        &self,
        topology: &Topology,
        allow_through: &[Firewall],
    ) -> Result<Planned, Failure> {
        self.plan_to(topology, false, Some(allow_through))
    }

    /// As [`Self::plan`]. A plan for the change of one object (`narrow`) does not examine the
    /// namespaces that the change does not concern: changes by other programs there stay until the next
    /// `up`. Without `allow_through` it stays as on record.
    pub(crate) fn plan_to(
        &self,
        topology: &Topology,
        narrow: bool,
        allow_through: Option<&[Firewall]>,
    ) -> Result<Planned, Failure> {
        let first = if narrow { Depth::Owners } else { Depth::Inside };
        let ProjectState {
            record,
            unreadable,
            mut observed,
            silent: _reported_on_connecting,
        } = self.observe(&topology.name, &first)?;
        if observed.keeper.present().is_none() {
            self.not_elsewhere(&topology.name)?;
        }
        if let Some(failure) = unreadable.filter(|f| !f.is_replaced_by_up()) {
            return Err(failure);
        }
        if topology.nodes.iter().any(|n| n.namespace.is_some()) {
            let mut wanted = joined_on(record.as_ref());
            wanted.add_topology(topology);
            observed.joined = observe::joined::read(&self.kernel(), &wanted);
        }
        let applied = record.as_ref().and_then(|r| r.applied.as_ref());
        let pending = record.as_ref().and_then(|r| r.pending.as_ref());
        let known: Vec<&Settled> = pending.into_iter().chain(applied).collect();
        if has_new_subnet(topology, applied) {
            observed.in_use = observe::in_use::read(&mut self.kernel())
                .map_err(|e| Failure::caused(Reason::Kernel, e))?;
        }
        let mut around = Surroundings::new(&topology.name, &observed, &known);
        around.sandbox = self.workplace.holder.is_some();
        let mut settled = settle(topology, applied, &around).map_err(conflicts)?;
        allow_programs(&mut settled, self.workplace.caller);
        if let Some(firewalls) = allow_through {
            settled.allow_through = firewalls.to_vec();
        }
        needs::check(&mut self.kernel(), &settled)?;
        self.agree(&settled)?;
        let depth = match (narrow, applied, pending) {
            (true, Some(applied), None) => Depth::Some(affected(applied, &settled)),
            _ => Depth::Inside,
        };
        if narrow {
            let project = &topology.name;
            observed.namespaces =
                observe::namespaces(&self.kernel(), project, record.as_ref(), &depth)?;
        }
        let plan = diff(
            &topology.name,
            recorded(record.as_ref()),
            Some(&settled),
            &observed,
        );
        Ok(Planned {
            dropped: dropped(record.as_ref(), &settled),
            edited_from: None,
            plan,
            settled,
            record,
            observed,
            depth,
        })
    }

    /// Fails if another project gives a setting of a namespace that both join another value.
    fn agree(&self, settled: &Settled) -> Result<(), Failure> {
        let mut joining = settled.nodes.iter().filter(|n| n.joined.is_some());
        if joining.all(|node| node.sysctls.is_empty()) {
            return Ok(());
        }
        for other in self.projects().iter().filter(|p| **p != settled.project) {
            let other = record::load(&self.scope, other)?.and_then(|r| r.applied);
            let found = other.and_then(|other| settle::contradiction(settled, &other));
            found.map_or(Ok(()), |found| Err(conflicts(vec![found])))?;
        }
        Ok(())
    }

    /// The destinations of every route of the scope, the subnets of its links, and addresses that it uses.
    pub(crate) fn prefixes_in_use(&self) -> Result<Vec<IpNet>, Failure> {
        let mut kernel = self.kernel();
        let routes = kernel
            .routes()
            .map_err(|e| Failure::caused(Reason::Kernel, e))?;
        let addresses = kernel
            .addresses()
            .map_err(|e| Failure::caused(Reason::Kernel, e))?;
        let used =
            observe::in_use::read(&mut kernel).map_err(|e| Failure::caused(Reason::Kernel, e))?;
        let used = used.into_iter().map(|u| IpNet::from(u.address));
        let addresses = addresses.into_iter().map(|a| a.net).chain(used);
        Ok(routes.into_iter().map(|r| r.to).chain(addresses).collect())
    }
}

/// Whether a network is to be built with a subnet that was not built before.
fn has_new_subnet(topology: &Topology, applied: Option<&Settled>) -> bool {
    let built = |network: &hallway_spec::Network| {
        let before = applied.and_then(|a| a.network(&network.name));
        before.is_some_and(|before| {
            let mut subnets = network.subnets.iter();
            subnets.all(|s| before.subnets.iter().any(|b| b.net == s.net))
        })
    };
    topology.networks.iter().any(|n| !built(n))
}

/// The namespaces of other programs that the nodes on record join.
pub(crate) fn joined_on(record: Option<&Record>) -> observe::joined::Wanted {
    let mut out = observe::joined::Wanted::default();
    let settled = record.into_iter();
    settled
        .flat_map(|r| r.applied.iter().chain(&r.pending))
        .for_each(|s| out.add(s));
    out
}

/// A record in the form that the planner uses.
pub(crate) fn recorded(record: Option<&Record>) -> Recorded<'_> {
    record.map_or_else(Recorded::default, |r| Recorded {
        applied: r.applied.as_ref(),
        pending: r.pending.as_ref(),
        inodes: &r.inodes,
        uplinks: &r.uplinks,
    })
}

pub(crate) fn conflicts(conflicts: Vec<hallway_plan::Conflict>) -> Failure {
    let failures = conflicts.into_iter().map(|conflict| {
        let place = conflict.place.clone();
        Failure::from(Reason::Conflict(conflict)).at(place)
    });
    Failure::of_many(failures)
        .unwrap_or_else(|| Reason::Bug("a plan was rejected without a conflict").into())
}
