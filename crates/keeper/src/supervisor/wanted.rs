//! Which programs must run: all of them, or some besides the others.

use std::collections::BTreeMap;
use std::time::Instant;

use hallway_engine::etc::EtcFiles;
use hallway_engine::keeper::Program;

use super::{Action, Entry, Supervisor};

impl Supervisor {
    /// From now on exactly these programs must run. Returns how many changed, and the actions. A
    /// program continues if only its files for /etc differ.
    pub fn sync(&mut self, wanted: Vec<Program>, now: Instant) -> (usize, Vec<Action>) {
        let by_node: BTreeMap<&str, &Program> =
            wanted.iter().map(|p| (p.node.as_str(), p)).collect();
        let goes_on = |old: &Program| {
            let new = by_node.get(old.node.as_str());
            new.is_some_and(|new| same_but_etc(old, new))
        };
        let removed: Vec<String> = self
            .entries
            .values()
            .filter(|entry| !goes_on(&entry.program))
            .map(|entry| entry.program.node.clone())
            .collect();
        let mut changed = removed.len();
        let mut actions = self.change_etc(&wanted, &removed);
        for node in &removed {
            self.entries.remove(node);
            actions.extend(self.stop_runs(node));
        }
        for program in wanted {
            if !self.entries.contains_key(&program.node) {
                changed += usize::from(!removed.contains(&program.node));
                let entry = Entry::new(program);
                self.entries.insert(entry.program.node.clone(), entry);
            }
        }
        actions.extend(self.advance(now));
        (changed, actions)
    }

    /// Ends the programs of these nodes and runs others besides the running ones. Returns how many
    /// changed, and the actions.
    pub fn change(
        &mut self,
        stop: &[String],
        start: Vec<Program>,
        now: Instant,
    ) -> (usize, Vec<Action>) {
        let (mut changed, mut actions) = (0, Vec::new());
        for node in stop {
            changed += usize::from(self.entries.remove(node).is_some());
            actions.extend(self.stop_runs(node));
        }
        for program in start {
            let same = self
                .entries
                .get(&program.node)
                .map(|e| e.program == program);
            if same == Some(true) {
                continue;
            }
            if same == Some(false) {
                actions.extend(self.stop_runs(&program.node));
            }
            changed += 1;
            self.entries
                .insert(program.node.clone(), Entry::new(program));
        }
        actions.extend(self.advance(now));
        (changed, actions)
    }

    /// Whether there is no program.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Changes the files for /etc of the programs that continue.
    fn change_etc(&mut self, wanted: &[Program], removed: &[String]) -> Vec<Action> {
        let mut actions = Vec::new();
        for program in wanted.iter().filter(|p| !removed.contains(&p.node)) {
            let Some(entry) = self.entries.get_mut(&program.node) else {
                continue;
            };
            if entry.program == *program {
                continue;
            }
            entry.program = program.clone();
            let files = EtcFiles {
                hosts: program.hosts.clone(),
                resolv_conf: program.resolv_conf.clone(),
            };
            let runs = self.runs.iter().filter(|(_, run)| run.node == program.node);
            for (run, _) in runs {
                let (run, files) = (*run, files.clone());
                actions.push(Action::ChangeEtc { run, files });
            }
        }
        actions
    }
}

fn same_but_etc(a: &Program, b: &Program) -> bool {
    *a == Program {
        hosts: a.hosts.clone(),
        resolv_conf: a.resolv_conf.clone(),
        etc_inodes: a.etc_inodes,
        ..b.clone()
    }
}
