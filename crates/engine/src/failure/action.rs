//! What was attempted with a file, for messages.

/// What was attempted with a file of the state directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names describe them
pub enum FileAction {
    Create,
    Read,
    Write,
    Remove,
    Lock,
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
