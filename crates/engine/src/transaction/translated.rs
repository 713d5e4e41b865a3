//! Ports that rules of other programs already send elsewhere.

use hallway_nftables::{ChainType, Hook, Table};
use hallway_plan::reach::{TakenPort, World, taken_ports};
use hallway_plan::settled::Publish;
use hallway_plan::{Settled, rules};

use crate::read::environment::{environment, foreign};
use crate::{Engine, Failure, Reason};

impl Engine {
    /// Which of these published ports rules of other programs have. hallway's own come first once they are
    /// loaded, and would take the port away.
    pub(super) fn translated(
        &self,
        settled: &Settled,
        publishes: &[&Publish],
    ) -> Result<Vec<TakenPort>, Failure> {
        let failed = |e| Failure::caused(Reason::Kernel, e);
        if publishes.is_empty() {
            return Ok(Vec::new());
        }
        let tables = foreign(&mut self.kernel()).map_err(failed)?;
        if !tables.iter().any(translates) {
            return Ok(Vec::new());
        }
        let around = environment(settled).map_err(failed)?;
        let rules = rules::ruleset(settled);
        let world = World::new(settled, &rules, around);
        Ok(world.map_or_else(Vec::new, |world| taken_ports(&world, publishes)))
    }
}

/// Whether a table has a chain that changes destinations of packets that come in.
fn translates(table: &Table) -> bool {
    let mut bases = table.chains.iter().filter_map(|c| c.base);
    bases.any(|b| b.kind == ChainType::Nat && b.hook == Hook::Prerouting)
}

/// The failure that names the rule.
pub(super) fn failure(taken: TakenPort) -> Failure {
    let reason = Reason::PortTranslated {
        port: taken.port,
        protocol: taken.protocol,
        address: taken.address,
        rule: taken.rule,
        shown_by: taken.shown_by,
    };
    Failure {
        place: Some(taken.place),
        ..Failure::from(reason)
    }
}
