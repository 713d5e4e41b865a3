//! Many attempts at the same time, watched by one thread.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use hallway_kernel::KernelError;
use hallway_kernel::probe::{IcmpNote, IcmpSocket};
use hallway_plan::reach::{Location, Measured};
use hallway_plan::rules::nf_version;
use hallway_plan::settled::Settled;
use hallway_spec::IpVersion;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::aim::Aim;
use super::attempt::Attempt;
use super::listeners::Listeners;
use super::neighbours::Neighbours;
use super::place::{has_ipv6, inside};
use crate::Cancel;

/// All attempts are polled at least this often.
const TICK: Duration = Duration::from_millis(50);

/// Where something is awaited that makes no socket readable.
const SHORT_TICK: Duration = Duration::from_millis(1);

/// ICMP sockets, by place and IP version.
type IcmpSockets = BTreeMap<(Location, IpVersion), IcmpSocket>;

/// Makes some attempts at the same time.
pub(super) fn run(
    settled: &Settled,
    aims: &[Aim],
    limit: Duration,
    cancel: &Cancel,
) -> Result<Vec<Measured>, KernelError> {
    let begun = Instant::now();
    let mut listeners = Listeners::new(settled, aims)?;
    let icmp_sockets = open_icmp_sockets(settled, aims)?;
    let base = std::process::id() as u16;
    let mut attempts = Vec::with_capacity(aims.len());
    for (position, aim) in aims.iter().enumerate() {
        let number = base.wrapping_add(position as u16);
        let icmp = icmp_sockets.get(&(aim.from.clone(), IpVersion::of(aim.to)));
        let listener = listeners.of(aim);
        attempts.push(inside(settled, &aim.from, || {
            Ok(Attempt::begin(aim, listener, number, icmp))
        })?);
    }
    let deadline = Instant::now() + limit;
    while attempts.iter().any(|a| a.done.is_none())
        && Instant::now() < deadline
        && !cancel.is_cancelled()
    {
        wait(&attempts, &listeners, &icmp_sockets);
        listeners.serve(|at, frame| attempts.iter_mut().for_each(|a| a.seen(at, frame)));
        receive_icmp(&icmp_sockets, &mut attempts);
        for attempt in &mut attempts {
            let key = (attempt.aim.from.clone(), IpVersion::of(attempt.aim.to));
            attempt.poll(icmp_sockets.get(&key));
        }
    }
    let mut neighbours = Neighbours::since(begun);
    for attempt in &mut attempts {
        attempt.time_out(|aim| neighbours.silent(settled, aim));
    }
    Ok(attempts.into_iter().filter_map(|a| a.done).collect())
}

/// Two sockets for each place from which attempts are made.
fn open_icmp_sockets(settled: &Settled, aims: &[Aim]) -> Result<IcmpSockets, KernelError> {
    let mut out = IcmpSockets::new();
    for aim in aims {
        let key = (aim.from.clone(), IpVersion::of(aim.to));
        if out.contains_key(&key) {
            continue;
        }
        let socket = inside(settled, &aim.from, || {
            let usable = key.1.is_v4() || has_ipv6();
            let open = || IcmpSocket::open(nf_version(key.1));
            usable.then(open).transpose()
        })?;
        out.extend(socket.map(|socket| (key, socket)));
    }
    Ok(out)
}

fn wait(attempts: &[Attempt<'_>], listeners: &Listeners, icmp_sockets: &IcmpSockets) {
    let clients = attempts.iter().filter_map(|a| {
        let flags = if a.connecting() {
            PollFlags::OUT
        } else {
            PollFlags::IN
        };
        Some(PollFd::from_borrowed_fd(a.fd()?, flags))
    });
    let listening = listeners
        .fds()
        .chain(icmp_sockets.values().map(AsFd::as_fd))
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN));
    let mut all: Vec<PollFd<'_>> = clients.chain(listening).collect();
    let tick = match attempts.iter().any(Attempt::ending) {
        true => SHORT_TICK,
        false => TICK,
    };
    let tick = Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(tick.subsec_nanos()),
    };
    // All attempts are polled next, even after an interruption.
    poll(&mut all, Some(&tick)).ok();
}

/// ICMP messages of each place go to the attempts made there.
fn receive_icmp(icmp_sockets: &IcmpSockets, attempts: &mut [Attempt<'_>]) {
    for ((at, version), socket) in icmp_sockets {
        while let Ok(Some(note)) = socket.receive() {
            let mine = attempts
                .iter_mut()
                .filter(|a| &a.aim.from == at && IpVersion::of(a.aim.to) == *version);
            match &note {
                IcmpNote::Reply(identifier) => mine.for_each(|a| a.echoed(*identifier)),
                IcmpNote::Error(error) => mine.for_each(|a| a.icmp_error(error)),
            }
        }
    }
}
