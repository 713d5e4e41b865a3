//! Changes of the names that programs in nodes find: lines of /etc/hosts and /etc/resolv.conf.

use hallway_spec::Name;

use super::{Cause, Described, StepAction};

/// One change. No program is started again for it: the files are changed in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameStep {
    /// What.
    pub change: NameChange,
    /// Why.
    pub cause: Cause,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameChange {
    /// A line, or a word in one, is added or removed.
    Entry {
        /// Whether it is added.
        comes: bool,
        /// The node.
        node: Name,
        /// What it is.
        kind: EntryKind,
        /// The line or word.
        text: String,
    },
    /// The servers or search domains of a node are used in another order.
    Order {
        /// The node.
        node: Name,
        /// What is in another order.
        kind: EntryKind,
        /// The new order.
        text: String,
    },
    /// A file differs from what was written.
    File {
        /// Whether it is missing.
        missing: bool,
        /// Its path for programs, with the nodes that use it if there are several such files.
        file: String,
    },
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// An address with a name that only programs of that node can resolve.
    Host,
    /// A further name of the node.
    Alias,
    /// A name server.
    Server,
    /// A domain in which names without a dot are looked up.
    Search,
}

impl EntryKind {
    fn words(self) -> &'static str {
        match self {
            Self::Host => "extra host",
            Self::Alias => "alias",
            Self::Server => "name server",
            Self::Search => "search domain",
        }
    }
}

impl NameStep {
    /// The change in words.
    #[must_use]
    pub fn describe(&self) -> Described {
        let (action, kind, name, detail) = match &self.change {
            NameChange::Entry {
                comes,
                node,
                kind,
                text,
            } => {
                let action = match comes {
                    true => StepAction::Create,
                    false => StepAction::Remove,
                };
                (action, kind.words(), text.clone(), format!("of {node}"))
            }
            NameChange::Order { node, kind, text } => {
                let detail = format!("of {node}, in this order");
                (StepAction::Change, kind.words(), text.clone(), detail)
            }
            NameChange::File { missing, file } => {
                let action = match missing {
                    true => StepAction::Create,
                    false => StepAction::Change,
                };
                (action, "file", file.clone(), String::new())
            }
        };
        Described {
            action,
            kind,
            name,
            detail,
            cause: self.cause.to_string(),
        }
    }
}
