//! Real probes: who reaches whom, tried out with packets. Every socket is made inside the place it
//! belongs to and then stays there, so that one thread can watch them all at once.

mod attempt;
mod listeners;
mod neighbours;
mod wave;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use hallway_kernel::netns::{self, Netns};
use hallway_kernel::{KernelError, sysctl};
use hallway_plan::reach::{At, Outcome, Path, Service};
use hallway_plan::settled::Settled;
use hallway_spec::{PortProto, Protocol};
use serde::Serialize;

use crate::observe::NETNS_DIRECTORY;

/// So many attempts are under way at once: each takes a descriptor or two, and packets.
const AT_ONCE: usize = 200;

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
    let mut out = Vec::with_capacity(aims.len());
    for some in aims.chunks(AT_ONCE) {
        out.extend(wave::run(settled, some, limit)?);
    }
    Ok(out)
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
            let namespace = Netns::open(&PathBuf::from(NETNS_DIRECTORY).join(netns))?;
            let _inside = netns::enter(&namespace)?;
            what()
        }
    }
}

/// Whether the calling thread's namespace has IPv6 at all.
fn has_ipv6() -> bool {
    sysctl::read("net/ipv6/conf/all/disable_ipv6").is_ok_and(|value| value == "0")
}
