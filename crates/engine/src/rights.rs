//! The rights of programs.

use serde::{Deserialize, Serialize};

/// A user without capabilities, who cannot get any (no_new_privs, prctl(2)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// The user's number.
    pub user: u32,
    /// The group's number.
    pub group: u32,
    /// All its groups.
    pub groups: Vec<u32>,
}
