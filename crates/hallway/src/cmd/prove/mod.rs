//! `test`: what the file expects, or everyone to everyone, proved with real packets beside what is
//! predicted.

mod grid;
mod report;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use hallway_engine::read::probe::{self, Aim, Measured};
use hallway_engine::{Failure, interrupt};
use hallway_plan::reach::{self, Outcome, Party, Path, Question, Service, World};
use hallway_spec::Place;

use crate::args::{Common, FileArg, ReportFormat, TestArgs};
use crate::diagnose::Trouble;
use crate::scope::{self, Scope, here};
use crate::subject::{Subject, asked, place};
use crate::ui;

use super::up;

/// One question with its answers.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What is predicted.
    pub(crate) path: Path,
    /// What the packets did; `None` when none was sent.
    pub(crate) measured: Option<Measured>,
    /// What the file wants, and where it says so.
    pub(crate) expected: Option<(bool, Place)>,
}

/// All answers.
pub(crate) struct Proof {
    pub(crate) project: String,
    pub(crate) file: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) elapsed: Duration,
}

impl Row {
    /// How it is: as measured, or as predicted where nothing was measured.
    pub(crate) fn outcome(&self) -> Outcome {
        self.measured
            .as_ref()
            .map_or(self.path.outcome, |m| m.outcome)
    }

    /// As the file wants it; where it wants nothing, as predicted.
    pub(crate) fn passes(&self) -> bool {
        match &self.expected {
            Some((wanted, _)) => self.outcome().reachable() == *wanted,
            None => self.agrees(),
        }
    }

    /// Whether packets do as predicted.
    pub(crate) fn agrees(&self) -> bool {
        self.outcome().reachable() == self.path.outcome.reachable()
    }
}

impl Proof {
    pub(crate) fn failed(&self) -> usize {
        self.rows.iter().filter(|r| !r.passes()).count()
    }

    fn code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.failed() > 0))
    }
}

pub(crate) fn run(common: &Common, args: &TestArgs) -> Result<ExitCode, Trouble> {
    if args.predict {
        let subject = Subject::any(common, &args.file)?;
        let world = subject.world()?;
        let questions = reach::matrix(&world, &subject.expects, only(args)?, true);
        let rows = questions.iter().flat_map(|q| q.predict(&world));
        let rows = rows.map(|path| Row {
            path,
            measured: None,
            expected: None,
        });
        let proof = proof(&subject, rows.collect(), Duration::ZERO);
        report::print(common, &proof, args.format, true);
        return Ok(ExitCode::SUCCESS);
    }
    if args.ephemeral {
        return ephemeral(common, args);
    }
    let scope = here(common)?;
    let subject = subject(common, &args.file, &scope)?;
    let proof = prove(&subject, args)?;
    report::print(common, &proof, args.format, args.matrix);
    Ok(proof.code())
}

fn only(args: &TestArgs) -> Result<Option<Service>, Trouble> {
    match args.port.as_deref() {
        None => Ok(None),
        Some("icmp") => Ok(Some(Service::Icmp)),
        Some(port) => {
            port.parse()
                .map(|p| Some(Service::Port(p)))
                .map_err(|e: hallway_spec::InvalidPort| {
                    Trouble::usage(e.to_string(), "write it as in 80/tcp, 53/udp or icmp")
                })
        }
    }
}

/// The project as it is up; of a file that is named, its expectations.
fn subject(common: &Common, file: &FileArg, scope: &Scope) -> Result<Subject, Trouble> {
    if file.path().is_none() {
        return Subject::of_scope(common, scope);
    }
    let input = scope::read(common, file)?;
    let named = Common {
        project: Some(input.project.topology.name.clone()),
        ..common.clone()
    };
    let mut subject = Subject::of_scope(&named, scope).map_err(|trouble| match trouble {
        Trouble::Usage(message, _) => Trouble::usage(
            message,
            format!("hallway up {0} builds it; hallway test {0} --ephemeral builds, tests and removes it", input.path),
        ),
        other => other,
    })?;
    if !subject.is_of(&input.text) {
        ui::note(
            common,
            format!(
                "{} has changed since it was applied: its expectations are held against what is up",
                input.path
            ),
        );
    }
    subject.expects = input.project.topology.expects;
    Ok(subject)
}

fn proof(subject: &Subject, rows: Vec<Row>, elapsed: Duration) -> Proof {
    Proof {
        project: subject.settled.project.to_string(),
        file: subject.file.clone(),
        rows,
        elapsed,
    }
}

/// Asks everything that is to be asked.
fn prove(subject: &Subject, args: &TestArgs) -> Result<Proof, Trouble> {
    let world = subject.world()?;
    let timeout = Duration::from_millis(args.timeout_ms);
    if args.matrix {
        let questions = reach::matrix(&world, &subject.expects, only(args)?, false);
        let asked = questions.into_iter().map(|q| (q, None)).collect();
        return measure(subject, &world, asked, timeout);
    }
    if args.port.is_some() {
        return Err(Trouble::usage(
            "--port goes with --matrix",
            "hallway test --matrix --port 80/tcp",
        ));
    }
    expectations(subject, timeout)
}

/// Holds every expectation of the file against real packets.
pub(crate) fn expectations(subject: &Subject, timeout: Duration) -> Result<Proof, Trouble> {
    let world = subject.world()?;
    let expected = reach::expected(&world, &subject.expects);
    for one in &expected {
        place(&world, &one.question.from)
            .and_then(|_| asked(&world, &one.question.to))
            .map_err(|t| at_line(t, &subject.file, one.place.line))?;
    }
    let questions: Vec<_> = expected
        .into_iter()
        .map(|e| (e.question, Some((e.reachable, e.place))))
        .collect();
    if questions.is_empty() {
        return Err(Trouble::usage(
            format!(
                "{} expects nothing, so there is nothing to test",
                subject.file
            ),
            "add expect: lines to the file, or ask for every pair: hallway test --matrix",
        ));
    }
    measure(subject, &world, questions, timeout)
}

fn at_line(trouble: Trouble, file: &str, line: u32) -> Trouble {
    match trouble {
        Trouble::Usage(message, help) => Trouble::Usage(format!("{file}:{line}: {message}"), help),
        other => other,
    }
}

type Asked = (Question, Option<(bool, Place)>);

fn measure(
    subject: &Subject,
    world: &World<'_>,
    asked: Vec<Asked>,
    timeout: Duration,
) -> Result<Proof, Trouble> {
    let started = Instant::now();
    let mut rows = Vec::new();
    let mut parties: Vec<Party> = Vec::new();
    for (question, expected) in asked {
        for path in question.predict(world) {
            parties.push(question.from.clone());
            rows.push(Row {
                path,
                measured: None,
                expected: expected.clone(),
            });
        }
    }
    let every: Vec<usize> = (0..rows.len()).collect();
    try_out(subject, world, (&mut rows, &parties), &every, timeout)?;
    // A busy machine answers late: what should have been reached gets a second, longer chance.
    let late: Vec<usize> = every
        .into_iter()
        .filter(|i| {
            rows.get(*i)
                .is_some_and(|r| !r.outcome().reachable() && r.path.outcome.reachable())
        })
        .collect();
    try_out(subject, world, (&mut rows, &parties), &late, timeout * 3)?;
    Ok(proof(subject, rows, started.elapsed()))
}

fn try_out(
    subject: &Subject,
    world: &World<'_>,
    (rows, parties): (&mut [Row], &[Party]),
    which: &[usize],
    timeout: Duration,
) -> Result<(), Failure> {
    let mut aims = Vec::new();
    let mut places = Vec::new();
    for index in which {
        let row = rows.get(*index).zip(parties.get(*index));
        let aim = row.and_then(|(row, party)| Aim::of(&row.path, &world.place(party)));
        if let Some(aim) = aim {
            aims.push(aim);
            places.push(*index);
        }
    }
    let measured = probe::probe(&subject.settled, &aims, timeout)?;
    for (index, measured) in places.into_iter().zip(measured) {
        if let Some(row) = rows.get_mut(index) {
            row.measured = Some(measured);
        }
    }
    Ok(())
}

/// Builds in a sandbox that nobody else uses, proves, and removes it with everything in it.
fn ephemeral(common: &Common, args: &TestArgs) -> Result<ExitCode, Trouble> {
    if common.host {
        return Err(Trouble::usage(
            "--ephemeral builds in a sandbox, --host on this machine",
            "leave out one of them",
        ));
    }
    let input = up::input(common, &args.file)?;
    interrupt::watch();
    let scope = Scope::throw_away(common)?;
    let outcome = scope
        .engine
        .lock(|| {})
        .map_err(Trouble::from)
        .and_then(|lock| up::build(common, &scope, &input, lock, Duration::from_secs(60)))
        .and_then(|_| {
            let common = Common {
                project: Some(input.project.topology.name.clone()),
                ..common.clone()
            };
            let subject = Subject::of_scope(&common, &scope)?;
            let proof = prove(&subject, args)?;
            interrupt::check()?;
            Ok(proof)
        });
    let thrown = scope.throw();
    let proof = outcome?;
    thrown?;
    report::print(common, &proof, args.format, args.matrix);
    Ok(proof.code())
}

/// For `up --test`: says what failed; whether anything did.
pub(crate) fn report_failures(common: &Common, proof: &Proof) -> bool {
    report::print(common, proof, ReportFormat::Text, false);
    proof.failed() > 0
}
