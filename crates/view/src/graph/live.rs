//! The present state in a picture: what exists, what is missing, and programs that do not run as they should.

use hallway_plan::Settled;
use hallway_plan::observed::Live;
use hallway_plan::settled::{self, Plug};

use super::model::{Graph, Presence};
use crate::program::Program;

impl Graph {
    /// Marks existing and missing objects, and programs that do not run as they should.
    #[must_use]
    pub fn with(mut self, settled: &Settled, live: &Live, programs: &[Program]) -> Self {
        let state = |there| {
            if there {
                Presence::Present
            } else {
                Presence::Missing
            }
        };
        let has = |link: &str| live.links.iter().any(|l| l == link);
        for network in &mut self.networks {
            network.state = match &network.bridge {
                Some(bridge) => state(has(bridge)),
                None => Presence::Unknown,
            };
        }
        for (shown, node) in self.nodes.iter_mut().zip(&settled.nodes) {
            let seen = live.nodes.get(&node.name);
            shown.state = state(seen.is_some());
            shown.faults = faults(node, programs);
            for (to, interface) in shown.interfaces.iter_mut().zip(&node.interfaces) {
                to.counters = seen.and_then(|s| s.get(&interface.name)).copied();
                let other_end = match &interface.plug {
                    Plug::Port { link, .. } => has(link),
                    Plug::Macvlan { .. } | Plug::Cable => true,
                };
                to.state = state(to.counters.is_some() && other_end);
            }
        }
        self
    }

    /// The number of missing objects.
    #[must_use]
    pub fn missing(&self) -> usize {
        let networks = self.networks.iter().map(|n| n.state);
        let nodes = self.nodes.iter().map(|n| n.state);
        let interfaces = self.nodes.iter().flat_map(|n| &n.interfaces);
        networks
            .chain(nodes)
            .chain(interfaces.map(|i| i.state))
            .filter(|s| *s == Presence::Missing)
            .count()
    }
}

/// What is wrong with the programs in a node; those that share its namespace have their names.
fn faults(node: &settled::Node, programs: &[Program]) -> Vec<String> {
    let own = node.programs().filter_map(|p| {
        let found = programs.iter().find(|seen| seen.node == p.name.as_ref());
        let fault = found?.fault()?;
        Some(match *p.name == node.name {
            true => fault,
            false => format!("{}: {fault}", p.name),
        })
    });
    own.collect()
}
