//! Waiting until every program of a project is ready.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Caller;
use crate::event::{Event, Warning};
use crate::failure::NotReady;
use crate::keeper::{Awaited, AwaitedProgram, Client, Program, Readiness};
use crate::{Failure, Reason};

/// How long a program that an edit starts may take to become ready.
pub(super) const READY_LIMIT: Duration = Duration::from_secs(60);
/// How many lines of a log a failure quotes.
const QUOTED: usize = 10;
const PAUSE_FIRST: Duration = Duration::from_millis(1);
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// How often the same node is reported while the run waits for it.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// Waits until every program is ready.
///
/// # Errors
/// When one ends with another code than 0, the limit is reached, or the caller cancels.
pub(super) fn wait(
    client: &Client,
    wanted: &[Program],
    limit: Duration,
    caller: &mut Caller<'_>,
) -> Result<(), Failure> {
    let deadline = Instant::now() + limit;
    let mut pause = PAUSE_FIRST;
    let mut reported = Reported::default();
    loop {
        match client.poll_ready(wanted)? {
            Readiness::Ready { failed } => {
                for program in failed {
                    caller.warn(Warning::NotRequired(program));
                }
                return Ok(());
            }
            Readiness::Failed { node, end } => {
                caller.cancel.check()?; // Ctrl-C in a terminal ends the programs too
                return Err(not_ready(wanted, node, NotReady::Ended(end)));
            }
            Readiness::Waiting(programs) => {
                caller.cancel.check()?;
                if Instant::now() > deadline {
                    return Err(late(wanted, programs, limit));
                }
                reported.report(programs, caller);
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// What was reported last.
#[derive(Default)]
struct Reported {
    /// The nodes, and since when the run has waited for each.
    since: BTreeMap<String, Instant>,
    last: Option<Instant>,
}

impl Reported {
    /// Reports the nodes that the run waits for: at intervals, and when there is another one.
    fn report(&mut self, programs: Vec<AwaitedProgram>, caller: &mut Caller<'_>) {
        let now = Instant::now();
        let before = std::mem::take(&mut self.since);
        let since = |p: &AwaitedProgram| *before.get(&p.node).unwrap_or(&now);
        self.since = programs
            .iter()
            .map(|p| (p.node.clone(), since(p)))
            .collect();
        let same = self.since.keys().all(|node| before.contains_key(node));
        let recent = |last: Instant| now.duration_since(last) < REPORT_INTERVAL;
        if same && self.last.is_some_and(recent) {
            return;
        }
        self.last = Some(now);
        let first = self.since.values().min().copied().unwrap_or(now);
        let waited = now.duration_since(first);
        caller.report(Event::WaitingFor { programs, waited });
    }
}

/// The failure after the limit: of the first, with the names of the others.
fn late(wanted: &[Program], programs: Vec<AwaitedProgram>, limit: Duration) -> Failure {
    let mut programs = programs.into_iter();
    let first = programs.next();
    let (node, awaited) = first.map_or((String::new(), Awaited::Runs), |p| (p.node, p.awaited));
    let why = NotReady::Late {
        seconds: limit.as_secs(),
        awaited,
        others: programs.map(|p| p.node).collect(),
    };
    not_ready(wanted, node, why)
}

fn not_ready(wanted: &[Program], node: String, why: NotReady) -> Failure {
    let log = wanted.iter().find(|p| p.node == node).map(|p| &p.log);
    // A program that wrote nothing has an empty log, or none.
    let text = log.map(|log| crate::state::end_of(log)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(QUOTED));
    let last_lines = last.map(|l| (*l).to_owned()).collect();
    Reason::NotReady {
        node,
        why,
        last_lines,
        not_in_force: Vec::new(),
        unrecorded: false,
        left_up: None,
    }
    .into()
}
