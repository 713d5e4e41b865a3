//! Plans for a place where nothing of the project is.

use std::collections::BTreeMap;

use hallway_kernel::Kernel;
use hallway_plan::diff::Recorded;
use hallway_plan::observed::{PresentNamespace, SeenJoined, SeenSpace};
use hallway_plan::{Observed, Surroundings, diff, settle};
use hallway_spec::{Joined, Topology};

use crate::engine::conflicts;
use crate::observe::{self, Depth};
use crate::{Engine, Failure, Planned};

/// What is taken for granted of namespaces of others that nodes join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherNamespaces {
    /// None is there: that of a sandbox that does not run yet.
    Absent,
    /// They are there and hold nothing: for pictures and predictions.
    Assumed,
    /// As they are here.
    Examined,
}

impl Engine {
    /// The steps if nothing at all of the project were there, and nothing else in its way.
    ///
    /// # Errors
    /// Conflicts within the topology itself, and with namespaces that its nodes join.
    pub fn plan_from_nothing(
        topology: &Topology,
        others: OtherNamespaces,
    ) -> Result<Planned, Failure> {
        let observed = Observed {
            joined: joined(topology, others),
            ..Observed::default()
        };
        let around = Surroundings::new(&topology.name, &observed, &[]);
        let settled = settle(topology, None, &around).map_err(conflicts)?;
        let plan = diff(
            &topology.name,
            Recorded::default(),
            Some(&settled),
            &observed,
        );
        Ok(Planned {
            plan,
            settled,
            record: None,
            observed,
            depth: Depth::Inside,
            dropped: Vec::new(),
            edited_from: None,
        })
    }
}

fn joined(topology: &Topology, others: OtherNamespaces) -> BTreeMap<Joined, SeenJoined> {
    let mut wanted = observe::joined::Wanted::default();
    match others {
        OtherNamespaces::Absent => BTreeMap::new(),
        OtherNamespaces::Examined => {
            wanted.add_topology(topology);
            observe::joined::read(&Kernel::new(), &wanted)
        }
        OtherNamespaces::Assumed => {
            let all = topology.nodes.iter().filter_map(|n| n.namespace.as_ref());
            let assumed = |(joined, inode): (&Joined, u64)| {
                let present = PresentNamespace {
                    netns: joined.file().unwrap_or_else(|| joined.to_string()),
                    inode,
                    is_host: false,
                    inside: SeenSpace::default(),
                };
                (joined.clone(), SeenJoined::Present(present))
            };
            all.zip(1..).map(assumed).collect()
        }
    }
}
