//! Answers: what is predicted, what packets did, and what the file expects.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use hallway_plan::Settled;
use hallway_plan::reach::{Listener, Location, Measured, Outcome, Path};
use hallway_spec::{Name, Place};

/// What a line of the file expects.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) reachable: bool,
    /// The place in the file.
    pub(crate) place: Place,
}

/// One question with its answers.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What is predicted.
    pub(crate) path: Path,
    /// What the packets did; `None` when none was sent.
    pub(crate) measured: Option<Measured>,
    /// What the file expects.
    pub(crate) expected: Option<Expectation>,
    /// Why the program that should answer does not, when programs are tested too.
    pub(crate) no_service: Option<String>,
}

/// All answers.
pub(crate) struct Proof {
    pub(crate) project: String,
    pub(crate) file: String,
    /// Each network with its nodes.
    pub(crate) networks: Vec<(String, Vec<String>)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) elapsed: Duration,
}

impl Row {
    /// How it is: as measured, or as predicted where nothing was measured.
    pub(crate) fn outcome(&self) -> Outcome {
        self.measured
            .as_ref()
            .map_or(self.path.outcome, |m| m.outcome)
    }

    /// As the file expects; where it expects nothing, as predicted.
    pub(crate) fn passes(&self) -> bool {
        match &self.expected {
            _ if self.no_service.is_some() => false,
            Some(wanted) => self.outcome().reachable() == wanted.reachable,
            None => self.agrees(),
        }
    }

    /// Whether packets do as predicted.
    pub(crate) fn agrees(&self) -> bool {
        self.outcome().reachable() == self.path.outcome.reachable()
    }
}

impl Proof {
    /// Tests the programs too: where an answer is expected of a node that declares a program, that
    /// program must run and listen, and not a listener that was opened for the attempt. `stopped`
    /// says why programs do not run.
    pub(crate) fn require_services(&mut self, settled: &Settled, stopped: &BTreeMap<Name, String>) {
        for row in &mut self.rows {
            let wanted = row.expected.as_ref().is_some_and(|e| e.reachable);
            let name = match &row.path.target {
                Some((Location::Node(name), _)) => name.as_ref(),
                _ => row.path.to.as_str(),
            };
            let declared = settled
                .nodes
                .iter()
                .find(|n| n.name.as_ref() == name && n.service.is_some());
            let Some(node) = declared.filter(|_| wanted) else {
                continue;
            };
            let listener = row.measured.as_ref().map(|m| m.listener);
            row.no_service = match stopped.get(&node.name) {
                Some(why) => Some(format!("the program of {name} {why}")),
                None if matches!(listener, Some(Listener::Temporary | Listener::None)) => {
                    Some(format!(
                        "the program of {name} does not listen on {}",
                        row.path.service
                    ))
                }
                None => None,
            };
        }
    }

    /// How many rows are not as expected.
    pub(crate) fn failed(&self) -> usize {
        self.rows.iter().filter(|r| !r.passes()).count()
    }

    /// The exit code: 1 when anything failed.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.failed() > 0))
    }
}
