//! Answers: what is predicted, what packets did, and what the file expects.

use std::process::ExitCode;
use std::time::Duration;

use hallway_plan::reach::{Measured, Outcome, Path};
use hallway_spec::Place;

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
}

/// All answers.
pub(crate) struct Proof {
    pub(crate) project: String,
    pub(crate) file: String,
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
    /// How many rows are not as expected.
    pub(crate) fn failed(&self) -> usize {
        self.rows.iter().filter(|r| !r.passes()).count()
    }

    /// The exit code: 1 when anything failed.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(u8::from(self.failed() > 0))
    }
}
