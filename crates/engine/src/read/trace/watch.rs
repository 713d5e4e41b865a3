//! One watched place: its frames, its packet filter's reports, and later lookups there.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use hallway_kernel::conntrack::Connection;
use hallway_kernel::link::LinkInfo;
use hallway_kernel::neighbour::NeighbourInfo;
use hallway_kernel::nft::Trace;
use hallway_kernel::packet::{Direction, Ethernet, Ip, PacketSocket};
use hallway_kernel::route::{RouteAnswer, RouteQuestion};
use hallway_kernel::{Kernel, KernelError};
use hallway_nftables::print::RuleInfo;
use hallway_nftables::trace::{TraceEvent, Watched, is_marking};
use hallway_nftables::{Base, Family, Hook};
use hallway_plan::reach::Location;
use hallway_plan::settled::Settled;

use super::super::probe::inside;

/// A frame that was seen.
#[derive(Debug, Clone)]
pub(super) struct SeenFrame {
    pub(super) interface: u32,
    pub(super) out: bool,
    pub(super) time: SystemTime,
    /// Its position among all that were seen at the place.
    pub(super) order: u64,
    /// The time is that of the frame. A kernel begins to record times a moment after the first
    /// program requests them; frames before that get the time they are read.
    pub(super) stamped: bool,
    pub(super) ip: Ip,
}

/// A chain: family, table, name.
type ChainKey = (Family, String, String);

/// A watched place. Everything in it belongs to that place's namespace.
#[derive(Debug)]
pub(super) struct WatchedPlace {
    pub(super) at: Location,
    links: BTreeMap<u32, LinkInfo>,
    /// The place's own addresses.
    pub(super) addresses: Vec<IpAddr>,
    bases: BTreeMap<ChainKey, Base>,
    rules: BTreeMap<ChainKey, Vec<RuleInfo>>,
    packets: PacketSocket,
    trace: Trace,
    kernel: Kernel,
    pub(super) frames: Vec<SeenFrame>,
    seen: u64,
    pub(super) events: Vec<TraceEvent>,
    /// Packets made here, before any other rule has run.
    pub(super) made: Vec<Ip>,
}

impl WatchedPlace {
    /// Begins to watch a place.
    pub(super) fn begin(
        settled: &Settled,
        at: &Location,
        watched: &[Watched],
    ) -> Result<Self, KernelError> {
        inside(settled, at, || {
            let mut kernel = Kernel::new();
            kernel.open_sockets()?;
            let links = kernel.links()?.into_iter().map(|l| (l.index, l)).collect();
            let addresses = kernel
                .addresses()?
                .into_iter()
                .map(|a| a.net.addr())
                .collect();
            let bases = kernel
                .chains()?
                .into_iter()
                .filter_map(|c| Some(((c.family, c.table, c.chain.name), c.chain.base?)))
                .collect();
            let packets = PacketSocket::open()?;
            let trace = Trace::begin(&kernel, watched)?;
            Ok(Self {
                at: at.clone(),
                links,
                addresses,
                bases,
                rules: BTreeMap::new(),
                packets,
                trace,
                kernel,
                frames: Vec::new(),
                seen: 0,
                events: Vec::new(),
                made: Vec::new(),
            })
        })
    }

    /// Reads all reports up to now.
    pub(super) fn drain(&mut self) -> Result<(), KernelError> {
        let now = SystemTime::now();
        while let Some(frame) = self.packets.recv(Duration::ZERO)? {
            if let Some(ip) = Ethernet::parse(&frame.bytes).ip() {
                self.seen += 1;
                self.frames.push(SeenFrame {
                    order: self.seen,
                    interface: frame.interface,
                    out: frame.direction == Direction::Out,
                    time: frame.time,
                    stamped: frame.time < now,
                    ip: ip.clone(),
                });
            }
        }
        for event in self.trace.events(Duration::ZERO)? {
            if !is_marking(&event.table) {
                self.events.push(event);
            } else if event.chain == "output" {
                self.made
                    .extend(event.packet.as_deref().and_then(Ip::parse));
            }
        }
        Ok(())
    }

    /// Discards packets that have no effect, and old reports: a long watch takes no more memory
    /// than a short one.
    pub(super) fn keep(&mut self, matters: impl Fn(&Ip) -> bool) {
        const REPORTS_MAX: usize = 20_000;
        self.frames.retain(|seen| matters(&seen.ip));
        self.made.retain(|ip| matters(ip));
        let over = self.events.len().saturating_sub(REPORTS_MAX);
        self.events.drain(..over);
    }

    /// Discards everything that has been read.
    pub(super) fn discard(&mut self) {
        self.frames.clear();
        self.events.clear();
        self.made.clear();
    }

    /// A link by its index.
    pub(super) fn link(&self, index: u32) -> Option<&LinkInfo> {
        self.links.get(&index)
    }

    /// A link's name.
    pub(super) fn name(&self, index: u32) -> String {
        self.link(index)
            .map_or_else(|| index.to_string(), |l| l.name.clone())
    }

    /// Where the kernel calls a chain, if it is a base chain.
    pub(super) fn base(&self, event: &TraceEvent) -> Option<&Base> {
        let key = (event.family, event.table.clone(), event.chain.clone());
        self.bases.get(&key)
    }

    /// Chains at hooks that nftrace does not report: those before all others, or after.
    pub(super) fn unseen_chains(&self) -> Vec<String> {
        let early = self
            .bases
            .iter()
            .filter(|(_, b)| matches!(b.hook, Hook::Ingress | Hook::Egress));
        let words = early.map(|((family, table, chain), base)| {
            let (family, hook) = (family.name(), base.hook.name());
            format!("chain {chain} of table {family} {table} at {hook}")
        });
        words.collect()
    }

    /// The table of connections, if it has no room for another.
    pub(super) fn full_table(&mut self) -> Option<String> {
        let most = self.kernel.read_sysctl("net/netfilter/nf_conntrack_max");
        let most: u32 = most.ok()?.parse().ok()?;
        let count = self.kernel.connection_count().ok()?;
        // Some may have ended since.
        let full = most > 0 && count >= most - most / 50;
        full.then(|| {
            format!(
                "the full table of connections of {} ({count} of {most})",
                self.at
            )
        })
    }

    /// The rule with a handle; `None` if it does not exist any more.
    pub(super) fn rule(&mut self, event: &TraceEvent, handle: u64) -> Option<RuleInfo> {
        let key = (event.family, event.table.clone(), event.chain.clone());
        if !self.rules.contains_key(&key) {
            let rules = self.kernel.rules(event.family, &event.table, &event.chain);
            self.rules.insert(key.clone(), rules.unwrap_or_default());
        }
        let rules = self.rules.get(&key)?;
        rules.iter().find(|r| r.handle == handle).cloned()
    }

    /// The route by which the place would send a packet.
    pub(super) fn route(&mut self, question: &RouteQuestion) -> Result<RouteAnswer, KernelError> {
        self.kernel.route_for(question)
    }

    /// Neighbours that have not answered packets since then.
    pub(super) fn silent_neighbours(&mut self, begun: Instant) -> Vec<NeighbourInfo> {
        let all = self.kernel.neighbours().unwrap_or_default();
        let time = begun.elapsed();
        all.into_iter()
            .filter(|n| n.is_unanswered_within(time))
            .collect()
    }

    /// The connections that the place tracks.
    pub(super) fn connections(&mut self) -> Vec<Connection> {
        self.kernel.connections().unwrap_or_default()
    }
}
