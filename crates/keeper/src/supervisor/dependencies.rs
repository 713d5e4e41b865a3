//! Which programs may be started, by the states of those that they depend on.

use std::collections::{BTreeMap, BTreeSet};

use hallway_engine::keeper::{Exit, ProgramState};
use hallway_spec::{Condition, Dependency, Health};

use super::{Entry, Supervisor};

impl Supervisor {
    /// The nodes whose dependencies are satisfied, or not required while the other program has failed.
    pub(super) fn ready(&self) -> BTreeSet<String> {
        let failed = self.failed();
        let passes = |on: &Dependency| {
            self.satisfied(on) || !on.required && failed.contains(on.node.as_ref())
        };
        self.entries
            .values()
            .filter(|entry| entry.program.depends_on.iter().all(passes))
            .map(|entry| entry.program.node.clone())
            .collect()
    }

    /// Whether a dependency is satisfied. One on a node without a program always is.
    fn satisfied(&self, dependency: &Dependency) -> bool {
        let Some(entry) = self.entries.get(dependency.node.as_ref()) else {
            return true;
        };
        let completed = entry.state == ProgramState::Exited && entry.exit == Some(Exit::Code(0));
        let runs = entry.state == ProgramState::Running;
        match dependency.condition {
            Condition::ServiceStarted => runs || completed,
            Condition::ServiceHealthy => {
                runs && entry.health.is_none_or(|health| health == Health::Healthy)
            }
            Condition::ServiceCompletedSuccessfully => completed,
        }
    }

    /// The nodes whose program failed, or cannot be started since one that it requires did. Each is looked at
    /// once: there may be very many ways from one to another.
    fn failed(&self) -> BTreeSet<&str> {
        let mut blocked_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for entry in self.entries.values() {
            if entry.state != ProgramState::Waiting {
                continue;
            }
            let on = entry.program.depends_on.iter();
            for on in on.filter(|on| on.required && !self.satisfied(on)) {
                let blocked = blocked_by.entry(on.node.as_ref()).or_default();
                blocked.push(&entry.program.node);
            }
        }
        let itself = |entry: &&Entry| match entry.state {
            ProgramState::Exited => true,
            ProgramState::Waiting => false,
            _ => entry.health == Some(Health::Unhealthy),
        };
        let all = self.entries.values().filter(itself);
        let mut next: Vec<&str> = all.map(|entry| entry.program.node.as_str()).collect();
        let mut failed = BTreeSet::new();
        while let Some(node) = next.pop() {
            if failed.insert(node) {
                next.extend(blocked_by.get(node).into_iter().flatten());
            }
        }
        failed
    }
}
