//! Waiting until every program of a project is ready.

use std::time::{Duration, Instant};

use super::Caller;
use crate::event::Event;
use crate::failure::NotReady;
use crate::keeper::{Client, Program, Readiness};
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
/// When one ends with another code than 0, the limit is over, or the caller cancels.
pub(super) fn wait(
    client: &Client,
    wanted: &[Program],
    limit: Duration,
    caller: &mut Caller<'_>,
) -> Result<(), Failure> {
    let deadline = Instant::now() + limit;
    let mut pause = PAUSE_FIRST;
    let mut reported: Option<(String, Instant)> = None;
    loop {
        match client.poll_ready(wanted)? {
            Readiness::Ready => return Ok(()),
            Readiness::Failed { node, end } => {
                caller.cancel.check()?; // Ctrl-C in a terminal ends the programs too
                return Err(not_ready(wanted, node, NotReady::Ended(end)));
            }
            Readiness::Waiting { node } => {
                caller.cancel.check()?;
                if Instant::now() > deadline {
                    return Err(not_ready(wanted, node, NotReady::Late(limit.as_secs())));
                }
                let recent = reported
                    .as_ref()
                    .is_some_and(|(n, at)| *n == node && at.elapsed() < REPORT_INTERVAL);
                if !recent {
                    caller.report(Event::WaitingFor { node: node.clone() });
                    reported = Some((node, Instant::now()));
                }
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(PAUSE_MAX);
    }
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
    }
    .into()
}
