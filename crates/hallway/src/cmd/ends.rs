//! The ends of programs, for `up --attach`.

use std::collections::BTreeMap;

use hallway_engine::Engine;
use hallway_engine::keeper::{Client, ProgramState, ProgramStatus};
use hallway_spec::Name;

use crate::interrupt;

/// The ends that were reported so far.
pub(super) struct Ends {
    project: Name,
    client: Option<Client>,
    /// By program: how often it was started again, at the last end that was reported.
    reported: BTreeMap<String, u32>,
    /// Whether there are programs, and all have ended by themselves.
    pub(super) all: bool,
}

impl Ends {
    pub(super) fn new(project: &Name) -> Self {
        Self {
            project: project.clone(),
            client: None,
            reported: BTreeMap::new(),
            all: false,
        }
    }

    /// The programs that have ended since the last call, with a line for each.
    pub(super) fn poll(&mut self, engine: &Engine) -> Vec<(String, String)> {
        let client = match self.client.take() {
            Some(client) => Some(client),
            None => engine
                .keeper(&self.project, &interrupt::waiting())
                .ok()
                .flatten(),
        };
        // Without an answer the keeper has ended or was replaced: the next call tries again.
        let Some((client, programs)) = client.and_then(|c| c.programs().ok().map(|p| (c, p)))
        else {
            return Vec::new();
        };
        self.client = Some(client);
        // Those that a command stopped may be started again.
        let ended = |p: &ProgramStatus| p.state == ProgramState::Exited && p.exit.is_some();
        self.all = !programs.is_empty() && programs.iter().all(ended);
        programs
            .iter()
            .filter_map(|p| Some((p.node.clone(), self.end(p)?)))
            .collect()
    }

    fn end(&mut self, program: &ProgramStatus) -> Option<String> {
        let again = match program.state {
            ProgramState::Restarting => ", and is started again",
            ProgramState::Exited => "",
            ProgramState::Waiting | ProgramState::Starting | ProgramState::Running => return None,
        };
        let before = self.reported.insert(program.node.clone(), program.restarts);
        if before == Some(program.restarts) {
            return None;
        }
        let end = match program.exit {
            Some(exit) => exit.to_string(),
            None => "has been stopped".to_owned(),
        };
        Some(format!("{} {end}{again}", program.node))
    }
}
