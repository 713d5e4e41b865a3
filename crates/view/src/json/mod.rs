//! The output of the command line for programs. Every shape that is printed as a whole has a
//! `schema_version`: it stays when a key is added, and rises when a key is changed or removed. Keys
//! are in snake_case; values that do not apply are `null`.

mod capture;
mod difference;
mod impairment;
mod interface;
mod machine;
mod plan;
mod project;
mod published;
mod reach;
mod sidecar;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use capture::{CapturedPacket, protocol_name};
pub use difference::DifferenceEntry;
pub use impairment::{Impairment, impairments};
pub use interface::Interface;
pub use machine::{
    CheckEntry, CheckOutcome, Endpoints, LogLine, Measurement, OrphanedObject, SandboxEntry,
    SandboxInternet,
};
pub use plan::{PlannedSteps, ProblemEntry, Validation};
pub use project::{
    Cable, CableEnd, Member, Network, NetworkDetails, Node, NodeDetails, Policy, ProjectEntry,
    Route, Status, SubnetShape, links, networks, nodes, policies,
};
pub use published::Published;
pub use reach::{
    Attempt, Attempts, Explanation, FollowedPacket, Predicted, TestReport, TestResult, Trace,
    Traces,
};
pub use sidecar::Sidecar;

/// The version of a shape; serialised as the number `N`.
///
/// ```
/// use hallway_view::json::Version;
///
/// assert_eq!(serde_json::to_string(&Version::<1>)?, "1");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version<const N: u32>;

impl<const N: u32> Serialize for Version<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(N)
    }
}

/// Any other version is refused.
impl<'de, const N: u32> Deserialize<'de> for Version<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            found if found == N => Ok(Self),
            found => Err(D::Error::custom(format!("version {found}, not {N}"))),
        }
    }
}
