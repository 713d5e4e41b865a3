//! Waiting for changes that other programs make: notifications of rtnetlink and nf_tables, and of
//! mounts.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::time::Duration;

use hallway_kernel::KernelError;
use hallway_kernel::monitor::{Event, Monitor, NfChange, NfObject, Topic};
use hallway_plan::{firewall_accepts, mark};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// The rtnetlink topics of objects that hallway owns.
const ROUTE: [Topic; 7] = [
    Topic::Link,
    Topic::Address,
    Topic::Route,
    Topic::Rule,
    Topic::Qdisc,
    Topic::Netconf,
    Topic::Neighbour,
];
const MOUNTS: &str = "/proc/self/mountinfo";

/// What has changed since the last call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changed {
    /// Something in the namespace that holds the bridges, or in one of hallway's tables.
    pub host: bool,
    /// Something inside another namespace, or a mount: namespaces are mounted.
    pub nodes: bool,
}

impl Changed {
    /// Whether anything has changed.
    #[must_use]
    pub fn any(self) -> bool {
        self.host || self.nodes
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            host: self.host || other.host,
            nodes: self.nodes || other.nodes,
        }
    }
}

/// Receives notifications of the network namespace and the mount namespace it was opened in.
///
/// A socket that listens to all namespaces does not report the namespace of a notification. So
/// there are two, one for this namespace alone: what only the other received is of a node.
#[derive(Debug)]
pub struct Watch {
    host: Monitor,
    everywhere: Monitor,
    mounts: File,
    /// The number of notifications that only the second one received.
    ahead: u64,
    seen: [u64; 2],
}

impl Watch {
    /// Starts to watch. Earlier changes are not reported: open it first, then compare.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN.
    pub fn open() -> Result<Self, KernelError> {
        let host = [ROUTE.as_slice(), &[Topic::Nftables]].concat();
        let everywhere = Monitor::open(&ROUTE)?;
        everywhere.listen_everywhere()?;
        Ok(Self {
            host: Monitor::open(&host)?,
            everywhere,
            mounts: File::open(MOUNTS).map_err(|e| KernelError::io("open", MOUNTS, &e))?,
            ahead: 0,
            seen: [0, 0],
        })
    }

    /// What has changed; waits at most this long.
    ///
    /// # Errors
    /// When a socket cannot be read.
    pub fn wait(&mut self, timeout: Duration) -> Result<Changed, KernelError> {
        let mounted = self.poll(timeout)?;
        let now = Some(Duration::ZERO);
        // In this order: notifications of the first have reached the second, too.
        let everywhere = self.everywhere.events(now)?;
        let here = self.host.events(now)?;
        let overrun = |events: &[Event]| events.iter().any(|e| matches!(e, Event::Overrun));
        if overrun(&everywhere) || overrun(&here) {
            *self = Self::open()?;
            return Ok(Changed {
                host: true,
                nodes: true,
            });
        }
        let [all, own] = &mut self.seen;
        *all += everywhere.iter().filter(|e| counts(e)).count() as u64;
        *own += here.iter().filter(|e| counts(e)).count() as u64;
        let ahead = all.saturating_sub(*own);
        let nodes = mounted || ahead > self.ahead;
        self.ahead = self.ahead.max(ahead);
        Ok(Changed {
            host: here.iter().any(concerns),
            nodes,
        })
    }

    /// Waits; whether a mount has changed.
    fn poll(&self, timeout: Duration) -> Result<bool, KernelError> {
        let sockets = self.host.sockets().chain(self.everywhere.sockets());
        let mut fds: Vec<PollFd<'_>> = sockets
            .map(|socket| PollFd::from_borrowed_fd(socket, PollFlags::IN))
            .collect();
        // A change of mounts is reported as urgent data.
        fds.push(PollFd::from_borrowed_fd(
            self.mounts.as_fd(),
            PollFlags::PRI,
        ));
        let limit = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match poll(&mut fds, Some(&limit)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(false),
            Err(e) => return Err(KernelError::new("wait for notifications", "", e)),
        }
        let mounts = fds.last().map(PollFd::revents);
        Ok(mounts.is_some_and(|events| events.contains(PollFlags::PRI)))
    }
}

/// Whether both sockets receive such an event, and one of a node may concern a project: neighbours that
/// the kernel finds itself do not.
fn counts(event: &Event) -> bool {
    match event {
        Event::Nftables(..) | Event::Generation(_) | Event::Forwarding(..) => false,
        Event::Neighbour(_, neighbour) => neighbour.is_fixed(),
        _ => true,
    }
}

/// Whether an event may concern a project. Tables of other programs do not, except for the chains
/// that have accepts of projects; neither do neighbours that the kernel finds, and what bridges learn.
fn concerns(event: &Event) -> bool {
    match event {
        Event::Nftables(_, change) => mark::is_ours(&change.table) || may_have_accepts(change),
        Event::Generation(_) => false,
        Event::Neighbour(_, neighbour) => neighbour.is_fixed(),
        Event::Forwarding(_, entry) => entry.bridge.is_some() && entry.fixed,
        _ => true,
    }
}

fn may_have_accepts(change: &NfChange) -> bool {
    let mut entries = firewall_accepts::FIREWALL_CHAINS.iter();
    entries.any(|entry| {
        let of_table = entry.family == change.family && entry.table == change.table;
        of_table
            && match &change.object {
                NfObject::Table => true,
                NfObject::Chain(chain) | NfObject::Rule { chain, .. } => chain == entry.chain,
                NfObject::Set(_) | NfObject::Elements { .. } => false,
            }
    })
}

#[cfg(test)]
mod tests {
    use hallway_kernel::monitor::Existence;
    use hallway_nftables::Family;

    use super::*;

    #[test]
    fn of_tables_of_others_only_the_chains_with_accepts_concern_a_project() {
        let removed = |table: &str, object| {
            let change = NfChange {
                family: Family::Ip,
                table: table.to_owned(),
                object,
            };
            concerns(&Event::Nftables(Existence::Removed, change))
        };
        let rule = |chain: &str| NfObject::Rule {
            chain: chain.to_owned(),
            handle: 1,
        };
        assert!(removed("filter", rule("DOCKER-USER")));
        assert!(removed(
            "filter",
            NfObject::Chain("ufw-user-forward".into())
        ));
        assert!(removed("filter", NfObject::Table));
        assert!(removed("hallway-p", rule("x")));
        assert!(!removed("filter", rule("INPUT")));
        assert!(!removed("nat", rule("DOCKER-USER")));
        assert!(!removed("filter", NfObject::Set("DOCKER-USER".into())));
    }
}
