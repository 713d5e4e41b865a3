//! Who reaches whom: `explain`, `reach`, `trace` and `test`.

use std::net::IpAddr;

use hallway_plan::reach::{Measured, Outcome, Path, Reason, Service};
use hallway_spec::Name;
use serde::Serialize;

use super::Version;

/// Predictions, as `explain` shows them.
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

/// What a prediction says, in short.
#[derive(Debug, Serialize)]
pub struct Predicted<'a> {
    /// How it should end.
    pub outcome: Outcome,
    /// Why.
    pub reason: &'a Reason,
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

/// Real attempts, as `reach` shows them.
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
    /// What the attempt showed; none when there was no address to use.
    pub measured: Option<Measured>,
    /// What was predicted.
    pub predicted: Predicted<'a>,
    /// Whether both say the same about reachability.
    pub agrees: bool,
}

/// Traces of packets of our own, as `trace` shows them.
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
    /// As it really went.
    pub path: &'a Path,
    /// What the attempt showed.
    pub measured: Option<&'a Measured>,
    /// What was predicted.
    pub predicted: Predicted<'a>,
    /// Whether both say the same about reachability.
    pub agrees: bool,
}

/// One exchange of other programs, as `trace --follow` shows it; a line each.
#[derive(Debug, Serialize)]
pub struct FollowedPacket<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// As it really went.
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
    /// How many results are as they should be.
    pub passed: usize,
    /// How many are not.
    pub failed: usize,
    /// How long all attempts took, in microseconds.
    pub elapsed_us: u64,
    /// In the order they were asked for.
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
    /// Whether the file says that it is reachable; none when it says nothing.
    pub expected: Option<bool>,
    /// The line of the file that says so.
    pub line: Option<u32>,
    /// What was predicted.
    pub predicted: Predicted<'a>,
    /// What the attempt showed; none when none was made.
    pub measured: Option<&'a Measured>,
    /// Whether prediction and attempt say the same about reachability.
    pub agrees: bool,
    /// With `--service`, why the program that should answer does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<&'a str>,
    /// Whether it is as it should be.
    pub pass: bool,
}
