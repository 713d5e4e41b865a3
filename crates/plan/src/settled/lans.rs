//! Lans with one subnet.

use std::collections::BTreeSet;

use hallway_spec::{Mode, Name};
use ipnet::IpNet;

use super::Settled;

impl Settled {
    /// The lans of which another lan has the same subnet, or a part of it: an address there does not
    /// identify a node.
    #[must_use]
    pub fn alike_lans(&self) -> BTreeSet<&Name> {
        let lans = self.networks.iter().filter(|n| n.mode == Mode::Lan);
        let mut all: Vec<(IpNet, &Name)> = lans
            .flat_map(|n| n.subnets.iter().map(move |s| (s.net, &n.name)))
            .collect();
        all.sort_by_key(|(net, _)| (net.network(), net.prefix_len()));
        let mut out = BTreeSet::new();
        let mut widest: Option<(IpNet, &Name)> = None;
        for (net, name) in all {
            match widest {
                Some((wide, other)) if wide.contains(&net) => out.extend([name, other]),
                _ => widest = Some((net, name)),
            }
        }
        out
    }
}
