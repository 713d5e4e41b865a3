//! What was attempted with a file, for messages.

/// What was attempted with a file of the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileAction {
    /// It was created.
    Create,
    /// It was read.
    Read,
    /// It was written.
    Write,
    /// It was removed.
    Remove,
    /// It was locked.
    Lock,
    /// Its directory was examined, to use it.
    Use,
}

impl std::fmt::Display for FileAction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Write => "write",
            Self::Remove => "remove",
            Self::Lock => "lock",
            Self::Use => "use",
        })
    }
}
