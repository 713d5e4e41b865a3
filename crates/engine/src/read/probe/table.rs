//! The kernel's table of neighbours. All namespaces of the machine have one (for each IP version) of
//! 1024 entries, and every pair of neighbours that exchange packets takes two: the attempts of a large
//! network are made in parts, and what a part put there is removed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use hallway_kernel::neighbour::{NeighbourInfo, delete_neighbour};
use hallway_kernel::{Kernel, KernelError};
use hallway_plan::reach::Location;
use hallway_plan::settled::Settled;

use super::aim::Aim;
use super::place::inside;

/// The entries that one wave may make: a quarter of the table, which others use too.
const ENTRIES_MAX: usize = 256;

/// What an attempt in a wave without an answer says, if the table was full meanwhile.
pub(super) const FULL: &str = "the kernel's table of neighbours was full, for all namespaces of this machine; \
     make it larger on the machine: sysctl -w net.ipv4.neigh.default.gc_thresh3=8192 \
     net.ipv6.neigh.default.gc_thresh3=8192";

/// An entry at a place: another place on the same link, or that place's next hops.
type Entry = (Location, Option<Location>);

/// What attempts put there.
pub(super) struct Table<'a> {
    settled: &'a Settled,
    /// Where the addresses of nodes are.
    owners: BTreeMap<IpAddr, Location>,
    /// What each attempt makes, at its client and at the other end.
    entries: Vec<[Entry; 2]>,
    /// They make more than may stay.
    many: bool,
}

impl<'a> Table<'a> {
    pub(super) fn new(settled: &'a Settled, aims: &[Aim]) -> Self {
        let mut owners = BTreeMap::new();
        for node in &settled.nodes {
            for net in node.interfaces.iter().flat_map(|i| &i.addresses) {
                owners.insert(net.addr(), Location::Node(node.name.clone()));
            }
        }
        let entries: Vec<[Entry; 2]> = (aims.iter())
            .map(|aim| entries(settled, &owners, aim))
            .collect();
        let distinct: BTreeSet<&Entry> = entries.iter().flatten().collect();
        let many = distinct.len() > ENTRIES_MAX;
        Self {
            settled,
            owners,
            entries,
            many,
        }
    }

    /// Splits a wave into parts that make few entries each, and that have at most `most` attempts. Both
    /// directions of a pair take the same entries and are in the same part.
    pub(super) fn parts(&self, mut wave: Vec<usize>, most: usize) -> Vec<Vec<usize>> {
        if self.many {
            wave.sort_by_cached_key(|index| self.of(*index).min());
        }
        let (mut out, mut part): (Vec<Vec<usize>>, Vec<usize>) = (Vec::new(), Vec::new());
        let mut made: BTreeSet<&Entry> = BTreeSet::new();
        for index in wave {
            let more = self.of(index).filter(|entry| !made.contains(entry)).count();
            if part.len() >= most || (made.len() + more > ENTRIES_MAX && !part.is_empty()) {
                out.push(std::mem::take(&mut part));
                made.clear();
            }
            made.extend(self.of(index));
            part.push(index);
        }
        out.extend(Some(part).filter(|part| !part.is_empty()));
        out
    }

    fn of(&self, index: usize) -> impl Iterator<Item = &Entry> {
        self.entries.get(index).into_iter().flatten()
    }

    /// What is there before a part; nothing if what all attempts make may stay.
    pub(super) fn before(&self, part: &[usize]) -> Result<Before, KernelError> {
        let mut out = Before::new();
        for (at, _) in part.iter().flat_map(|i| self.of(*i)).filter(|_| self.many) {
            if !out.contains_key(at) {
                let known = inside(self.settled, at, || Kernel::new().neighbours())?;
                let known = known.iter().map(|n| (n.interface, n.address)).collect();
                out.insert(at.clone(), known);
            }
        }
        Ok(out)
    }

    /// Removes the entries for the project's addresses that were not there before.
    pub(super) fn restore(&self, before: Before) -> Result<(), KernelError> {
        for (at, known) in before {
            let is_new = |n: &NeighbourInfo| {
                !n.is_fixed()
                    && self.owners.contains_key(&n.address)
                    && !known.contains(&(n.interface, n.address))
            };
            inside(self.settled, &at, || {
                let mut kernel = Kernel::new();
                for n in kernel.neighbours()?.iter().filter(|n| is_new(n)) {
                    // It may have been removed meanwhile.
                    kernel.run(delete_neighbour(n.interface, n.address)).ok();
                }
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The neighbours that each place knew, with their interfaces.
pub(super) type Before = BTreeMap<Location, BTreeSet<(u32, IpAddr)>>;

fn entries(settled: &Settled, owners: &BTreeMap<IpAddr, Location>, aim: &Aim) -> [Entry; 2] {
    let to = owners.get(&aim.to).unwrap_or(&Location::Host);
    let node = match &aim.from {
        Location::Node(name) => settled.node(name),
        Location::Host | Location::Outside => None,
    };
    let mut nets = node
        .into_iter()
        .flat_map(|n| n.interfaces.iter().flat_map(|i| &i.addresses));
    let direct = node.is_none() || nets.any(|net| net.contains(&aim.to));
    let other = |end: &Location| direct.then(|| end.clone());
    [
        (aim.from.clone(), other(to)),
        (to.clone(), other(&aim.from)),
    ]
}
