//! Many attempts at once, watched by one thread.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use hallway_kernel::KernelError;
use hallway_kernel::probe::{IcmpNote, IcmpSocket};
use hallway_plan::reach::{Location, Measured};
use hallway_plan::settled::Settled;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::attempt::Attempt;
use super::listeners::Listeners;
use super::neighbours::Neighbours;
use super::{Aim, has_ipv6, inside};
use crate::interrupt;

/// At the latest after that long all attempts are looked at.
const TICK: Duration = Duration::from_millis(50);

type Raw = BTreeMap<(Location, bool), IcmpSocket>;

/// Tries some things out at once.
pub(super) fn run(
    settled: &Settled,
    aims: &[Aim],
    limit: Duration,
) -> Result<Vec<Measured>, KernelError> {
    let mut listeners = Listeners::new(settled, aims)?;
    let raw = raw_sockets(settled, aims)?;
    let base = std::process::id() as u16;
    let mut attempts = Vec::with_capacity(aims.len());
    for (position, aim) in aims.iter().enumerate() {
        let number = base.wrapping_add(position as u16);
        let icmp = raw.get(&(aim.from.clone(), aim.to.is_ipv4()));
        let listener = listeners.of(aim);
        attempts.push(inside(settled, &aim.from, || {
            Ok(Attempt::begin(aim, listener, number, icmp))
        })?);
    }
    let deadline = Instant::now() + limit;
    while attempts.iter().any(|a| a.done.is_none())
        && Instant::now() < deadline
        && interrupt::came().is_none()
    {
        wait(&attempts, &listeners, &raw);
        listeners.serve(|frame| attempts.iter_mut().for_each(|a| a.seen(frame)));
        hear(&raw, &mut attempts);
        for attempt in &mut attempts {
            let key = (attempt.aim.from.clone(), attempt.aim.to.is_ipv4());
            attempt.look(raw.get(&key));
        }
    }
    let mut neighbours = Neighbours::default();
    for attempt in &mut attempts {
        attempt.give_up(|aim| neighbours.silent(settled, aim));
    }
    Ok(attempts.into_iter().filter_map(|a| a.done).collect())
}

/// Two sockets for each place from which attempts are made.
fn raw_sockets(settled: &Settled, aims: &[Aim]) -> Result<Raw, KernelError> {
    let mut out = Raw::new();
    for aim in aims {
        let key = (aim.from.clone(), aim.to.is_ipv4());
        if out.contains_key(&key) {
            continue;
        }
        let socket = inside(settled, &aim.from, || {
            (key.1 || has_ipv6())
                .then(|| IcmpSocket::open(key.1))
                .transpose()
        })?;
        out.extend(socket.map(|socket| (key, socket)));
    }
    Ok(out)
}

fn wait(attempts: &[Attempt<'_>], listeners: &Listeners, raw: &Raw) {
    let clients = attempts.iter().filter_map(|a| {
        let flags = if a.connecting() {
            PollFlags::OUT
        } else {
            PollFlags::IN
        };
        Some(PollFd::from_borrowed_fd(a.client()?.as_fd(), flags))
    });
    let listening = listeners
        .fds()
        .chain(raw.values().map(AsFd::as_fd))
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    let mut all: Vec<PollFd<'_>> = clients.chain(listening).collect();
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(TICK.subsec_nanos()),
    };
    poll(&mut all, Some(&tick)).ok(); // interrupted: looked at all the same
}

/// What ICMP says in each place goes to the attempts made there.
fn hear(raw: &Raw, attempts: &mut [Attempt<'_>]) {
    for ((at, v4), socket) in raw {
        while let Ok(Some(note)) = socket.receive() {
            let mine = attempts
                .iter_mut()
                .filter(|a| &a.aim.from == at && a.aim.to.is_ipv4() == *v4);
            match &note {
                IcmpNote::Reply(identifier) => mine.for_each(|a| a.echoed(*identifier)),
                IcmpNote::Error(error) => mine.for_each(|a| a.hear(error)),
            }
        }
    }
}
