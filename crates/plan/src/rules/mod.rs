//! The packet filter of a project as data: two tables (inet and bridge) made of sets, maps
//! and a fixed number of rules. Nodes and ports are elements, never rules; only policy lines
//! add rules, so each can be traced to its line.

mod between;
mod bridge;
pub mod build;
mod closing;
mod covered;
mod definition;
pub mod delta;
pub mod elements;
mod ended;
mod foreign;
mod guard;
pub mod keeper_guard;
mod nat;
mod pairs;
mod parts;
mod policy;
mod ports;
pub mod purpose;
mod quoted_headers;
mod routed;
pub mod router;
pub mod sets;
mod several_networks;
mod share;
pub(crate) mod source_routing;

pub use build::ruleset;
pub(crate) use closing::closing;
pub use delta::{Delta, delta};
pub use hallway_nftables::Ruleset;
pub use keeper_guard::Guarded;
pub use nat::is_shared_with_host;

/// The name of an IP version in nf_tables.
#[must_use]
pub fn nf_version(version: hallway_spec::IpVersion) -> hallway_nftables::IpVersion {
    match version {
        hallway_spec::IpVersion::V4 => hallway_nftables::IpVersion::V4,
        hallway_spec::IpVersion::V6 => hallway_nftables::IpVersion::V6,
    }
}

/// The same, from nf_tables.
#[must_use]
pub fn ip_version(version: hallway_nftables::IpVersion) -> hallway_spec::IpVersion {
    match version {
        hallway_nftables::IpVersion::V4 => hallway_spec::IpVersion::V4,
        hallway_nftables::IpVersion::V6 => hallway_spec::IpVersion::V6,
    }
}
