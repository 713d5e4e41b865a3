//! A scope (the host, or a sandbox) with its projects: plan, apply, undo, remove.

use std::path::{Path, PathBuf};

use hallway_kernel::{Kernel, netns};
use hallway_plan::diff::Recorded;
use hallway_plan::{Observed, Plan, Settled, Surroundings, diff, mark, settle};
use hallway_spec::{Name, Topology};

use crate::door::Door;
use crate::observe::{self, NETNS_DIRECTORY, observe};
use crate::{Failure, Lock, Record, interrupt, record};

/// The engine for one scope; it acts on the network namespace its thread is in.
#[derive(Debug, Clone)]
pub struct Engine {
    scope: PathBuf,
}

/// A plan with all it was made from.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The steps.
    pub plan: Plan,
    /// What will be there.
    pub settled: Settled,
    /// What was on record.
    pub record: Option<Record>,
}

/// What is there of a project, for people and programs.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The record, if there is one.
    pub record: Option<Record>,
    /// The kernel's state.
    pub observed: Observed,
}

impl Engine {
    /// The engine of the scope whose state is in that directory.
    #[must_use]
    pub fn new(scope: &Path) -> Self {
        Self {
            scope: scope.to_owned(),
        }
    }

    /// Waits until no other hallway changes this scope.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn lock(&self, waiting: impl FnOnce()) -> Result<Lock, Failure> {
        Lock::take(&self.scope, waiting)
    }

    /// Removes the scope's directory if no project is left and nobody is at work.
    pub fn tidy(&self) {
        let Some(_lock) = Lock::try_take(&self.scope) else {
            return;
        };
        if self.projects().is_empty() {
            std::fs::remove_file(self.scope.join("lock")).ok();
            std::fs::remove_dir(&self.scope).ok();
        }
    }

    /// Every project with a record.
    #[must_use]
    pub fn projects(&self) -> Vec<Name> {
        record::projects(&self.scope)
    }

    /// A project's record.
    #[must_use]
    pub fn record(&self, project: &Name) -> Option<Record> {
        record::load(&self.scope, project)
    }

    /// Where a project's files are.
    #[must_use]
    pub fn directory(&self, project: &Name) -> PathBuf {
        record::directory(&self.scope, project)
    }

    /// What is there.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn see(&self, project: &Name) -> Result<Seen, Failure> {
        // Reading a large record takes about as long as asking the kernel.
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| self.record(project));
            let mut observed = observe::network()?;
            let record = reader.join().unwrap_or_default();
            observed.namespaces = observe::namespaces(project, record.as_ref())?;
            Ok(Seen { record, observed })
        })
    }

    /// The steps from what is there to what the topology says.
    ///
    /// # Errors
    /// Conflicts with what is there.
    pub fn plan(&self, topology: &Topology) -> Result<Planned, Failure> {
        let Seen { record, observed } = self.see(&topology.name)?;
        self.plan_from(topology, record, &observed)
    }

    /// How many steps would bring the kernel back to what is on record.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn drift(&self, project: &Name) -> Result<usize, Failure> {
        let Seen { record, observed } = self.see(project)?;
        let Some(applied) = record.as_ref().and_then(|r| r.applied.as_ref()) else {
            return Ok(0);
        };
        Ok(
            diff(project, recorded(record.as_ref()), Some(applied), &observed)
                .steps
                .len(),
        )
    }

    /// Projects that have left marks in the kernel but are not on record.
    ///
    /// # Errors
    /// When the kernel cannot be asked.
    pub fn strays(&self) -> Result<Vec<Name>, Failure> {
        let nobody: Name = "nobody"
            .parse()
            .map_err(|_invalid| Failure::new("bug", "an invalid name"))?;
        let observed = observe(&nobody, None)?;
        let aliases = observed
            .links
            .iter()
            .filter_map(|l| Some(mark::parse_alias(l.alias.as_deref()?)?.0));
        let owners = observed
            .namespaces
            .iter()
            .filter_map(|n| Some(n.owner.as_ref()?.0.clone()));
        let tables = observed.tables.iter().map(|t| t.project.clone());
        let marked: std::collections::BTreeSet<Name> =
            aliases.chain(owners).chain(tables).collect();
        let known = self.projects();
        Ok(marked
            .into_iter()
            .filter(|name| !known.contains(name))
            .collect())
    }

    /// The steps if nothing at all were there: what a sandbox that does not run yet would see.
    ///
    /// # Errors
    /// Never in practice.
    pub fn plan_afresh(topology: &Topology) -> Result<Planned, Failure> {
        let observed = Observed::default();
        let settled = settle(
            topology,
            None,
            &Surroundings::new(&topology.name, &observed, &[]),
        )
        .map_err(conflicts)?;
        let plan = diff(
            &topology.name,
            Recorded::default(),
            Some(&settled),
            &observed,
        );
        Ok(Planned {
            plan,
            settled,
            record: None,
        })
    }

    fn plan_from(
        &self,
        topology: &Topology,
        record: Option<Record>,
        observed: &Observed,
    ) -> Result<Planned, Failure> {
        let applied = record.as_ref().and_then(|r| r.applied.as_ref());
        let pending = record.as_ref().and_then(|r| r.pending.as_ref());
        let known: Vec<&Settled> = pending.into_iter().chain(applied).collect();
        let around = Surroundings::new(&topology.name, observed, &known);
        let settled = settle(topology, applied, &around).map_err(conflicts)?;
        check_filter(&settled)?;
        let plan = diff(
            &topology.name,
            recorded(record.as_ref()),
            Some(&settled),
            observed,
        );
        Ok(Planned {
            plan,
            settled,
            record,
        })
    }

    /// Carries out a plan. If a step fails, what was there before is restored.
    ///
    /// # Errors
    /// The step that failed, with what could not be undone, if anything.
    pub fn apply(
        &self,
        planned: &Planned,
        source: (&str, Option<&str>),
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Record, Failure> {
        let project = &planned.settled.project;
        let mut record = planned
            .record
            .clone()
            .unwrap_or_else(|| Record::new(source.0.to_owned(), source.1.map(str::to_owned)));
        let unchanged = planned.plan.steps.is_empty();
        if unchanged
            && record.pending.is_none()
            && record.applied.as_ref() == Some(&planned.settled)
            && record.source == source.0
        {
            return Ok(record);
        }
        self.carry_through(planned, source, &mut record, progress)
            .map_err(|mut failure| {
                failure.also.extend(self.undo(project).err());
                failure
            })?;
        Ok(record)
    }

    /// The record is written before anything is done and again when all is done.
    fn carry_through(
        &self,
        planned: &Planned,
        source: (&str, Option<&str>),
        record: &mut Record,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<(), Failure> {
        let (project, settled) = (&planned.settled.project, &planned.settled);
        if !planned.plan.steps.is_empty() {
            record.intend(&self.scope, project, settled)?;
            record::save(&self.scope, project, record)?;
            if !settled.nodes.is_empty() {
                self.make_netns_directory()?;
            }
        }
        let mut progress = |position, length| {
            progress(position, length);
            interrupt::check()
        };
        let made = carry_out_while(project, Some(settled), &planned.plan, &mut progress)?;
        record.inodes = inodes(record, settled, made);
        if planned.plan.steps.is_empty() {
            record.intend(&self.scope, project, settled)?;
        }
        record.fulfil();
        record.source = source.0.to_owned();
        record.path = source.1.map(str::to_owned);
        self.write_files(settled)?;
        record::save(&self.scope, project, record)
    }

    /// Back to the last complete state, or to nothing, from wherever an unfinished run stopped.
    ///
    /// # Errors
    /// The step that failed.
    pub fn undo(&self, project: &Name) -> Result<(), Failure> {
        let Seen { record, observed } = self.see(project)?;
        let Some(mut record) = record else {
            return record::remove(&self.scope, project);
        };
        let Some(applied) = record.applied.clone() else {
            return self.down(project, &mut |_, _| {}).map(|_| ());
        };
        let plan = diff(project, recorded(Some(&record)), Some(&applied), &observed);
        let made = carry_out(project, Some(&applied), &plan, &mut |_, _| {})?;
        record.inodes = inodes(&record, &applied, made);
        record.abandon();
        self.write_files(&applied)?;
        record::save(&self.scope, project, &record)
    }

    /// Back to what an earlier record describes, after a later one was carried out.
    ///
    /// # Errors
    /// The step that failed.
    pub fn restore(&self, project: &Name, earlier: &Record) -> Result<(), Failure> {
        let Seen { record, observed } = self.see(project)?;
        let (Some(mut record), Some(target)) = (record, earlier.applied.clone()) else {
            return Ok(());
        };
        let plan = diff(project, recorded(Some(&record)), Some(&target), &observed);
        record.intend(&self.scope, project, &target)?;
        record::save(&self.scope, project, &record)?;
        let made = carry_out(project, Some(&target), &plan, &mut |_, _| {})?;
        record.inodes = inodes(&record, &target, made);
        record.fulfil();
        record.source.clone_from(&earlier.source);
        record.path.clone_from(&earlier.path);
        self.write_files(&target)?;
        record::save(&self.scope, project, &record)
    }

    /// Removes everything that bears the project's mark. Returns how many steps that took.
    ///
    /// # Errors
    /// The step that failed; what is left is still marked and recorded.
    pub fn down(
        &self,
        project: &Name,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<usize, Failure> {
        let Seen { record, observed } = self.see(project)?;
        let plan = diff(project, recorded(record.as_ref()), None, &observed);
        let settled = record.as_ref().and_then(|r| r.applied.as_ref());
        if !plan.steps.is_empty() {
            carry_out(project, None, &plan, progress)?;
        }
        let count = plan.steps.len() + usize::from(settled.is_some() && plan.steps.is_empty());
        record::remove(&self.scope, project)?;
        self.release_netns_directory();
        Ok(count)
    }

    fn make_netns_directory(&self) -> Result<(), Failure> {
        let made = Kernel::new()
            .ensure_netns_directory(Path::new(NETNS_DIRECTORY))
            .map_err(|e| {
                Failure::kernel(
                    "netns-directory",
                    format!("{NETNS_DIRECTORY} cannot hold namespaces"),
                    e,
                )
            })?;
        if made.directory || made.mount {
            let note = format!("{} {}", u8::from(made.directory), u8::from(made.mount));
            record::write_whole(&self.scope.join("netns-directory"), note.as_bytes())?;
        }
        Ok(())
    }

    /// When the last project goes, so does the directory, if hallway made it and it is empty.
    fn release_netns_directory(&self) {
        let note = self.scope.join("netns-directory");
        if !self.projects().is_empty() {
            return;
        }
        if let Ok(text) = std::fs::read_to_string(&note) {
            let mut flags = text.split(' ').map(|f| f == "1");
            let made = netns::Made {
                directory: flags.next().unwrap_or(false),
                mount: flags.next().unwrap_or(false),
            };
            let directory = Path::new(NETNS_DIRECTORY);
            Kernel::new().release_netns_directory(directory, made).ok();
            std::fs::remove_file(&note).ok();
        }
    }
}

fn recorded(record: Option<&Record>) -> Recorded<'_> {
    record.map_or_else(Recorded::default, |r| Recorded {
        applied: r.applied.as_ref(),
        pending: r.pending.as_ref(),
        inodes: &r.inodes,
    })
}

fn carry_out(
    project: &Name,
    wanted: Option<&Settled>,
    plan: &Plan,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Vec<(String, u64)>, Failure> {
    carry_out_while(project, wanted, plan, &mut |position, length| {
        progress(position, length);
        Ok(())
    })
}

/// As [`carry_out`], as long as `before` each step all is well.
fn carry_out_while(
    project: &Name,
    wanted: Option<&Settled>,
    plan: &Plan,
    before: &mut dyn FnMut(usize, usize) -> Result<(), Failure>,
) -> Result<Vec<(String, u64)>, Failure> {
    let mut door = Door::open(project, wanted, &plan.steps)?;
    for (position, step) in plan.steps.iter().enumerate() {
        before(position, plan.steps.len())?;
        door.step(&step.op).map_err(|error| {
            let words = step.describe();
            Failure::kernel(
                "step-failed",
                format!(
                    "could not {} {} {} (step {} of {})",
                    words.action,
                    words.kind,
                    words.name,
                    position + 1,
                    plan.steps.len()
                ),
                error,
            )
        })?;
    }
    door.close()
        .map_err(|e| Failure::kernel("step-failed", "could not create a namespace", e))
}

/// The inode numbers of every namespace of the project that is in place.
fn inodes(record: &Record, settled: &Settled, made: Vec<(String, u64)>) -> Vec<(String, u64)> {
    let fresh: std::collections::BTreeSet<&str> = made.iter().map(|(n, _)| n.as_str()).collect();
    let wanted: std::collections::BTreeSet<&str> =
        settled.nodes.iter().map(|n| n.netns.as_str()).collect();
    let kept = record
        .inodes
        .iter()
        .filter(|(n, _)| !fresh.contains(n.as_str()) && wanted.contains(n.as_str()));
    let mut out: Vec<(String, u64)> = kept.cloned().collect();
    out.extend(made);
    out.sort();
    out
}

fn conflicts(conflicts: Vec<hallway_plan::Conflict>) -> Failure {
    let mut failures = conflicts.into_iter().map(|c| Failure {
        place: Some(c.place),
        ..Failure::new(c.code, c.message).help(c.help)
    });
    let first = failures
        .next()
        .unwrap_or_else(|| Failure::new("bug", "a conflict without a reason"));
    Failure {
        also: failures.collect(),
        ..first
    }
}

/// Policies between members of one bridge need br_netfilter; without it they would silently do nothing.
fn check_filter(settled: &Settled) -> Result<(), Failure> {
    let Some(network) = settled.networks.iter().find(|n| n.filtered) else {
        return Ok(());
    };
    if Path::new("/proc/sys/net/bridge").exists() {
        return Ok(());
    }
    Err(Failure {
        place: Some(network.place.clone()),
        ..Failure::new(
            "no-br-netfilter",
            format!("a policy denies members of network {} one another, but this kernel has br_netfilter not loaded", network.name),
        )
        .help("load it (modprobe br_netfilter), or give the network mode: routed")
    })
}
