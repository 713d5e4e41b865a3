//! What a guard protects, in a message.

use hallway_plan::rules;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// See [`rules::Guarded`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Guarded {
    pub groups: Vec<u32>,
    pub prefixes: Vec<IpNet>,
}

impl From<&rules::Guarded> for Guarded {
    fn from(g: &rules::Guarded) -> Self {
        Self {
            groups: g.groups.clone(),
            prefixes: g.prefixes.clone(),
        }
    }
}

impl From<Guarded> for rules::Guarded {
    fn from(g: Guarded) -> Self {
        Self {
            groups: g.groups,
            prefixes: g.prefixes,
        }
    }
}
