//! The machine and its sandboxes: `doctor`, `gc`, `sandbox ls`, `logs` and `bench`.

use hallway_spec::Name;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Version;

/// The result of one check of `doctor`.
#[derive(Debug, Serialize)]
pub struct CheckEntry<'a> {
    /// What was checked.
    pub name: &'a str,
    /// The outcome.
    pub outcome: CheckOutcome,
    /// What was found.
    pub found: &'a str,
    /// The effect and what to do; empty if there is nothing to do.
    pub advice: &'a str,
    /// Of this shape.
    pub schema_version: Version<1>,
}

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Nothing is missing.
    Ok,
    /// It works, with a restriction.
    Warning,
    /// It does not work.
    Missing,
}

/// What a project left that is not on record, as `gc` lists it.
#[derive(Debug, Serialize)]
pub struct OrphanedObject<'a> {
    /// Of this shape.
    pub schema_version: Version<2>,
    /// The project, if its marks name it.
    pub project: Option<&'a Name>,
    /// The destination of an unreachable route of no project.
    pub route: Option<IpNet>,
    /// Whether it has been removed.
    pub removed: bool,
}

/// A running sandbox, as `sandbox ls` lists it.
#[derive(Debug, Serialize)]
pub struct SandboxEntry {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// Its name.
    pub name: String,
    /// The process whose namespaces are the sandbox.
    pub pid: i32,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The projects in it.
    pub projects: Vec<Name>,
    /// How it reaches the internet.
    pub internet: SandboxInternet,
    /// Why its projects are not known, if they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<&'static str>,
}

/// How a sandbox reaches the internet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxInternet {
    /// Through the `pasta` process with this process id.
    Pasta(i32),
    /// Not at all, for this reason.
    None(String),
}

/// A line of a program's output, as `logs` prints it.
///
/// ```
/// use hallway_view::json::{LogLine, Version};
///
/// let node = "web".parse()?;
/// let time = "2026-11-25T19:45:01.250Z";
/// let line = LogLine { schema_version: Version, node: &node, time, line: "ready" };
/// assert_eq!(
///     serde_json::to_string(&line)?,
///     r#"{"schema_version":1,"node":"web","time":"2026-11-25T19:45:01.250Z","line":"ready"}"#
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Serialize)]
pub struct LogLine<'a> {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// The node of the program.
    pub node: &'a Name,
    /// When it was written, in UTC (RFC 3339).
    pub time: &'a str,
    /// The line, without its end.
    pub line: &'a str,
}

/// The measurements of `bench attach` for one number of nodes. Every duration is in microseconds,
/// of the whole work.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Measurement {
    /// Of this shape.
    pub schema_version: Version<1>,
    /// How many nodes.
    pub nodes: usize,
    /// `up` from nothing to all nodes, including the start of the process and reading the file.
    pub up: u64,
    /// `down` of all nodes.
    pub down: u64,
    /// A second `up` that finds nothing to change.
    pub again: u64,
    /// `up` from nothing to the network with one node.
    pub first: u64,
    /// `up` from all nodes to one more.
    pub one_more: u64,
    /// Building all nodes with plain netlink requests.
    pub bare_up: u64,
    /// Removing all nodes with plain netlink requests.
    pub bare_down: u64,
    /// The script that builds; `None` without `ip`.
    pub script_up: Option<u64>,
    /// The script that removes; `None` without `ip`.
    pub script_down: Option<u64>,
    /// One node added and removed by a separate process, beside all of them.
    pub endpoints: Endpoints,
}

/// How long a process takes to add or remove one node beside all the others, in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Endpoints {
    /// `node add`.
    pub attach: u64,
    /// `node rm`.
    pub detach: u64,
    /// `node add` with a published port.
    pub attach_port: u64,
    /// `node rm` of such a node.
    pub detach_port: u64,
    /// `netavark setup` with a published port, beside none; `None` if it is not installed.
    pub netavark_attach: Option<u64>,
    /// `netavark teardown`.
    pub netavark_detach: Option<u64>,
    /// The CNI plugins bridge and portmap, beside none; `None` if they are not installed.
    pub cni_attach: Option<u64>,
    /// The same plugins with DEL.
    pub cni_detach: Option<u64>,
}
