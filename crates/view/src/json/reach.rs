//! Reachability: `explain`, `reach`, `trace` and `test`.

use std::net::IpAddr;

use hallway_plan::reach::{Measured, Outcome, OutcomeReason, Path, Service};
use hallway_spec::Name;
use serde::Serialize;

use super::Version;

/// Predictions, for `explain`.
#[derive(Debug, Serialize)]
pub struct Explanation<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The project.
    pub project: &'a Name,
    /// The file the project comes from.
    pub file: &'a str,
    /// One for each address family.
    pub paths: &'a [Path],
}

/// The short form of a prediction.
#[derive(Debug, Serialize)]
pub struct Predicted<'a> {
    /// The predicted outcome.
    pub outcome: Outcome,
    /// Why.
    pub reason: &'a OutcomeReason,
}

impl<'a> Predicted<'a> {
    /// The outcome of a predicted path, and its reason.
    #[must_use]
    pub fn of(path: &'a Path) -> Self {
        Self {
            outcome: path.outcome,
            reason: &path.reason,
        }
    }
}

/// Real attempts, for `reach`.
#[derive(Debug, Serialize)]
pub struct Attempts<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The project.
    pub project: &'a Name,
    /// One for each address family.
    pub probes: Vec<Attempt<'a>>,
}

/// One real attempt beside its prediction.
#[derive(Debug, Serialize)]
pub struct Attempt<'a> {
    /// The client.
    pub from: &'a str,
    /// The server.
    pub to: &'a str,
    /// The server's address that was used.
    pub address: Option<IpAddr>,
    /// The port, or `icmp`.
    pub service: Service,
    /// The result of the attempt; none if there was no address to use.
    pub measured: Option<Measured>,
    /// What was predicted.
    pub predicted: Predicted<'a>,
    /// Whether both agree about reachability.
    pub agrees: bool,
}

/// Traces of hallway's own packets, for `trace`.
#[derive(Debug, Serialize)]
pub struct Traces<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The project.
    pub project: &'a Name,
    /// The file the project comes from.
    pub file: &'a str,
    /// One for each address family.
    pub paths: Vec<Trace<'a>>,
}

/// One trace beside its prediction.
#[derive(Debug, Serialize)]
pub struct Trace<'a> {
    /// The observed path.
    pub path: &'a Path,
    /// The result of the attempt.
    pub measured: Option<&'a Measured>,
    /// What was predicted.
    pub predicted: Predicted<'a>,
    /// Whether both agree about reachability.
    pub agrees: bool,
}

/// One exchange of other programs, for `trace --follow`; a line each.
#[derive(Debug, Serialize)]
pub struct FollowedPacket<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The observed path.
    pub path: &'a Path,
}

/// The results of `test`.
#[derive(Debug, Serialize)]
pub struct TestReport<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The project.
    pub project: &'a str,
    /// The file the project comes from.
    pub file: &'a str,
    /// The number of results that are as expected.
    pub passed: usize,
    /// The number of others.
    pub failed: usize,
    /// How long all attempts took, in microseconds.
    pub elapsed_us: u64,
    /// In the order of the questions.
    pub results: Vec<TestResult<'a>>,
}

/// One result of `test`.
#[derive(Debug, Serialize)]
pub struct TestResult<'a> {
    /// The client.
    pub from: &'a str,
    /// The server.
    pub to: &'a str,
    /// The server's address that was used.
    pub address: Option<IpAddr>,
    /// The port, or `icmp`.
    pub service: Service,
    /// Whether it is reachable by an expectation of the file; none without an expectation.
    pub expected: Option<bool>,
    /// The line of that expectation.
    pub line: Option<u32>,
    /// The file of that line, if it is another one than the project comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<&'a str>,
    /// What was predicted.
    pub predicted: Predicted<'a>,
    /// The result of the attempt; none if none was made.
    pub measured: Option<&'a Measured>,
    /// Whether prediction and attempt agree about reachability.
    pub agrees: bool,
    /// With `--service`, why the program that should answer does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<&'a str>,
    /// Whether it is as expected.
    pub pass: bool,
}
