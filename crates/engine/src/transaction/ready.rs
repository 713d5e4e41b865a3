//! Waiting until every program of a project is ready.

use std::time::{Duration, Instant};

use super::Caller;
use crate::event::{Event, Warning};
use crate::failure::NotReady;
use crate::keeper::{Awaited, Client, Program, Readiness};
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
    let mut reported: Option<Reported> = None;
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
            Readiness::Waiting { node, awaited } => {
                caller.cancel.check()?;
                if Instant::now() > deadline {
                    let why = NotReady::Late {
                        seconds: limit.as_secs(),
                        awaited,
                    };
                    return Err(not_ready(wanted, node, why));
                }
                report(node, awaited, &mut reported, caller);
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// The node that was reported last.
struct Reported {
    node: String,
    first: Instant,
    last: Instant,
}

/// Reports a node that the run waits for, at intervals.
fn report(
    node: String,
    awaited: Awaited,
    reported: &mut Option<Reported>,
    caller: &mut Caller<'_>,
) {
    let now = Instant::now();
    let before = reported.take().filter(|r| r.node == node);
    let first = before.as_ref().map_or(now, |r| r.first);
    if let Some(recent) = before.filter(|r| now.duration_since(r.last) < REPORT_INTERVAL) {
        *reported = Some(recent);
        return;
    }
    caller.report(Event::WaitingFor {
        awaited,
        node: node.clone(),
        waited: now.duration_since(first),
    });
    *reported = Some(Reported {
        node,
        first,
        last: now,
    });
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
    }
    .into()
}
