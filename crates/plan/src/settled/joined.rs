//! Namespaces of other programs that nodes join.

use std::collections::BTreeMap;

use hallway_spec::{IpVersion, Joined, SysctlKey};

/// A namespace of other programs, as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinedNamespace {
    /// What the file names.
    pub reference: Joined,
    /// Its inode number.
    pub inode: u64,
    /// Settings that hallway changes there, as they were before.
    pub before: SettingsBefore,
}

/// Settings of a namespace as they were before hallway changed them. Those that the kernel did not
/// have are missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SettingsBefore {
    /// Whether it forwarded, by IP version.
    pub forwarding: Vec<(IpVersion, u32)>,
    /// Further settings, which the file gives.
    pub sysctls: BTreeMap<SysctlKey, String>,
}
