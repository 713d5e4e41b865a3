//! Real attempts, for every question.

use std::time::{Duration, Instant};

use hallway_engine::read::probe::{self, Aim};
use hallway_engine::{Cancel, Failure};
use hallway_plan::reach::{self, ListenerKind, Location, Measured, Outcome, Path, Question, World};
use hallway_plan::settled::Interface;

use super::proof::{Expectation, Proof, Row};
use crate::diagnose::VerbError;
use crate::failure::CommandCode;
use crate::subject::{Subject, check_target, location};

/// A question, and the file's expectation.
pub(crate) struct Asked {
    pub(crate) question: Question,
    pub(crate) expected: Option<Expectation>,
    /// Why it cannot be tried.
    pub(crate) untested: Option<String>,
}

/// Tests every expectation of the file with real packets. `timeout` is the limit for an answer.
pub(crate) fn expectations(
    subject: &Subject,
    timeout: Duration,
    cancel: &Cancel,
) -> Result<Proof, VerbError> {
    let world = subject.world()?;
    let expected = reach::expected(&world, &subject.expects);
    let mut untested = Vec::new();
    for one in &expected {
        let tried = location(&world, &one.question.from)
            .and_then(|_| check_target(&world, &one.question.to));
        untested.push(match tried {
            Ok(_) => None,
            Err(VerbError::Usage(usage)) => Some(usage),
            Err(other) => return Err(other),
        });
    }
    // Where nothing can be tried, that is the answer.
    if untested.iter().all(Option::is_some)
        && let Some((Some(mut usage), one)) = untested.drain(..).next().zip(expected.first())
    {
        let at = format!("{}:{}", one.place.file(&subject.file), one.place.line);
        usage.message = format!("{at}: {}", usage.message);
        return Err(VerbError::Usage(usage));
    }
    if expected.is_empty() {
        return Err(VerbError::usage(
            CommandCode::NoExpectations,
            format!(
                "{} expects nothing, so there is nothing to test",
                subject.file
            ),
            "add expect: lines to the file, or test every pair: hallway test --matrix",
        ));
    }
    let questions = expected.into_iter().zip(untested).map(|(e, why)| Asked {
        question: e.question,
        untested: why.map(|usage| usage.message),
        expected: Some(Expectation {
            reachable: e.reachable,
            place: e.place,
        }),
    });
    measure(subject, &world, questions, timeout, cancel)
}

/// Tests every question. `timeout` is the limit for an answer.
pub(crate) fn measure(
    subject: &Subject,
    world: &World<'_>,
    questions: impl IntoIterator<Item = Asked>,
    timeout: Duration,
    cancel: &Cancel,
) -> Result<Proof, VerbError> {
    let started = Instant::now();
    let mut attempts = Attempts::new(subject, world, questions);
    let every: Vec<usize> = (0..attempts.rows.len()).collect();
    attempts.make(&every, timeout, cancel)?;
    // A busy machine answers late: if an expected answer is missing, test again with a longer limit.
    let late = attempts
        .rows
        .iter()
        .enumerate()
        .filter(|(_, row)| !row.outcome().reachable() && row.path.outcome.reachable());
    let late: Vec<usize> = late.map(|(index, _)| index).collect();
    attempts.make(&late, timeout * 3, cancel)?;
    Ok(subject.proof(attempts.rows, started.elapsed()))
}

/// A result without its hops but the last of the request: a project has very many of them.
pub(crate) fn without_hops(path: Path) -> Path {
    Path {
        // Whether it arrives.
        request: path.request.last().cloned().into_iter().collect(),
        reply: Vec::new(),
        ..path
    }
}

/// The result where no attempt was possible.
fn without_attempt(why: String) -> Measured {
    Measured {
        outcome: Outcome::Unknown,
        latency_us: None,
        detail: why,
        listener: ListenerKind::None,
        key: None,
    }
}

struct Attempts<'a> {
    subject: &'a Subject,
    rows: Vec<Row>,
    /// Where each row's packets are made; none where no attempt is possible.
    from: Vec<Option<Location>>,
}

impl<'a> Attempts<'a> {
    fn new(
        subject: &'a Subject,
        world: &World<'_>,
        questions: impl IntoIterator<Item = Asked>,
    ) -> Self {
        let mut out = Self {
            subject,
            rows: Vec::new(),
            from: Vec::new(),
        };
        for asked in questions {
            let Asked {
                question,
                expected,
                untested,
            } = asked;
            for path in question.predict(world).into_iter().map(without_hops) {
                let from = world.place(&question.from);
                out.from.push(untested.is_none().then_some(from));
                out.rows.push(Row {
                    path,
                    measured: untested.clone().map(without_attempt),
                    expected: expected.clone(),
                    no_service: None,
                });
            }
        }
        out
    }

    /// Tests the rows of these positions.
    fn make(&mut self, which: &[usize], timeout: Duration, cancel: &Cancel) -> Result<(), Failure> {
        let mut aims = Vec::new();
        let mut positions = Vec::new();
        for index in which {
            let row = self.rows.get(*index).zip(self.from.get(*index));
            let aim = row.and_then(|(row, from)| Aim::of(&row.path, from.as_ref()?));
            if let Some(aim) = aim {
                aims.push(aim);
                positions.push(*index);
            }
        }
        let measured = probe::probe(&self.subject.settled, &aims, timeout, cancel)?;
        for (index, measured) in positions.into_iter().zip(measured) {
            if let Some(row) = self.rows.get_mut(index) {
                row.measured = Some(measured);
            }
        }
        Ok(())
    }
}

impl Subject {
    /// Answers about this project.
    pub(crate) fn proof(&self, rows: Vec<Row>, elapsed: Duration) -> Proof {
        let networks = self.settled.networks.iter().map(|network| {
            let is_port = |i: &Interface| i.plug.network() == Some(&network.name);
            let nodes = self.settled.nodes.iter();
            let on = nodes.filter(|n| n.interfaces.iter().any(is_port));
            let on = on.map(|n| n.name.to_string());
            (network.name.to_string(), on.collect())
        });
        Proof {
            project: self.settled.project.to_string(),
            file: self.file.clone(),
            networks: networks.collect(),
            rows,
            elapsed,
        }
    }
}
