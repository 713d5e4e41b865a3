//! Real probes: reachability tested with packets. Every socket is made inside its place and then
//! stays there, so that one thread can watch all of them.

mod aim;
mod attempt;
mod listeners;
mod neighbours;
mod place;
mod progress;
mod table;
mod wave;

use std::collections::BTreeSet;
use std::time::Duration;

use hallway_kernel::conntrack::{Connection, ConnectionFilter};
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::{Location, Measured, Outcome};
use hallway_plan::settled::Settled;
use hallway_spec::IpVersion;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::Cancel;

use table::Table;

pub use aim::Aim;
pub(super) use place::inside;

/// The number of attempts with an expected answer that are made at the same time: each takes
/// descriptors at both ends, packets, and a place in its listener's queue.
const ANSWERED_AT_ONCE: usize = 200;
/// Attempts without an expected answer take the whole time limit: as many as the descriptors allow
/// are made at the same time.
const UNANSWERED_AT_ONCE: usize = 2000;

/// Makes all attempts; the answers are in the same order.
///
/// # Errors
/// When a place cannot be entered or the kernel refuses a socket.
pub fn probe(
    settled: &Settled,
    aims: &[Aim],
    limit: Duration,
    cancel: &Cancel,
) -> Result<Vec<Measured>, KernelError> {
    let mut out: Vec<Option<Measured>> = vec![None; aims.len()];
    let table = Table::new(settled, aims);
    let mut full = Kernel::new().neighbour_tables_full()?;
    let unanswered = UNANSWERED_AT_ONCE.min(descriptors() / 4).max(1);
    let answered = ANSWERED_AT_ONCE.min(unanswered);
    // Attempts without ports come last, those without an expected answer first: see `traces`.
    for (without_port, should, at_once) in [
        (false, true, answered),
        (false, false, unanswered),
        (true, false, unanswered),
        (true, true, answered),
    ] {
        let of_wave = |a: &Aim| a.answered == should && a.is_without_port() == without_port;
        let wave: Vec<usize> = (0..aims.len())
            .filter(|i| aims.get(*i).is_some_and(of_wave))
            .collect();
        let parts: Vec<Vec<usize>> = match without_port && should {
            true => by_address(aims, wave),
            false => vec![wave],
        };
        let parts = parts.into_iter().flat_map(|p| table.parts(p, at_once));
        for some in parts {
            let these: Vec<Aim> = some.iter().filter_map(|i| aims.get(*i).cloned()).collect();
            let neighbours = table.before(&some)?;
            let before = without_port.then(|| traces(settled, &these)).transpose()?;
            let mut measured = wave::run(settled, &these, limit, cancel)?;
            note_full(&these, &mut measured, &mut full)?;
            for (index, measured) in some.iter().zip(measured) {
                if let Some(slot) = out.get_mut(*index) {
                    *slot = Some(measured);
                }
            }
            if let Some(before) = before {
                remove_traces(settled, &these, &before)?;
            }
            table.restore(neighbours)?;
        }
    }
    Ok(out.into_iter().flatten().collect())
}

/// Expected answers that are missing have no result if the kernel had no room for a neighbour meanwhile.
/// `before` is how often that had happened.
fn note_full(aims: &[Aim], measured: &mut [Measured], before: &mut u64) -> Result<(), KernelError> {
    let missing = |(aim, measured): &(&Aim, &mut Measured)| {
        let lost = [Outcome::Filtered, Outcome::Unreachable].contains(&measured.outcome);
        aim.answered && lost
    };
    let mut missing = aims.iter().zip(measured).filter(missing).peekable();
    if missing.peek().is_none() {
        return Ok(());
    }
    let now = Kernel::new().neighbour_tables_full()?;
    if now > *before {
        for (_, measured) in missing {
            measured.outcome = Outcome::Unknown;
            measured.detail = table::FULL.to_owned();
        }
    }
    *before = now;
    Ok(())
}

/// Splits the attempts so that each part has each address once: masqueraded packets without ports
/// do not show which client sent them.
fn by_address(aims: &[Aim], mut wave: Vec<usize>) -> Vec<Vec<usize>> {
    let mut out = Vec::new();
    while !wave.is_empty() {
        let mut used = BTreeSet::new();
        let first = |i: &usize| {
            let aim = aims.get(*i);
            aim.is_none_or(|a| used.insert((a.to, a.service)))
        };
        let (part, rest) = wave.into_iter().partition(first);
        out.push(part);
        wave = rest;
    }
    out
}

/// What is tracked at one place.
type Traces = Vec<(Location, Connection)>;

/// The connections of the protocols that are tried here that the host tracks, and nodes that masquerade.
/// Connection tracking identifies those without ports by their addresses alone: after a probe, whatever the
/// other end sends would be a reply, so what a probe left there is removed.
fn traces(settled: &Settled, aims: &[Aim]) -> Result<Traces, KernelError> {
    let filter = |a: &Aim| ConnectionFilter {
        protocol: Some(a.service.protocol(IpVersion::of(a.to))),
        ..ConnectionFilter::default()
    };
    let filters: Vec<ConnectionFilter> = aims.iter().map(filter).collect();
    let routers = settled.nodes.iter().filter(|n| n.masquerades());
    let routers = routers.map(|n| Location::Node(n.name.clone()));
    let mut out = Traces::new();
    for at in std::iter::once(Location::Host).chain(routers) {
        let all = inside(settled, &at, || Kernel::new().connections())?;
        let mine = all
            .into_iter()
            .filter(|c| filters.iter().any(|f| f.matches(c)));
        out.extend(mine.map(|connection| (at.clone(), connection)));
    }
    Ok(out)
}

/// Removes what was not tracked before.
fn remove_traces(settled: &Settled, aims: &[Aim], before: &Traces) -> Result<(), KernelError> {
    for (at, connection) in traces(settled, aims)? {
        let mut known = before.iter().filter(|(place, _)| *place == at);
        if known.all(|(_, known)| known.original != connection.original) {
            inside(settled, &at, || {
                Kernel::new().delete_connection(&connection)
            })?;
        }
    }
    Ok(())
}

/// How many descriptors this process may have, after raising its limit as far as it may.
fn descriptors() -> usize {
    const ENOUGH: u64 = 4 * UNANSWERED_AT_ONCE as u64;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|now| now < wanted) {
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).ok();
    }
    let now = getrlimit(Resource::Nofile).current;
    now.map_or(ENOUGH, |n| n.min(ENOUGH)) as usize
}
