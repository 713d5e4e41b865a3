//! What the kernel holds after a run, compared with what was built.

use hallway_plan::compare::{Difference, Fact, ObjectPlace};
use hallway_plan::diff::{Recorded, drift};
use hallway_plan::observed::{AddressFault, Seen};

use crate::engine::joined_on;
use crate::observe::{self, Depth};
use crate::{Engine, Failure, Planned, Record};

impl Engine {
    /// Differences between kernel and plan, in the namespaces that the plan concerned, without
    /// programs and listeners.
    pub(crate) fn verify(
        &self,
        planned: &Planned,
        record: &Record,
    ) -> Result<Vec<Difference>, Failure> {
        let mut kernel = self.kernel();
        let settled = &planned.settled;
        let project = &settled.project;
        let mut observed = observe::network(&mut kernel, project)?;
        observed.namespaces = observe::namespaces(&kernel, project, Some(record), &planned.depth)?;
        observed.joined = observe::joined::read(&kernel, &joined_on(Some(record)));
        observed.noted = self.store().host_settings_of(&observed.host)?;
        observed.host.forwarding = observe::forwarding(&mut kernel, settled, &observed.host)?;
        observed.guard = Seen::Unseen;
        let built = Recorded {
            applied: Some(settled),
            pending: None,
            inodes: &record.inodes,
            uplinks: &record.uplinks,
        };
        let mut differences = drift(built, &observed).differences;
        let of_others = |bridge: &String| {
            let mut networks = settled.networks.iter();
            networks.any(|n| n.external && n.bridge.as_ref() == Some(bridge))
        };
        // Links that others set up or removed since are left to the next repair.
        differences.retain(|d| match &d.fact {
            fact if fact.is_left_to_others() => false,
            Fact::AddressMissing { link, .. } if d.place == ObjectPlace::Host => !of_others(link),
            // The kernel adds it some time after the address.
            Fact::AddressFaulty { address, fault, .. } => {
                *fault != AddressFault::LocalRoute || address.net.addr().is_ipv4()
            }
            Fact::UplinkNoteLeft { .. } => false,
            Fact::UplinkForwarding { link, version }
            | Fact::UplinkNoteMissing { link, version } => planned.plan.turns_on(link, *version),
            _ => true,
        });
        if planned.depth != Depth::Inside {
            differences.retain(|d| d.fact != Fact::NamespaceUnseen);
        }
        Ok(differences)
    }
}
