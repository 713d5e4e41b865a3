//! Answers: the prediction, the result of packets, and the expectation of the file.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use hallway_plan::Settled;
use hallway_plan::reach::{ListenerKind, Location, Measured, Outcome, Path};
use hallway_spec::{Name, Place};

/// The expectation of a line of the file.
#[derive(Debug, Clone)]
pub(crate) struct Expectation {
    pub(crate) reachable: bool,
    /// The place in the file.
    pub(crate) place: Place,
}

/// One question with its answers.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// The prediction.
    pub(crate) path: Path,
    /// The result of packets; `None` if none was sent.
    pub(crate) measured: Option<Measured>,
    /// The expectation of the file.
    pub(crate) expected: Option<Expectation>,
    /// Why the program that should answer does not, if programs are tested too.
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
    /// The result: as measured, or as predicted if nothing was measured.
    pub(crate) fn outcome(&self) -> Outcome {
        self.measured
            .as_ref()
            .map_or(self.path.outcome, |m| m.outcome)
    }

    /// Whether it is as the file expects; without an expectation, as predicted.
    pub(crate) fn passes(&self) -> bool {
        match &self.expected {
            _ if self.no_service.is_some() => false,
            Some(_) if self.is_without_result() => false,
            Some(wanted) => self.outcome().reachable() == wanted.reachable,
            None => self.agrees(),
        }
    }

    /// Packets were sent, and what they show is not known.
    pub(crate) fn is_without_result(&self) -> bool {
        let measured = self.measured.as_ref();
        measured.is_some_and(|m| m.outcome == Outcome::Unknown)
    }

    /// Whether the measurement is as predicted.
    pub(crate) fn agrees(&self) -> bool {
        self.path.outcome.agrees(self.outcome())
    }
}

impl Proof {
    /// Tests the programs too: if an answer is expected of a node with a program in the file, that
    /// program must run and listen; a listener that was opened for the attempt is not enough.
    /// `stopped` contains why programs do not run.
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
            let Some(node) = declared.filter(|_| wanted && !row.is_without_result()) else {
                continue;
            };
            let listener = row.measured.as_ref().map(|m| m.listener);
            row.no_service = match stopped.get(&node.name) {
                Some(why) => Some(format!("the program of {name} {why}")),
                None if matches!(listener, Some(ListenerKind::Temporary | ListenerKind::None)) => {
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
