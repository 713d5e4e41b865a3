//! What a project's keeper is to do: programs, and listeners on localhost.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hallway_plan::observed::SeenProgram;
use hallway_plan::step::{Cause, KeeperTask};
use hallway_plan::target::localhost;
use hallway_plan::{Settled, settled};
use hallway_spec::Name;

use super::Caller;
use crate::failure::FileAction;
use crate::keeper::{Client, Desired, Forward, Listen, Listener, Namespace, Program, Start};
use crate::observe::netns_path;
use crate::{Engine, Failure, Planned, Record};

impl Engine {
    /// Starts, stops and retargets until the keeper does exactly what is wanted, and waits for the
    /// programs. Gives how many things changed.
    pub(super) fn start_programs(
        &self,
        planned: &Planned,
        record: &Record,
        listeners: Vec<Listener>,
        limit: Duration,
        caller: &mut Caller<'_>,
    ) -> Result<usize, Failure> {
        let project = &planned.settled.project;
        let wanted = desired(self, &planned.settled, record);
        if wanted.is_empty() {
            Client::end(project.as_ref())?;
            return Ok(0);
        }
        let client = self.start_keeper(project)?;
        let mut changed = client.sync(&wanted, listeners)?;
        for node in ended(planned) {
            client.restart(node)?;
            changed += 1;
        }
        super::ready::wait(&client, &wanted.programs, limit, caller)?;
        Ok(changed)
    }

    /// The keeper of a project, started if it does not run.
    pub(super) fn start_keeper(&self, project: &Name) -> Result<Client, Failure> {
        let directory = self.directory(project);
        std::fs::create_dir_all(directory.join("logs"))
            .map_err(|e| Failure::file(FileAction::Create, &directory, &e))?;
        let workplace = self.workplace();
        Ok(Client::start(&Start {
            program: &workplace.program,
            project: project.as_ref(),
            directory: &directory,
            holder: workplace.holder,
            open_files: workplace.open_files,
        })?)
    }
}

/// The nodes whose program ended, although nothing about it changes: the keeper does not start it
/// again by itself, or only after a pause.
fn ended(planned: &Planned) -> impl Iterator<Item = &str> {
    let keeper = planned.observed.keeper.present();
    planned.plan.keeper.iter().filter_map(move |step| {
        let KeeperTask::Program { node, .. } = &step.task else {
            return None;
        };
        let drifted = matches!(step.cause, Cause::Drift(_));
        match keeper?.programs.get(node.as_ref())? {
            SeenProgram::Ended(_) | SeenProgram::Restarting(_) if drifted => Some(node.as_ref()),
            _ => None,
        }
    })
}

/// Everything the keeper of a project does.
#[must_use]
pub fn desired(engine: &Engine, settled: &Settled, record: &Record) -> Desired {
    let base = record.path.as_deref().and_then(|p| Path::new(p).parent());
    Desired {
        programs: settled
            .nodes
            .iter()
            .filter_map(|node| {
                let inode = record.inodes.iter().find(|(n, _)| *n == node.netns);
                program(engine, settled, node, inode.map(|(_, i)| *i), base)
            })
            .collect(),
        forwards: forwards(settled, engine.workplace().porter.is_some()),
    }
}

/// The program of a node, if it has one. `inode` is that of its namespace; relative paths begin at
/// `base`.
pub(super) fn program(
    engine: &Engine,
    settled: &Settled,
    node: &settled::Node,
    inode: Option<u64>,
    base: Option<&Path>,
) -> Option<Program> {
    let workload = node.service.as_ref()?;
    let working_dir = match workload.working_dir.as_ref().map(PathBuf::from) {
        None => base.map(Path::to_owned),
        Some(own) => Some(base.map_or(own.clone(), |b| b.join(&own))),
    };
    Some(Program {
        node: node.name.to_string(),
        netns: netns_path(&node.netns),
        inode: inode.unwrap_or(0),
        command: workload.command.clone(),
        environment: node.environment.clone(),
        working_dir,
        hosts: Some(engine.hosts_file(&settled.project, node)),
        resolv_conf: engine.resolv_file(&settled.project, node),
        log: log_file(engine, settled, node),
        ready: workload.ready.clone(),
        restart: workload.restart,
        depends_on: workload
            .depends_on
            .iter()
            .map(ToString::to_string)
            .collect(),
    })
}

/// The file that a node's program writes its output to.
#[must_use]
pub fn log_file(engine: &Engine, settled: &Settled, node: &settled::Node) -> PathBuf {
    let logs = engine.directory(&settled.project).join("logs");
    logs.join(format!("{}.log", node.name))
}

/// Listeners on localhost for every published port that is not for another address alone: in the
/// namespace the project is in and, for a sandbox, on the real host too.
pub(super) fn forwards(settled: &Settled, serves_machine: bool) -> Vec<Forward> {
    let mut out = Vec::new();
    let namespaces: &[Namespace] = match serves_machine {
        true => &[Namespace::Project, Namespace::Machine],
        false => &[Namespace::Project],
    };
    for publish in &settled.publishes {
        for listen in localhost(publish) {
            let same = publish
                .targets
                .iter()
                .find(|t| t.is_ipv4() == listen.is_ipv4());
            let Some(target) = same.or(publish.targets.first()) else {
                continue;
            };
            for (host, node) in publish.host_ports.iter().zip(publish.node_ports.iter()) {
                out.extend(namespaces.iter().map(|namespace| Forward {
                    listen: Listen {
                        address: SocketAddr::new(listen, host),
                        protocol: publish.protocol,
                        namespace: *namespace,
                    },
                    target: SocketAddr::new(*target, node),
                }));
            }
        }
    }
    out.sort();
    out.dedup();
    out
}
