//! Real probes: who reaches whom, tried out with packets. Every socket is made inside the place it
//! belongs to and then stays there, so that one thread can watch them all at once.

mod attempt;
mod listeners;
mod neighbours;
mod wave;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hallway_kernel::netns::{self, Netns};
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::{At, Outcome, Path, Service};
use hallway_plan::settled::Settled;
use hallway_spec::{PortProto, Protocol};
use rustix::process::{Resource, getrlimit, setrlimit};
use serde::Serialize;

use crate::observe::netns_path;

/// So many attempts that should be answered are under way at once: each takes descriptors at both
/// ends, packets, and a place in its listener's queue.
const AT_ONCE: usize = 200;
/// Attempts that should come to nothing take the whole of the time allowed: as many as there are
/// descriptors for wait together.
const IN_VAIN_AT_ONCE: usize = 2000;

/// Something to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// Where the attempt is made.
    pub from: At,
    /// Which address is asked.
    pub to: IpAddr,
    /// For what.
    pub service: Service,
    /// Where it should come out, by what is predicted: a listener is put there if there is none.
    pub target: Option<(At, SocketAddr)>,
    /// Whether an answer is predicted.
    pub answered: bool,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Listener {
    /// The kernel itself (ping).
    Kernel,
    /// A program that was there.
    Service,
    /// Nobody was there; one was put there for the probe.
    Temporary,
    /// Nobody that is known of.
    Nobody,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Measured {
    /// How it ended.
    pub outcome: Outcome,
    /// From the first packet to the answer, in microseconds.
    pub latency_us: Option<u64>,
    /// More, in words; empty when there is no more to say.
    pub detail: String,
    /// Who listens there.
    pub listener: Listener,
    /// By which packets of it are known: the port or the echo identifier it asks from.
    #[serde(skip)]
    pub key: Option<u16>,
}

impl Aim {
    /// The attempt that would show whether a prediction is true; `None` when there is no address to
    /// ask, or nobody from whose place to ask.
    #[must_use]
    pub fn of(path: &Path, from: &At) -> Option<Self> {
        if *from == At::Outside {
            return None;
        }
        let port = match path.service {
            Service::Icmp => None,
            Service::Port(p) => Some(p.port),
        };
        // What the host itself serves is its own; only what a policy opens is tried out there. A
        // listener belongs behind a closed way too: else a way that is open against the file
        // would look like one that is closed.
        let target = path.target.clone().filter(|(at, _)| match at {
            At::Node(_) => port.is_some(),
            At::Host => port.is_some() && path.outcome.reachable(),
            At::Outside => false,
        });
        Some(Self {
            from: from.clone(),
            to: path.address?,
            service: path.service,
            target,
            answered: path.outcome.reachable(),
        })
    }

    fn is_tcp(&self) -> bool {
        matches!(
            self.service,
            Service::Port(PortProto {
                protocol: Protocol::Tcp,
                ..
            })
        )
    }
}

/// Tries everything out; the answers in the same order.
///
/// # Errors
/// When a place cannot be entered or the kernel refuses a socket.
pub fn probe(
    settled: &Settled,
    aims: &[Aim],
    limit: Duration,
) -> Result<Vec<Measured>, KernelError> {
    let mut out: Vec<Option<Measured>> = vec![None; aims.len()];
    let in_vain = IN_VAIN_AT_ONCE.min(descriptors() / 4).max(1);
    for (answered, at_once) in [(true, AT_ONCE.min(in_vain)), (false, in_vain)] {
        let wave: Vec<usize> = (0..aims.len())
            .filter(|i| aims.get(*i).is_some_and(|a| a.answered == answered))
            .collect();
        for some in wave.chunks(at_once) {
            let these: Vec<Aim> = some.iter().filter_map(|i| aims.get(*i).cloned()).collect();
            for (index, measured) in some.iter().zip(wave::run(settled, &these, limit)?) {
                if let Some(slot) = out.get_mut(*index) {
                    *slot = Some(measured);
                }
            }
        }
    }
    Ok(out.into_iter().flatten().collect())
}

/// How many descriptors this process may have, after asking for as many as it may ask for.
fn descriptors() -> usize {
    const ENOUGH: u64 = 4 * IN_VAIN_AT_ONCE as u64;
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |most| most.min(ENOUGH));
    if limit.current.is_some_and(|now| now < wanted) {
        limit.current = Some(wanted);
        setrlimit(Resource::Nofile, limit).ok();
    }
    let now = getrlimit(Resource::Nofile).current;
    now.map_or(ENOUGH, |n| n.min(ENOUGH)) as usize
}

/// Runs something inside a place.
pub(super) fn inside<T>(
    settled: &Settled,
    at: &At,
    what: impl FnOnce() -> Result<T, KernelError>,
) -> Result<T, KernelError> {
    match at {
        At::Host => what(),
        At::Outside => Err(KernelError::new(
            "enter",
            "outside",
            rustix::io::Errno::NOENT,
        )),
        At::Node(name) => {
            let node = settled.node(name);
            let netns = node.map_or_else(|| name.to_string(), |n| n.netns.clone());
            let namespace = Netns::open(&netns_path(&netns))?;
            let _inside = netns::enter(&namespace)?;
            what()
        }
    }
}

/// Whether the calling thread's namespace has IPv6 at all.
fn has_ipv6() -> bool {
    Kernel::new()
        .read_sysctl("net/ipv6/conf/all/disable_ipv6")
        .is_ok_and(|value| value == "0")
}
