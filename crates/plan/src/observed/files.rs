//! Files that programs in nodes find below /etc.

use std::collections::BTreeMap;
use std::fmt;

/// Those of a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenFiles {
    /// Files of /etc/hosts, by the names of [`crate::hosts`].
    pub hosts: BTreeMap<String, SeenFile>,
    /// Files of /etc/resolv.conf, by the names of [`crate::resolv`].
    pub resolv: BTreeMap<String, SeenFile>,
    /// The host's name servers at this moment, as far as nodes can reach them.
    pub of_host: String,
    /// Who may read and write such a file.
    pub access: FileAccess,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeenFile {
    /// Its text.
    pub text: String,
    /// Who may read and write it.
    pub access: FileAccess,
}

/// Who may read and write a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FileAccess {
    /// The number of its owner.
    pub owner: u32,
    /// Permissions.
    pub mode: u32,
}

impl fmt::Display for FileAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { owner, mode } = self;
        write!(f, "mode {mode:04o} of user {owner}")
    }
}
