//! `up`: read the text → enter the scope → lock → plan → bind ports → apply → programs.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hallway_engine::keeper::{Client, Desired, Forward, Listener, Program, Readiness, Start};
use hallway_engine::{Failure, Lock, Planned, Record, interrupt};
use hallway_spec::Protocol;

use super::{prove, workload};
use crate::args::{Common, FileArg};
use crate::diagnose::Trouble;
use crate::scope::{Input, Scope, read};
use crate::subject::Subject;
use crate::ui::{YELLOW, styled};
use crate::{render, ui};

/// The file, by its absolute path: the project may be looked at from another directory.
pub(crate) fn input(common: &Common, file: &FileArg) -> Result<Input, Trouble> {
    let mut input = read(common, file)?;
    if input.path == "-" {
        input.path.clear();
    } else if let Ok(path) = std::path::absolute(&input.path) {
        input.path = path.display().to_string();
    }
    Ok(input)
}

pub(crate) fn run(
    common: &Common,
    file: &FileArg,
    wait_timeout: u64,
    test: bool,
) -> Result<ExitCode, Trouble> {
    let started = Instant::now();
    let input = input(common, file)?;
    interrupt::watch();
    let scope = Scope::enter(common, true)?;
    let outcome = scope
        .engine
        .lock(|| ui::note(common, "waiting for another hallway to finish…"))
        .map_err(Trouble::from)
        .and_then(|lock| {
            build(
                common,
                &scope,
                &input,
                lock,
                Duration::from_secs(wait_timeout),
            )
        })
        .and_then(|built| match test {
            true => tested(common, &scope, &input, built),
            false => Ok(built),
        });
    match outcome {
        Ok(built) => {
            let place = scope.words();
            let name = &input.project.topology.name;
            if built.changed {
                ui::note(
                    common,
                    format!("{name} is up {place} ({})", ui::duration(started.elapsed())),
                );
                if !common.quiet {
                    ui::out(&render::tree::project(&built.planned.settled, None));
                }
            } else {
                ui::note(
                    common,
                    format!(
                        "{name} is up {place} already; nothing to change ({})",
                        ui::duration(started.elapsed())
                    ),
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(trouble) => {
            scope.leave(common)?;
            Err(trouble)
        }
    }
}

/// Holds what the file expects against what was built; if it is not true, what was there before is
/// put back.
fn tested(common: &Common, scope: &Scope, input: &Input, built: Built) -> Result<Built, Trouble> {
    let named = Common {
        project: Some(input.project.topology.name.clone()),
        ..common.clone()
    };
    let proof = Subject::of_scope(&named, scope)
        .and_then(|subject| prove::expectations(&subject, PROOF_LIMIT));
    let mut trouble = match proof
        .and_then(|proof| interrupt::check().map(|()| proof).map_err(Trouble::from))
    {
        Ok(proof) => {
            let failed = prove::report_failures(common, &proof);
            if !failed {
                return Ok(built);
            }
            let message = "what the file expects is not true, so what was there before is back";
            Failure::new("expectation-failed", message)
                .help("correct the file, or look at what it builds without --test: hallway explain, trace")
                .into()
        }
        Err(trouble) => trouble,
    };
    let _lock = scope
        .engine
        .lock(|| ui::note(common, "waiting for another hallway to finish…"))?;
    let undone = put_back(scope, &built.planned, built.planned.record.as_ref());
    match (&mut trouble, undone) {
        (Trouble::Failed(failure), Err(more)) => failure.also.push(more),
        (_, undone) => undone?,
    }
    Err(trouble)
}

/// How long an answer may take while `up --test` proves.
const PROOF_LIMIT: Duration = Duration::from_secs(1);

/// What `build` did.
pub(crate) struct Built {
    pub(crate) planned: Planned,
    pub(crate) changed: bool,
}

/// Makes a project what its text says, all of it or nothing.
pub(crate) fn build(
    common: &Common,
    scope: &Scope,
    input: &Input,
    lock: Lock,
    limit: Duration,
) -> Result<Built, Trouble> {
    let topology = &input.project.topology;
    let planned = scope
        .engine
        .plan(topology)
        .map_err(|f| Trouble::of(f, input))?;
    let before = planned.record.clone();
    let held = held(topology.name.as_ref())?;
    let draft = Record::new(input.text.clone(), Some(input.path.clone()));
    let wanted = workload::desired(scope, &planned.settled, &draft).forwards;
    let (fresh, refused) = workload::bind(scope, &planned.settled, &wanted, &held)
        .map_err(|f| Trouble::of(f, input))?;
    if !refused.is_empty() {
        ui::note(common, privileged(&refused));
    }
    for address in not_here(scope, &planned)? {
        let words = format!(
            "{} {address} is no address {}: what is published on it is not reached before it is one",
            styled(YELLOW, "warning:"),
            scope.words()
        );
        ui::note(common, words);
    }
    let mut progress = ui::progress(common);
    let path = (!input.path.is_empty()).then_some(input.path.as_str());
    let record = scope
        .engine
        .apply(&planned, (&input.text, path), &mut progress)?;
    let desired = workload::desired(scope, &planned.settled, &record);
    let started = start(scope, &planned, &desired, fresh, limit);
    match started {
        Ok(changed) => {
            drop(lock);
            Ok(Built {
                changed: changed > 0 || !planned.plan.steps.is_empty(),
                planned,
            })
        }
        Err(mut failure) => {
            failure
                .also
                .extend(put_back(scope, &planned, before.as_ref()).err());
            Err(failure.into())
        }
    }
}

/// Addresses of the host that something is published on, and that it does not have.
fn not_here(scope: &Scope, planned: &Planned) -> Result<BTreeSet<IpAddr>, Failure> {
    let settled = &planned.settled;
    let named = settled.publishes.iter().filter_map(|p| p.host_address);
    let mut named: BTreeSet<IpAddr> = named.filter(|a| !a.is_loopback()).collect();
    if !named.is_empty() {
        let seen = scope.engine.see(&settled.project)?.observed.addresses;
        named.retain(|a| seen.iter().all(|s| s.net.addr() != *a));
        for subnet in settled.networks.iter().flat_map(|n| &n.subnets) {
            named.remove(&subnet.gateway);
        }
    }
    Ok(named)
}

/// Ports that a user may not listen on, and what to do about it.
fn privileged(ports: &BTreeSet<(u16, Protocol)>) -> String {
    let names: Vec<String> = ports
        .iter()
        .map(|(port, p)| format!("{port}/{p}"))
        .collect();
    format!(
        "{} {}: not on this machine's localhost, where only root may listen on ports this low; within the sandbox all is served\n  help: publish a port from 1024 up, or lower net.ipv4.ip_unprivileged_port_start",
        styled(YELLOW, "warning:"),
        names.join(", ")
    )
}

/// What the project's keeper serves, if it has one.
fn held(project: &str) -> Result<Vec<Forward>, Failure> {
    match Client::connect(project)? {
        Some(client) => Ok(client.forwards()?),
        None => Ok(Vec::new()),
    }
}

/// Starts, stops and waits for programs.
fn start(
    scope: &Scope,
    planned: &Planned,
    desired: &Desired,
    fresh: Vec<Listener>,
    limit: Duration,
) -> Result<usize, Failure> {
    let project = &planned.settled.project;
    if desired.is_empty() {
        Client::end(project.as_ref())?;
        return Ok(0);
    }
    let directory = scope.engine.directory(project);
    std::fs::create_dir_all(directory.join("logs"))
        .map_err(|e| Failure::file("make", &directory, &e))?;
    let client = Client::start(&Start {
        program: "/proc/self/exe".as_ref(),
        project: project.as_ref(),
        directory: &directory,
        holder: scope.sandbox.as_ref().map(|s| s.pid),
        open_files: scope.open_files,
    })?;
    let changed = client.sync(desired, fresh)?;
    wait_ready(&client, &desired.programs, limit)?;
    Ok(changed)
}

/// Waits until all programs are ready, the limit is over, or the run is interrupted.
fn wait_ready(client: &Client, wanted: &[Program], limit: Duration) -> Result<(), Failure> {
    let deadline = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        let (node, why) = match client.poll_ready(wanted)? {
            Readiness::Ready => return Ok(()),
            Readiness::Failed { node, end } => (node, end.to_string()),
            Readiness::Waiting { node } if Instant::now() > deadline => {
                (node, format!("not ready after {} s", limit.as_secs()))
            }
            Readiness::Waiting { .. } => {
                interrupt::check()?;
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(20));
                continue;
            }
        };
        interrupt::check()?;
        return Err(not_ready(wanted, &node, &why));
    }
}

/// With the end of the program's log.
fn not_ready(wanted: &[Program], node: &str, why: &str) -> Failure {
    let program = wanted.iter().find(|p| p.node == node);
    let log = program.and_then(|p| std::fs::read_to_string(&p.log).ok());
    let log = log.unwrap_or_default();
    let mut lines: Vec<&str> = log.lines().rev().take(10).collect();
    lines.reverse();
    let mut message = format!("node {node}: {why}");
    if !lines.is_empty() {
        message.push_str(&format!(
            "\n  its last output:\n    {}",
            lines.join("\n    ")
        ));
    }
    Failure::new("not-ready", message)
        .help("what was there before has been restored; correct the command and run up again")
}

/// After a program failed to start: what was there before, programs and all.
fn put_back(scope: &Scope, planned: &Planned, before: Option<&Record>) -> Result<(), Failure> {
    let project = &planned.settled.project;
    let earlier = before.and_then(|r| Some((r, r.applied.as_ref()?)));
    let Some((record, settled)) = earlier else {
        super::down::take_down(&scope.engine, project)?;
        return Ok(());
    };
    scope.engine.restore(project, record)?;
    let restored = scope
        .engine
        .record(project)
        .unwrap_or_else(|| record.clone());
    let desired = workload::desired(scope, settled, &restored);
    let Some(client) = Client::connect(project.as_ref())? else {
        return Ok(());
    };
    let held = client.forwards()?;
    let (fresh, _) = workload::bind(scope, settled, &desired.forwards, &held)?;
    client.sync(&desired, fresh)?;
    Ok(())
}
