//! Entries of bridges: frames go by what the bridge has learned, or to every port.

use super::index::Index;
use super::{Comparison, Fact, ObjectPlace};
use crate::settled::Settled;

impl Comparison {
    /// Entries that do not come from frames.
    pub(super) fn forwarding(&mut self, wanted: &Settled, host: &Index<'_>) {
        let own = wanted.networks.iter().filter(|n| !n.external);
        let bridges: Vec<&str> = own.filter_map(|n| n.bridge.as_deref()).collect();
        for entry in &host.seen.forwarding {
            let mut links = host.seen.links.iter();
            let port = links.find(|l| l.index == entry.port);
            if let Some(port) = port.filter(|_| bridges.contains(&entry.bridge.as_str())) {
                let (bridge, port) = (entry.bridge.clone(), port.name.clone());
                let mac = entry.mac;
                self.push(ObjectPlace::Host, Fact::Forwarding { bridge, port, mac });
            }
        }
    }
}
