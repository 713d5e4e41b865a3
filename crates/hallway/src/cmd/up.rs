//! `up`: read the text → enter the scope → lock → plan → bind ports → apply → programs.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hallway_engine::{Failure, Lock, Planned, Record, interrupt};
use hallway_spec::Protocol;

use super::{prove, workload};
use crate::args::{Common, FileArg};
use crate::diagnose::Trouble;
use crate::keeper::{Client, Desired};
use crate::scope::{Input, Scope, read};
use crate::subject::Subject;
use crate::ui;
use hallway_view::style::{YELLOW, styled};

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
                    ui::out(&hallway_view::tree::project(&built.planned.settled, &[]));
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
    let client = Client::connect(topology.name.as_ref());
    let held = client
        .as_ref()
        .map(Client::status)
        .transpose()?
        .map(|(_, forwards)| forwards)
        .unwrap_or_default();
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

/// Starts, stops and waits for programs.
fn start(
    scope: &Scope,
    planned: &Planned,
    desired: &Desired,
    mut fresh: Vec<(crate::keeper::ForwardSpec, std::os::fd::OwnedFd)>,
    limit: Duration,
) -> Result<usize, Failure> {
    let project = &planned.settled.project;
    if desired == &Desired::default() {
        if let Some(client) = Client::connect(project.as_ref()) {
            client.stop();
        }
        return Ok(0);
    }
    let directory = scope.engine.directory(project);
    std::fs::create_dir_all(directory.join("logs"))
        .map_err(|e| Failure::file("make", &directory, &e))?;
    let client = Client::start(project.as_ref(), &directory, scope.sandbox.as_ref())?;
    let mut changed = 0;
    let (_, held) = client.status()?;
    let moved = desired
        .forwards
        .iter()
        .any(|d| !held.contains(d) && fresh.iter().all(|(f, _)| f != d));
    if moved {
        // Listeners whose target changed: closed first, then bound anew.
        let kept = held
            .into_iter()
            .filter(|h| desired.forwards.contains(h))
            .collect();
        changed += client.sync(
            &Desired {
                services: desired.services.clone(),
                forwards: kept,
            },
            Vec::new(),
        )?;
        let (_, held) = client.status()?;
        let missing: Vec<_> = desired
            .forwards
            .iter()
            .filter(|d| fresh.iter().all(|(f, _)| f != *d))
            .cloned()
            .collect();
        fresh.extend(rebind(scope, planned, &missing, &held)?);
    }
    changed += client.sync(desired, fresh)?;
    client
        .wait_ready(&desired.services, limit)
        .map_err(|not_ready| {
            if let Err(interrupted) = interrupt::check() {
                return interrupted;
            }
            let node = &not_ready.node;
            let log = desired
                .services
                .iter()
                .find(|s| &s.node == node)
                .map(|s| s.log.clone());
            let tail = log
                .and_then(|l| std::fs::read_to_string(l).ok())
                .unwrap_or_default();
            let lines: Vec<&str> = tail.lines().rev().take(10).collect();
            let mut failure = Failure::new("not-ready", format!("node {node}: {}", not_ready.why));
            if !lines.is_empty() {
                let text: Vec<&str> = lines.into_iter().rev().collect();
                failure.message = format!(
                    "{}\n  its last words:\n    {}",
                    failure.message,
                    text.join("\n    ")
                );
            }
            failure.help(
                "what was there before has been restored; correct the command and run up again",
            )
        })?;
    Ok(changed)
}

/// The keeper closes listeners in a thread of its own; a moment later they can be bound.
fn rebind(
    scope: &Scope,
    planned: &Planned,
    missing: &[crate::keeper::ForwardSpec],
    held: &[crate::keeper::ForwardSpec],
) -> Result<Vec<(crate::keeper::ForwardSpec, std::os::fd::OwnedFd)>, Failure> {
    let mut last = None;
    for _ in 0..200 {
        match workload::bind(scope, &planned.settled, missing, held) {
            Ok((bound, _)) => return Ok(bound),
            Err(failure) => last = Some(failure),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(last.unwrap_or_else(|| Failure::new("bug", "listeners could not be moved")))
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
    let Some(client) = Client::connect(project.as_ref()) else {
        return Ok(());
    };
    let (_, held) = client.status()?;
    let kept: Vec<_> = held
        .into_iter()
        .filter(|h| desired.forwards.contains(h))
        .collect();
    client.sync(
        &Desired {
            services: desired.services.clone(),
            forwards: kept.clone(),
        },
        Vec::new(),
    )?;
    let fresh = rebind(scope, planned, &desired.forwards, &kept)?;
    client.sync(&desired, fresh)?;
    Ok(())
}
