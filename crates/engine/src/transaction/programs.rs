//! The tasks of a project's keeper: programs, and listeners on localhost.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hallway_plan::Settled;
use hallway_plan::exit::SeenProgram;
use hallway_plan::observed::{Seen, Uplink};
use hallway_plan::rules::Guarded;
use hallway_plan::settled::Publish;
use hallway_plan::step::{Cause, KeeperTask};
use hallway_plan::target::{localhost, on_machine};
use hallway_spec::Name;

use super::{Caller, RequestedState};
use crate::account;
use crate::event::Warning;
use crate::failure::NotReady;
use crate::keeper::{
    BoundSocket, Client, Desired, Forward, KeeperError, Listen, Namespace, Program, ProgramState,
    Start, Starting,
};
use crate::{Cancel, Engine, Failure, Planned, Reason, Record};

/// A project's programs, started.
pub(super) struct Started {
    client: Client,
    /// Those that the run waits for.
    programs: Vec<Program>,
    /// How much the keeper has changed.
    pub(super) changes: usize,
}

impl Started {
    /// Waits until they are ready.
    pub(super) fn wait(
        &self,
        request: &RequestedState<'_>,
        caller: &mut Caller<'_>,
    ) -> Result<(), Failure> {
        let mut programs = self.programs.clone();
        for program in &mut programs {
            program.may_fail &= !request.all_ready;
        }
        super::ready::wait(&self.client, &programs, request.ready_limit, caller).map_err(
            |mut failure| {
                if request.all_ready {
                    leave_up(&mut failure, &request.topology.name);
                }
                failure
            },
        )
    }
}

/// Notes that the project stays up without a program that failed: only what runs can be examined. One that
/// cannot be started is an error of the file.
fn leave_up(failure: &mut Failure, project: &Name) {
    let Reason::NotReady { why, left_up, .. } = &mut failure.reason else {
        return;
    };
    let started = match why {
        NotReady::Ended(end) => end.is_after_start(),
        NotReady::Late { .. } => true,
    };
    *left_up = started.then(|| project.clone());
}

impl Engine {
    /// Starts, stops and retargets until the keeper does exactly what is wanted.
    pub(super) fn start_programs(
        &self,
        planned: &Planned,
        record: &Record,
        starting: Option<Starting>,
        listeners: Vec<BoundSocket>,
        caller: &mut Caller<'_>,
    ) -> Result<Started, Failure> {
        let wanted = desired(self, &planned.settled, record)?;
        let client = match starting {
            Some(starting) => starting.connect(caller.cancel)?,
            None => self.with_start(&planned.settled.project, caller.cancel, Client::start)?,
        };
        let mut changes = client.sync(&wanted, listeners)?;
        let ended: Vec<&str> = ended(planned).collect();
        if !ended.is_empty() {
            // The keeper may have started some again meanwhile: those go on.
            let now = client.programs()?.into_iter();
            let is_ended = |s| matches!(s, ProgramState::Exited | ProgramState::Restarting);
            let still = now.filter(|p| is_ended(p.state) && ended.contains(&p.node.as_str()));
            for program in still {
                client.restart(&program.node)?;
                changes += 1;
            }
        }
        let mut programs = wanted.programs;
        if planned.edited_from.is_some() {
            concerned(planned, &mut programs);
        }
        Ok(Started {
            client,
            programs,
            changes,
        })
    }

    /// Starts the project's keeper in the background if none runs, so that it is ready when the
    /// network is built.
    pub(super) fn begin_keeper(
        &self,
        planned: &Planned,
        cancel: &Cancel,
    ) -> Result<Option<Starting>, Failure> {
        let project = &planned.settled.project;
        if planned.observed.keeper != Seen::Absent {
            return Ok(None);
        }
        Ok(Some(self.with_start(project, cancel, Starting::begin)?))
    }

    fn with_start<T>(
        &self,
        project: &Name,
        cancel: &Cancel,
        start: impl FnOnce(&Start<'_>) -> Result<T, KeeperError>,
    ) -> Result<T, Failure> {
        let directory = self.directory(project);
        self.store().ensure_directory(&directory.join("logs"))?;
        let workplace = self.workplace();
        Ok(start(&Start {
            program: &workplace.program,
            project: project.as_ref(),
            scope: self.scope(),
            directory: &directory,
            holder: workplace.holder,
            open_files: workplace.open_files,
            environment: &workplace.environment,
            cancel,
        })?)
    }
}

impl Engine {
    /// The project's keeper, if it runs.
    ///
    /// # Errors
    /// When it does not answer or is of another version, or the caller cancels.
    pub fn keeper(&self, project: &Name, cancel: &Cancel) -> Result<Option<Client>, Failure> {
        Ok(Client::connect(&self.directory(project), cancel)?)
    }

    /// See [`Client::end`].
    pub(super) fn end_keeper(
        &self,
        project: &Name,
        inodes: &[u64],
        cancel: &Cancel,
    ) -> Result<bool, Failure> {
        let directory = self.directory(project);
        Ok(Client::end(&directory, project.as_ref(), inodes, cancel)?)
    }
}

impl Planned {
    /// Leaves programs that have ended as they are: only `up`, `start` and `restart` start them, an edit names them.
    pub(super) fn leave_ended(&mut self, caller: &mut Caller<'_>) {
        let programs = self.plan.leave_ended(self.observed.keeper.present());
        if !programs.is_empty() {
            caller.warn(Warning::NotRunning { programs });
        }
    }
}

/// Keeps the programs that an edit starts, and those that they depend on: what others do does not make it fail.
fn concerned(planned: &Planned, programs: &mut Vec<Program>) {
    let started = planned
        .plan
        .keeper
        .iter()
        .filter_map(|step| match &step.task {
            KeeperTask::Program { node, .. } => Some(node.to_string()),
            _ => None,
        });
    let mut wanted: BTreeSet<String> = BTreeSet::new();
    let mut open: Vec<String> = started.collect();
    while let Some(node) = open.pop() {
        let program = programs.iter().find(|p| p.node == node);
        let on = program.into_iter().flat_map(|p| &p.depends_on);
        let on = on.map(|d| d.node.to_string());
        if wanted.insert(node.clone()) {
            open.extend(on);
        }
    }
    programs.retain(|program| wanted.contains(&program.node));
}

/// The nodes whose program ended, although nothing about it changes: the keeper does not start it
/// again itself, or only after a pause.
fn ended(planned: &Planned) -> impl Iterator<Item = &str> {
    let keeper = planned.observed.keeper.present();
    planned.plan.keeper.iter().filter_map(move |step| {
        let KeeperTask::Program { node, .. } = &step.task else {
            return None;
        };
        let drifted = matches!(step.cause, Cause::Drift(_));
        match keeper?.programs.get(node.as_ref())? {
            SeenProgram::Runs | SeenProgram::Unhealthy => None,
            _ => drifted.then_some(node.as_ref()),
        }
    })
}

/// All tasks of a project's keeper.
///
/// # Errors
/// When a program is to run as a user that does not exist.
pub fn desired(engine: &Engine, settled: &Settled, record: &Record) -> Result<Desired, Failure> {
    let base = record.path.as_deref().and_then(|p| Path::new(p).parent());
    let bridges = bridges(engine, &record.uplinks)?;
    Ok(Desired {
        programs: settled
            .programs()
            .map(|of| {
                let inode = match &of.node.joined {
                    Some(joined) => Some(joined.inode),
                    None => {
                        let mut made = record.inodes.iter();
                        made.find(|(n, _)| of.node.netns == *n).map(|(_, i)| *i)
                    }
                };
                program(engine, settled, &of, inode, base)
            })
            .collect::<Result<_, _>>()?,
        forwards: forwards(settled, engine.workplace().porter.is_some()),
        guarded: Guarded::of(settled, &record.uplinks, |name| bridges.contains(name)),
    })
}

/// The names of those uplinks that are bridges.
fn bridges(engine: &Engine, uplinks: &[Uplink]) -> Result<BTreeSet<String>, Failure> {
    let mut kernel = engine.kernel();
    let mut out = BTreeSet::new();
    for Uplink { link, .. } in uplinks {
        let found = kernel.link_named(link)?;
        if found.is_some_and(|l| l.kind.as_deref() == Some("bridge")) {
            out.insert(link.clone());
        }
    }
    Ok(out)
}

/// A program for the keeper. `inode` is that of its namespace; relative paths begin at `base`.
pub(super) fn program(
    engine: &Engine,
    settled: &Settled,
    of: &hallway_plan::program::Program<'_>,
    inode: Option<u64>,
    base: Option<&Path>,
) -> Result<Program, Failure> {
    let (node, workload) = (of.node, of.service);
    let caller = engine.workplace().caller;
    let account = account::of(of.name, workload.user.as_ref(), caller)
        .map_err(|failure| failure.at(of.place.clone()))?;
    let mut environment = account.environment;
    environment.extend(of.environment.clone());
    let working_dir = match workload.working_dir.as_ref().map(PathBuf::from) {
        None => base.map(Path::to_owned),
        Some(own) => Some(base.map_or(own.clone(), |b| b.join(&own))),
    };
    let hosts = engine.hosts_file(&settled.project, node);
    let resolv_conf = engine.resolv_file(&settled.project, node);
    Ok(Program {
        node: of.name.to_string(),
        hostname: node.hostname().to_string(),
        netns: node.netns.path(),
        inode: inode.unwrap_or(0),
        command: workload.command.clone(),
        environment,
        rights: account.rights,
        working_dir,
        etc_inodes: [&hosts, &resolv_conf].map(|path| inode_of(path)),
        hosts: Some(hosts),
        resolv_conf: Some(resolv_conf),
        log: log_file(engine, settled, of.name),
        ready: workload.ready.clone(),
        restart: workload.restart,
        may_fail: workload.may_fail,
        healthcheck: workload.healthcheck.clone(),
        depends_on: workload.depends_on.clone(),
    })
}

/// The inode number of a file; 0 if it is not there.
fn inode_of(path: &Path) -> u64 {
    std::fs::symlink_metadata(path).map_or(0, |m| m.ino())
}

/// The file that the program of that name writes its output to.
#[must_use]
pub fn log_file(engine: &Engine, settled: &Settled, program: &Name) -> PathBuf {
    let logs = engine.directory(&settled.project).join("logs");
    logs.join(format!("{program}.log"))
}

/// The forwards of one entry on one address.
fn forwards_of(publish: &Publish, namespace: Namespace, address: IpAddr) -> Vec<Forward> {
    let mut targets = publish.targets.iter();
    let same = targets.find(|t| t.is_ipv4() == address.is_ipv4());
    let Some(target) = same.or(publish.targets.first()) else {
        return Vec::new();
    };
    let ports = publish.host_ports.iter().zip(publish.node_ports.iter());
    let forward = |(host, node)| Forward {
        listen: Listen {
            address: SocketAddr::new(address, host),
            protocol: publish.protocol,
            namespace,
        },
        target: SocketAddr::new(*target, node),
    };
    ports.map(forward).collect()
}

/// The file beside a log with its lengths at times: a line for each, the length in bytes and the
/// milliseconds since 1970. A line of the log is as old as the first length that includes it.
#[must_use]
pub fn times_file(log: &Path) -> PathBuf {
    log.with_extension("log.times")
}

/// Listeners on localhost for every published port without another address: in the namespace of the
/// project and, for a sandbox, on the real host too, there also on an address that the file names.
pub(super) fn forwards(settled: &Settled, serves_machine: bool) -> Vec<Forward> {
    let mut out = Vec::new();
    let namespaces: &[Namespace] = match serves_machine {
        true => &[Namespace::Project, Namespace::Machine],
        false => &[Namespace::Project],
    };
    for publish in &settled.publishes {
        for namespace in namespaces {
            let addresses = match namespace {
                Namespace::Project => localhost(publish),
                Namespace::Machine => on_machine(publish),
            };
            for listen in addresses {
                out.extend(forwards_of(publish, *namespace, listen));
            }
        }
    }
    out.sort();
    out.dedup();
    out
}
