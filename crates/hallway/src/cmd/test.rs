//! `test`: the expectations of the file, or every pair, tested with real packets and compared with
//! the prediction.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use hallway_engine::Cancel;
use hallway_plan::compare::{Fact, ObjectPlace};
use hallway_plan::reach::{self, Party, Question, Service, World};
use hallway_spec::{Name, PortName};

use super::prove::{Asked, Proof, Row, expectations, measure, print, without_hops};
use super::up;
use crate::args::{Common, FileArg, TestArgs};
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::scope::{Scope, here, same_file};
use crate::source::{Input, input, read};
use crate::subject::Subject;
use crate::{interrupt, ui};

/// How long a program may take to become ready.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// The verb.
pub(crate) fn run(common: &Common, args: &TestArgs) -> Result<ExitCode, VerbError> {
    if args.predict {
        let mut subject = Subject::any(common, &args.file, &[])?;
        subject.read_inside_all();
        let world = subject.world()?;
        let questions = matrix(&subject, &world, args, true)?;
        let rows = questions.iter().flat_map(|q| q.predict(&world));
        let rows = rows.map(|path| Row {
            path: without_hops(path),
            measured: None,
            expected: None,
            no_service: None,
        });
        let proof = subject.proof(rows.collect(), Duration::ZERO);
        print(common, &proof, args.format, true);
        return Ok(ExitCode::SUCCESS);
    }
    if args.ephemeral {
        return ephemeral(common, args);
    }
    let scope = here(common)?;
    let mut subject = subject(common, &args.file, &scope)?;
    read_inside(&mut subject, args)?;
    let proof = prove(&subject, &scope, args, &interrupt::watch())?;
    print(common, &proof, args.format, args.matrix);
    Ok(proof.code())
}

/// Every pair; with `--port` only those whose server has it, if it is a name.
fn matrix(
    subject: &Subject,
    world: &World<'_>,
    args: &TestArgs,
    predicted: bool,
) -> Result<Vec<Question>, VerbError> {
    let expects = &subject.expects;
    let Some(port) = &args.port else {
        return Ok(reach::matrix(world, expects, &|_| None, predicted));
    };
    let found = match (port.parse::<Service>(), port.parse::<PortName>()) {
        (Ok(service), _) => {
            let only = |_: &Party| Some(vec![service]);
            reach::matrix(world, expects, &only, predicted)
        }
        (Err(_), Ok(name)) => {
            let of = |to: &Party| {
                subject
                    .port(&world.place(to), &name)
                    .ok()
                    .map(Service::Port)
            };
            let only = |to: &Party| Some(of(to).into_iter().collect());
            reach::matrix(world, expects, &only, predicted)
        }
        (Err(error), Err(_)) => {
            let help = "write it as in 80/tcp, 53/udp, icmp or gre, or the name of a port";
            return Err(VerbError::usage(
                CommandCode::BadArgument,
                error.to_string(),
                help,
            ));
        }
    };
    match found.is_empty() {
        true => Err(VerbError::usage(
            CommandCode::NoSuchPort,
            format!("no node has a port with the name {port}"),
            "ports have names by port_names, or as in \"web=8080:80\"",
        )),
        false => Ok(found),
    }
}

/// The running project, with the expectations of the given file.
fn subject(common: &Common, file: &FileArg, scope: &Scope) -> Result<Subject, VerbError> {
    if file.path().is_none() {
        return Subject::of_scope(common, scope);
    }
    let input = read(common, file)?;
    same_file(common, &input, &scope.engine)?;
    let named = Common {
        project: Some(input.project.topology.name.clone()),
        ..common.clone()
    };
    let mut subject = Subject::of_scope(&named, scope).map_err(|error| {
        error.with_help(format!(
            "hallway up {0} builds it; hallway test {0} --ephemeral builds, tests and removes it",
            input.path
        ))
    })?;
    if !subject.is_of(&input.source) {
        ui::note(
            common,
            format!(
                "{} has changed since it was applied: its expectations are tested on what is up",
                input.path
            ),
        );
    }
    subject.expects = input.project.topology.expects;
    // Their lines are those of this file, the lines of policies those of the file that was applied.
    let name = Path::new(&input.path).file_name();
    let name = name.unwrap_or_default().to_string_lossy();
    if *name != *subject.file {
        let own = subject.expects.iter_mut().map(|e| &mut e.place.file);
        own.filter(|file| file.is_empty())
            .for_each(|file| *file = name.clone().into_owned());
    }
    Ok(subject)
}

/// Reads what the predictions depend on in nodes.
fn read_inside(subject: &mut Subject, args: &TestArgs) -> Result<(), VerbError> {
    if args.matrix {
        subject.read_inside_all();
        return Ok(());
    }
    subject.read_inside_for_expects()
}

/// Makes every attempt.
fn prove(
    subject: &Subject,
    scope: &Scope,
    args: &TestArgs,
    cancel: &Cancel,
) -> Result<Proof, VerbError> {
    let world = subject.world()?;
    let timeout = Duration::from_millis(args.timeout_ms);
    if args.matrix {
        let questions = matrix(subject, &world, args, false)?;
        let questions = questions.into_iter().map(|question| Asked {
            question,
            expected: None,
            untested: None,
        });
        return measure(subject, &world, questions, timeout, cancel);
    }
    if args.port.is_some() {
        return Err(VerbError::usage(
            CommandCode::WrongFlag,
            "--port needs --matrix",
            "hallway test --matrix --port 80/tcp",
        ));
    }
    let mut proof = expectations(subject, timeout, cancel)?;
    if args.service {
        proof.require_services(&subject.settled, &stopped(subject, scope)?);
    }
    Ok(proof)
}

/// The programs that do not run as declared in the file, with the reason as text.
fn stopped(subject: &Subject, scope: &Scope) -> Result<BTreeMap<Name, String>, VerbError> {
    let status = scope.engine.status(&subject.settled.project)?;
    let Some(status) = status else {
        return Ok(BTreeMap::new());
    };
    let differences = status.differences.into_iter();
    let ended = differences.filter_map(|d| match (d.place, d.fact) {
        (ObjectPlace::Node { node, .. }, Fact::ProgramStopped { state, .. }) => Some((node, state)),
        _ => None,
    });
    let stopped = status.stopped.into_iter();
    let stopped = stopped.map(|node| (node, "was stopped by hallway stop".to_owned()));
    Ok(ended.chain(stopped).collect())
}

/// Builds in a temporary sandbox, tests, and removes the sandbox with everything in it.
fn ephemeral(common: &Common, args: &TestArgs) -> Result<ExitCode, VerbError> {
    if common.host {
        return Err(VerbError::usage(
            CommandCode::WrongFlag,
            "--ephemeral builds in a sandbox, --host on this machine",
            "leave out one of them",
        ));
    }
    let input = input(common, &args.file)?;
    let cancel = interrupt::watch();
    let scope = Scope::temporary(common, &cancel)?;
    let proof = build_and_prove(common, args, &scope, &input, &cancel);
    let ended = scope.end();
    let proof = proof?;
    ended?;
    print(common, &proof, args.format, args.matrix);
    Ok(proof.code())
}

fn build_and_prove(
    common: &Common,
    args: &TestArgs,
    scope: &Scope,
    input: &Input,
    cancel: &Cancel,
) -> Result<Proof, VerbError> {
    // Held until the tests have run: no other process changes the sandbox meanwhile.
    let options = up::UpOptions {
        wait_limit: READY_LIMIT,
        repair: true,
        ..up::UpOptions::default()
    };
    let _applied = up::build(common, scope, input, &options, cancel)?;
    let common = Common {
        project: Some(input.project.topology.name.clone()),
        ..common.clone()
    };
    let mut subject = Subject::of_scope(&common, scope)?;
    read_inside(&mut subject, args)?;
    let proof = prove(&subject, scope, args, cancel)?;
    cancel.check()?;
    Ok(proof)
}
