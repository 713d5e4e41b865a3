//! A packet that comes to one place several times: what the host passes on to a router comes to the host
//! again.

use std::collections::BTreeSet;

use super::evidence::{ChainRun, Sighting};
use super::watch::{SeenFrame, WatchedPlace};

/// Links that a packet came in by or left by, with the bridges that they are ports of.
fn around(watch: &WatchedPlace, frames: &[SeenFrame]) -> BTreeSet<u32> {
    let links = frames.iter().map(|seen| seen.interface);
    let masters = links
        .clone()
        .filter_map(|index| watch.link(index).and_then(|l| l.master));
    links.clone().chain(masters).collect()
}

impl Sighting {
    /// What was seen of each time that the packet came to the place, in order.
    pub(super) fn passes(mut self, watch: &WatchedPlace) -> Vec<Self> {
        let mut frames: Vec<SeenFrame> = self.ins.drain(..).chain(self.outs.drain(..)).collect();
        // Some have no times of their own.
        frames.sort_by_key(|seen| seen.order);
        let mut passes: Vec<Self> = vec![Self::default()];
        for seen in frames {
            let left = passes.last().is_some_and(|pass| !pass.outs.is_empty());
            // What a place sends to itself leaves by the loopback, and comes in by it.
            if !seen.out && left && watch.name(seen.interface) != "lo" {
                passes.push(Self::default());
            }
            if let Some(pass) = passes.last_mut() {
                match seen.out {
                    true => pass.outs.push(seen),
                    false => pass.ins.push(seen),
                }
            }
        }
        if let Some(first) = passes.first_mut() {
            first.made = self.made;
        }
        let links: Vec<[BTreeSet<u32>; 2]> = passes
            .iter()
            .map(|pass| [around(watch, &pass.ins), around(watch, &pass.outs)])
            .collect();
        // By one bridge it may come several times: then by where it goes, and what is dropped comes last.
        let of = |run: &ChainRun| {
            let (iif, oif) = (run.first.iif, run.first.oif);
            let came = |[ins, outs]: &[BTreeSet<u32>; 2]| match iif {
                0 => outs.contains(&oif),
                iif => ins.contains(&iif),
            };
            let left = |links: &[BTreeSet<u32>; 2]| came(links) && links[1].contains(&oif);
            let found = match run.drops() {
                true => links.iter().rposition(came),
                false => links.iter().position(left).or(links.iter().position(came)),
            };
            found.unwrap_or(0)
        };
        for run in self.bridge.drain(..) {
            if let Some(pass) = passes.get_mut(of(&run)) {
                pass.bridge.push(run);
            }
        }
        for run in self.inet.drain(..) {
            if let Some(pass) = passes.get_mut(of(&run)) {
                pass.inet.push(run);
            }
        }
        passes
    }
}
